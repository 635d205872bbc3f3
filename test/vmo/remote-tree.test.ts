import t from 'tap';
import { CanonicalHasher } from '../../src/vmo/content/canonical-form.js';
import { MissingRecordError } from '../../src/vmo/errors.js';
import { DamagedRecordError } from '../../src/vmo/records/record-store.js';
import { VmoStore } from '../../src/vmo/store.js';
import { MemoryRecords } from './memory-records.js';
import { assertSame, flatId, flatLeaf, flatPage, nativeHash, noise, PAGE } from './model.js';

/** Records of `bytes`, and a store that has never seen them. */
function saved(bytes: Uint8Array): { id: string; records: MemoryRecords; store: VmoStore } {
  const records = new MemoryRecords();
  const writer = new VmoStore(nativeHash);
  const handle = writer.fromBytes(bytes);
  writer.saveTo(records, handle);
  return { id: handle.id, records, store: new VmoStore(nativeHash) };
}

function areSame(a: MemoryRecords, b: MemoryRecords): boolean {
  return a.records.size === b.records.size && [...a.records.keys()].every((hash) => b.records.has(hash));
}

/** Number of records that an action reads. */
function reads(records: MemoryRecords, action: () => unknown): number {
  const before = records.asked.get;
  action();
  return records.asked.get - before;
}

t.test('nodes and pages are fetched once, when they are touched', async (t) => {
  const bytes = noise(64 * PAGE, 1);
  const { id, records, store } = saved(bytes);
  const vmo = store.openFrom(records, id)!;
  t.equal(reads(records, () => vmo.length), 0); // prettier-ignore
  t.equal(records.asked.get, 1, 'to open is to read the root');
  t.equal(reads(records, () => [vmo.id, store.open(id)]), 0, 'the id is known'); // prettier-ignore
  t.equal(
    reads(records, () => t.same(vmo.read(41 * PAGE + 7, 9), bytes.subarray(41 * PAGE + 7, 41 * PAGE + 16))),
    7,
    'a byte: a node a level and a page',
  );
  t.equal(
    reads(records, () => vmo.read(41 * PAGE, PAGE)),
    0,
  );
  t.equal(
    reads(records, () => vmo.read(40 * PAGE, 1)),
    1,
    'its neighbour',
  );
  const page = flatLeaf(flatPage(bytes, 3));
  t.equal(
    reads(records, () => t.equal(vmo.page(3).leaf, page)),
    5,
    'a leaf hash: nodes, and not the page',
  );
  t.equal(
    reads(records, () => assertSame(vmo.read(0, bytes.length), bytes, 'all')),
    64 + 63 - 8 - 5,
    'all that is left',
  );
  t.equal(store.counters.recordsRead, 1 + 64 + 63);
  t.equal(store.counters.leavesHashed, 0);
  t.equal(store.counters.nodesHashed, 6, 'zero subtrees, to know them');
  t.equal(store.counters.pagesStored, 64);
});

t.test('fetched content can be dropped and is fetched again', async (t) => {
  const bytes = noise(9 * PAGE + 100, 1);
  const { id, records, store } = saved(bytes);
  const vmo = store.openFrom(records, id)!;
  const page = vmo.page(4);
  const slice = store.slice(vmo, PAGE + 1, 5000);
  for (let round = 0; round < 3; round++) {
    assertSame(vmo.read(0, vmo.length), bytes, 'all');
    t.same(slice.read(0, 5000), bytes.subarray(PAGE + 1, PAGE + 5001));
    t.equal(store.counters.pagesStored, 10);
    store.dropFetched();
    t.equal(store.counters.pagesStored, 0);
  }
  t.equal(slice.id, flatId(bytes.subarray(PAGE + 1, PAGE + 5001)));
  store.dropFetched();
  t.equal(store.counters.pagesStored, 2, 'pages of its own stay');
  vmo.close();
  slice.close();
  const target = new Uint8Array(PAGE);
  page.copyTo(target);
  t.same(target, flatPage(bytes, 4), 'a page outlives its handle');
  t.equal(page.leaf, flatLeaf(target));
  t.equal(store.counters.pagesStored, 0);
  t.equal(store.counters.published, 0);
});

t.test('a walk continues after its VMO is closed or its content dropped', async (t) => {
  const bytes = noise(16 * PAGE, 1);
  const changed = bytes.slice();
  for (const page of [2, 9, 13]) changed[page * PAGE]! ^= 1;
  const { id, records, store } = saved(bytes);
  const writer = new VmoStore(nativeHash);
  const second = writer.fromBytes(changed);
  writer.saveTo(records, second);
  const [a, b] = [store.openFrom(records, id)!, store.openFrom(records, second.id)!];
  const ranges = store.diff(a, b)[Symbol.iterator]();
  t.same(ranges.next().value, { first: 2, count: 1 });
  store.dropFetched();
  t.same(ranges.next().value, { first: 9, count: 1 });
  a.close();
  b.close();
  t.same(ranges.next().value, { first: 13, count: 1 });
  t.equal(ranges.next().done, true);
  t.equal(store.counters.pagesStored, 0);
});

t.test('diff reads differing nodes and no pages', async (t) => {
  const bytes = noise(256 * PAGE, 1);
  const { id, records, store } = saved(bytes);
  const writer = new VmoStore(nativeHash);
  const changed = writer.delta(writer.fromBytes(bytes), [
    { offset: 77 * PAGE, bytes: Uint8Array.of(bytes[77 * PAGE]! ^ 1) },
  ]);
  t.equal(writer.saveTo(records, changed), 1 + 8 + 1, 'the root, a path of nodes and a page are put');
  const [a, b] = [store.openFrom(records, id)!, store.openFrom(records, changed.id)!];
  t.equal(
    reads(records, () => t.same([...store.diff(a, b)], [{ first: 77, count: 1 }])),
    2 * 8,
    'two paths of nodes',
  );
});

t.test('saving skips everything below existing records', async (t) => {
  const records = new MemoryRecords();
  const store = new VmoStore(nativeHash);
  const vmo = store.fromBytes(noise(256 * PAGE, 1));
  t.equal(store.saveTo(records, vmo), 1 + 255 + 256);
  records.asked.has = records.asked.put = 0;
  t.equal(store.saveTo(records, vmo), 0);
  t.same({ ...records.asked, get: 0 }, { has: 1, get: 0, put: 0, flush: 0 });
  const longer = store.concat([vmo, store.fromBytes(noise(1, 3))]);
  t.equal(store.saveTo(records, longer), 1 + 1 + 8 + 1, 'a root, the new top, a path of its right half, a page');
  t.ok(records.asked.has < 30, `${records.asked.has} looks`);
  const zeros = store.zeros(2 ** 47);
  t.equal(store.saveTo(records, zeros), 1, 'zeros are a root');
  t.equal(store.saveTo(records, store.zeros(0)), 1);
  let doubled = store.fromBytes(noise(PAGE, 99));
  for (let i = 0; i < 35; i++) doubled = store.concat([doubled, doubled]);
  t.equal(store.saveTo(records, doubled), 1 + 35 + 1, 'what repeats is put once');
});

t.test('a store interrupted while saving has only complete subtrees', async (t) => {
  const store = new VmoStore(nativeHash);
  const vmo = store.fromBytes(noise(300 * PAGE, 1));
  const whole = new MemoryRecords();
  const all = store.saveTo(whole, vmo);
  for (const limit of [0, 1, 100, 256, 511, all - 1]) {
    const records = new MemoryRecords();
    const put = records.put.bind(records);
    let left = limit;
    records.put = (batch) => {
      for (const entry of batch) {
        if (left-- === 0) throw new Error('the disk is full');
        put([entry]);
      }
    };
    t.throws(() => store.saveTo(records, vmo), /the disk is full/);
    const hasher = new CanonicalHasher(nativeHash);
    for (const record of records.records.values())
      for (const at of record[0] === 1 ? [2, 34] : []) {
        const below = record.subarray(at, at + 32);
        if (!hasher.isZero(record[1]! - 1, below) && !records.has(below))
          t.fail(`a node is there without what is below it`);
      }
    t.equal(store.openFrom(records, '0'.repeat(64)), undefined);
    records.put = put;
    store.saveTo(records, vmo);
    t.ok(areSame(records, whole), `finished after ${limit} records`);
  }
});

t.test('a VMO of one RecordStore is saved to another without keeping it', async (t) => {
  const bytes = noise(20 * PAGE, 1);
  const { id, records, store } = saved(bytes);
  const target = new MemoryRecords();
  t.equal(store.saveTo(target, store.openFrom(records, id)!), records.records.size);
  t.ok(areSame(target, records));
  t.equal(store.counters.pagesStored, 0);
});

t.test('resident content is not read again', async (t) => {
  const bytes = noise(5 * PAGE, 1);
  const { id, records, store } = saved(bytes);
  const resident = store.fromBytes(bytes);
  void resident.id;
  const vmo = store.openFrom(records, id)!;
  t.same(vmo.read(0, bytes.length), bytes);
  t.equal(records.asked.get, 0);
  const part = store.openFrom(records, id)!;
  vmo.close();
  resident.close();
  t.same(part.read(5, 5), bytes.subarray(5, 10));
  part.close();
  t.equal(store.open(id), undefined);
  const again = store.openFrom(records, id)!;
  t.same(again.read(0, bytes.length), bytes);
  const equal = store.fromBytes(bytes);
  t.equal(store.counters.pagesStored, 5, 'fetched pages and given ones are the same');
  t.equal(equal.id, id);
  t.equal(store.counters.leavesHashed, 5, 'those of the resident one; a fetched page has its hash');
});

t.test('a missing or damaged record is reported when it is touched and never read as content', async (t) => {
  const bytes = noise(4 * PAGE, 1);
  const { id, records, store } = saved(bytes);
  t.equal(store.openFrom(records, flatId(noise(3, 3))), undefined, 'no root');
  t.equal(store.openFrom(records, 'short'), undefined);
  const leaf = flatLeaf(flatPage(bytes, 2));
  const vmo = store.openFrom(records, id)!;
  const good = records.records.get(leaf)!;
  records.records.delete(leaf);
  t.throws(() => vmo.read(2 * PAGE, 1), MissingRecordError);
  t.throws(() => vmo.read(2 * PAGE, 1), new RegExp(`the leaf ${leaf} is missing`));
  t.same(vmo.read(PAGE, PAGE), bytes.subarray(PAGE, 2 * PAGE), 'others can be read');
  for (let byte = 0; byte < good.length; byte += 97) {
    const bad = good.slice();
    bad[byte]! ^= 1;
    records.records.set(leaf, bad);
    t.throws(() => vmo.read(2 * PAGE, 1), DamagedRecordError, `byte ${byte}`);
  }
  records.records.set(leaf, good.subarray(1));
  t.throws(() => vmo.read(2 * PAGE, 1), DamagedRecordError);
  t.throws(() => store.slice(vmo, 1, 3 * PAGE).id, DamagedRecordError, 'so is an identity that needs it');
  records.records.set(leaf, good);
  t.same(vmo.read(0, 4 * PAGE), bytes, 'and it is read once it is there again');
  const root = records.records.get(id)!;
  records.records.set(
    id,
    root.map((byte, at) => (at === 20 ? 1 : byte)),
  );
  t.throws(() => new VmoStore(nativeHash).openFrom(records, id), DamagedRecordError);
});

t.test('records whose hashes fit are refused where they stand for something else', async (t) => {
  const { records } = saved(noise(4 * PAGE, 1));
  const put = (record: Uint8Array): Uint8Array => {
    const hash = nativeHash(record);
    records.put([{ hash, record }]);
    return hash;
  };
  const forge = (length: number, top: Uint8Array): string => {
    const record = Buffer.alloc(56);
    record.set([2, ...Buffer.from('BD0VMO'), 1, 1, 12]);
    record.writeBigUInt64LE(BigInt(length), 16);
    record.set(top, 24);
    return Buffer.from(put(record)).toString('hex');
  };
  const leaf = put(new Uint8Array([0, ...noise(PAGE, 1)]));
  const node = put(new Uint8Array([1, 1, ...leaf, ...leaf]));
  const open = (id: string) => new VmoStore(nativeHash).openFrom(records, id)!;
  t.same(open(forge(2 * PAGE, node)).read(PAGE, PAGE), noise(PAGE, 1));
  const refused: [string, string, RegExp][] = [
    ['a page longer than the VMO', forge(100, leaf), /byte 101: beyond the length/],
    ['a tree longer than the VMO', forge(PAGE + 1, node), /beyond the length/],
    ['a node for a leaf', forge(100, node), /size/],
    ['a leaf for a node', forge(2 * PAGE, leaf), /size/],
    ['a node of another level', forge(3 * PAGE, node), /byte 1: level/],
  ];
  for (const [name, id, message] of refused) {
    const vmo = open(id);
    t.throws(() => vmo.read(0, vmo.length), DamagedRecordError, name);
    t.throws(() => vmo.read(0, vmo.length), message, name);
  }
  const longest = open(forge(2 * PAGE, node));
  t.same(longest.read(PAGE + 100, 5), noise(PAGE, 1).subarray(100, 105), 'the same records where they belong');
});
