import { readFileSync } from 'node:fs';
import t from 'tap';
import { sha256 } from '@noble/hashes/sha2.js';
import { PageFormat, STANDARD_FORMAT } from '../../src/vmo/content/canonical-form.js';
import { exportRecords, exportVmo } from '../../src/vmo/records/canonical-stream.js';
import { CanonicalStreamReader, type StreamReaderOptions } from '../../src/vmo/records/canonical-stream-reader.js';
import { CanonicalStreamError, MissingRecordError } from '../../src/vmo/errors.js';
import { DamagedRecordError } from '../../src/vmo/records/record-store.js';
import { VmoStore } from '../../src/vmo/store.js';
import fc from '../support/fast-check.js';
import { MemoryRecords } from './memory-records.js';
import { flatId, nativeHash, noise, PAGE } from './model.js';

const LEAF = 1 + PAGE;
const NODE = 66;
const ROOT = 56;

function streamOf(bytes: Uint8Array, format = STANDARD_FORMAT): Buffer {
  const handle = new VmoStore(nativeHash, format).fromBytes(bytes);
  return Buffer.concat([...exportVmo(handle)]);
}

/** Reads a stream in parts of `partBytes`. */
function read(
  stream: Uint8Array,
  partBytes = stream.length + 1,
  options: Partial<StreamReaderOptions> = {},
  records = new MemoryRecords(),
): { id: string; lengthBytes: number; records: MemoryRecords } {
  const reader = new CanonicalStreamReader(records, { hash: nativeHash, ...options });
  for (let at = 0; at < stream.length; at += partBytes) reader.push(stream.subarray(at, at + partBytes));
  return { ...reader.finish(), records };
}

/** The error of a stream, as `byte: fault`. */
function refusal(stream: Uint8Array, options: Partial<StreamReaderOptions> = {}): string {
  try {
    read(stream, 1000, options);
  } catch (error) {
    if (!(error instanceof CanonicalStreamError)) throw error;
    if (!error.message.startsWith(`byte ${error.offset}: ${error.fault}: `)) throw new Error(`* ${error.message}`);
    return `${error.offset}: ${error.fault}`;
  }
  return 'nothing';
}

t.test('a stream is exactly the hashed records: the root first, then in pre-order', async (t) => {
  const bytes = noise(2 * PAGE + 5, 1);
  const handle = new VmoStore(nativeHash).fromBytes(bytes);
  const records = [...exportVmo(handle)];
  t.same(
    records.map(({ length }) => length),
    [ROOT, NODE, NODE, LEAF, LEAF, NODE, LEAF],
  );
  const [root, top, left, first, second, right, third] = records.map((record) => Buffer.from(record));
  const hash = (record: Uint8Array): Buffer => Buffer.from(nativeHash(record));
  t.ok(hash(root!).equals(Buffer.from(handle.id, 'hex')));
  t.equal(handle.id, flatId(bytes));
  t.ok(root!.subarray(24).equals(hash(top!)));
  t.ok(top!.equals(Buffer.concat([Buffer.from([1, 2]), hash(left!), hash(right!)])));
  t.ok(left!.equals(Buffer.concat([Buffer.from([1, 1]), hash(first!), hash(second!)])));
  t.ok(first!.equals(Buffer.concat([Buffer.from([0]), bytes.subarray(0, PAGE)])));
  t.ok(third!.subarray(1, 6).equals(bytes.subarray(2 * PAGE)));
  t.ok(third!.subarray(6).equals(Buffer.alloc(PAGE - 5)), 'the last page is padded with zeros');
});

t.test('the example of docs/vmo-format.md is a valid stream', async (t) => {
  const docs = readFileSync(new URL('../../../docs/vmo-format.md', import.meta.url), 'utf8');
  const stream = streamOf(Buffer.from('AAAABBBB'));
  t.equal(stream.length, ROOT + LEAF);
  t.ok(docs.includes(`\n${stream.subarray(0, ROOT).toString('hex')}\n`), 'the root');
  t.ok(docs.includes(flatId(Buffer.from('AAAABBBB'))), 'the id');
});

t.test('records sent before are omitted, and so are zeros', async (t) => {
  const store = new VmoStore(nativeHash);
  const lengths = (handle: ReturnType<VmoStore['zeros']>) => [...exportVmo(handle)].map(({ length }) => length);
  t.same(lengths(store.zeros(0)), [ROOT]);
  t.same(lengths(store.zeros(2 ** 47)), [ROOT]);
  let doubled = store.fromBytes(noise(PAGE, 2));
  for (let i = 0; i < 35; i++) doubled = store.concat([doubled, doubled]);
  t.equal(doubled.length, 2 ** 47);
  t.same(
    lengths(doubled),
    [ROOT, ...Array<number>(35).fill(NODE), LEAF],
    'a page repeated 2^35 times stands there once',
  );
  const byte = store.delta(store.zeros(2 ** 47), [{ offset: 2 ** 46, bytes: Uint8Array.of(1) }]);
  t.same(lengths(byte), [ROOT, ...Array<number>(35).fill(NODE), LEAF]);
});

t.test('a stream is read back in parts of any size; each record comes after those below it', async () => {
  const contents = fc
    .tuple(fc.array(fc.nat({ max: 4 }), { maxLength: 40, size: 'max' }), fc.nat({ max: 3 }))
    .map(([pages, cut]) => Buffer.concat(pages.map((seed) => noise(4, seed + 1).fill(0, seed))).subarray(cut));
  fc.assert(
    fc.property(contents, fc.integer({ min: 1, max: 100 }), (bytes, partBytes) => {
      const format = new PageFormat(2);
      const records = new MemoryRecords();
      const stored: string[] = [];
      const put: MemoryRecords['put'] = (batch) => {
        for (const { hash, record } of batch) {
          const isNode = record[0] === 1;
          const below = isNode
            ? [record.subarray(2, 34), record.subarray(34)]
            : record[0] === 2
              ? [record.subarray(24)]
              : [];
          for (const [i, part] of below.entries()) {
            const level = isNode ? record[1]! - 1 : format.heightOf(bytes.length);
            const isZero = Buffer.from(part).equals(zeroHash(level));
            if (!isZero && !records.has(part)) throw new Error(`* part ${i} of a record comes after it`);
          }
          records.put([{ hash, record }]);
          stored.push(Buffer.from(hash).toString('hex'));
        }
      };
      const stream = streamOf(bytes, format);
      const reader = new CanonicalStreamReader({ put }, { hash: nativeHash, id: flatId(bytes, 2), format });
      for (let at = 0; at < stream.length; at += partBytes) reader.push(stream.subarray(at, at + partBytes));
      if (!reader.isComplete || reader.finish().id !== flatId(bytes, 2)) throw new Error('* another id');
      if (new Set(stored).size !== stored.length) throw new Error('* a record was put twice');
      const again = Buffer.concat([...exportRecords(records, flatId(bytes, 2), nativeHash, format)!]);
      if (!again.equals(stream)) throw new Error('* the records make another stream');
      const other = new VmoStore(nativeHash, format).openFrom(records, flatId(bytes, 2))!;
      if (!Buffer.from(other.read(0, other.length)).equals(bytes)) throw new Error('* other bytes');
    }),
    { numRuns: 300 },
  );
});

const zeroHashes: Buffer[] = [];

/** The zero subtree of a level, for pages of 4 bytes. */
function zeroHash(level: number): Buffer {
  if (level === 0) return Buffer.from(nativeHash(new Uint8Array(5)));
  const below = zeroHash(level - 1);
  return (zeroHashes[level] ??= Buffer.from(nativeHash(Buffer.concat([Buffer.from([1, level]), below, below]))));
}

t.test('a stream is read with any SHA-256 and without knowing the id', async (t) => {
  const bytes = noise(3 * PAGE, 4);
  const { id, lengthBytes } = read(streamOf(bytes), 77, { hash: sha256 });
  t.same({ id, lengthBytes }, { id: flatId(bytes), lengthBytes: bytes.length });
});

// What is refused.

/** Pages of 4 bytes: 2 nodes under the top, 3 pages, the last of which is cut after 1 byte. */
const small = new PageFormat(2);
const SMALL_LEAF = 5;
const content = Buffer.from('aaaabbbbc');
const stream = streamOf(content, small);
const top = ROOT;
const left = top + NODE;
const right = left + NODE + 2 * SMALL_LEAF;
const lastLeaf = right + NODE;

function changed(at: number, byte: number, from = stream): Buffer {
  const copy = Buffer.from(from);
  copy[at] = byte;
  return copy;
}

t.test('each fault of a root is reported with its kind and byte offset', async (t) => {
  const options = { format: small };
  const faults: [string, Buffer, string][] = [
    ['nothing', stream, 'nothing'],
    ['another tag', changed(0, 1), '0: tag'],
    ['another name', changed(3, 0x31), '3: tag'],
    ['an unknown version', changed(7, 2), '7: version'],
    ['an unknown algorithm', changed(8, 2), '8: algorithm'],
    ['an unknown page size', changed(9, 12), '9: page size'],
    ['the first reserved byte', changed(10, 1), '10: reserved'],
    ['the last reserved byte', changed(15, 255), '15: reserved'],
    ['a length over the longest', changed(22, 1), '16: length'],
    ['a length of another height', changed(16, 17), `${ROOT + 1}: level`],
    ['another top', changed(30, stream[30]! ^ 1), `${ROOT}: hash`],
  ];
  for (const [name, faulty, wanted] of faults) t.equal(refusal(faulty, options), wanted, name);
  t.equal(refusal(changed(16, 10), { ...options, id: flatId(content, 2) }), '0: hash', 'the id tells');
  t.equal(refusal(changed(16, 10), options), 'nothing', 'without it, ten bytes with a zero at the end are a VMO too');
  t.equal(read(changed(16, 10), 9, options).id, flatId(Buffer.from('aaaabbbbc\0'), 2));
  const longest = Buffer.concat([...exportVmo(new VmoStore(nativeHash).zeros(2 ** 48))]);
  t.equal(refusal(longest), 'nothing');
  t.equal(refusal(changed(16, 1, longest)), '16: length', '2^48 + 1');
});

t.test('each fault after the root is reported with its kind and byte offset', async (t) => {
  const options = { format: small };
  for (const [at, start] of [
    [top, top],
    [top + 1, top],
    [left + 40, left],
    [left + NODE, left + NODE],
    [left + NODE + SMALL_LEAF + 4, left + NODE + SMALL_LEAF],
    [right + 65, right],
    [lastLeaf + 1, lastLeaf],
    [lastLeaf + 4, lastLeaf],
  ] as const)
    t.equal(refusal(changed(at, stream[at]! ^ 1), options), `${start}: hash`, `byte ${at}`);
  t.equal(refusal(Buffer.concat([stream, Buffer.of(0)]), options), `${stream.length}: trailing bytes`);
  t.equal(refusal(Buffer.concat([stream, stream]), options), `${stream.length}: trailing bytes`);
  for (let length = 0; length < stream.length; length++)
    if (refusal(stream.subarray(0, length), options) !== `${length}: cut`) t.fail(`cut after ${length} bytes`);
});

/** The records of a handmade stream, with valid hashes except for the fault. */
function forged(records: { length: number; k?: number; page?: string; isTop?: boolean }): Buffer {
  const leaf = (page: string): Buffer => Buffer.concat([Buffer.of(0), Buffer.from(page)]);
  const hash = (record: Buffer): Buffer => Buffer.from(nativeHash(record));
  const [one, two] = [leaf('aaaa'), leaf(records.page ?? 'b\0\0\0')];
  const node = Buffer.concat([Buffer.of(1, records.k ?? 1), hash(one), hash(two)]);
  const root = Buffer.alloc(24);
  root.set([2, ...Buffer.from('BD0VMO'), 1, 1, 2]);
  root.writeBigUInt64LE(BigInt(records.length), 16);
  return Buffer.concat([root, hash(node), node, one, two]);
}

t.test('records with valid hashes are rejected in the wrong place', async (t) => {
  const options = { format: small };
  t.equal(refusal(forged({ length: 5 }), options), 'nothing');
  t.equal(refusal(forged({ length: 8, page: 'bbbb' }), options), 'nothing');
  t.equal(refusal(forged({ length: 7, page: 'bbbb' }), options), `${ROOT + NODE + SMALL_LEAF + 4}: beyond the length`);
  t.equal(
    refusal(forged({ length: 5, page: 'bb\0\0' }), options),
    `${ROOT + NODE + SMALL_LEAF + 2}: beyond the length`,
  );
  t.equal(refusal(forged({ length: 5, k: 2 }), options), `${ROOT + 1}: level`);
  t.equal(refusal(forged({ length: 5, k: 0 }), options), `${ROOT + 1}: level`);
  t.equal(refusal(forged({ length: 7, page: 'aaaa' }), options), `${ROOT + NODE + SMALL_LEAF}: beyond the length`);
  const page = Buffer.from([0, 1, 0, 0, 0]);
  const empty = Buffer.from(forged({ length: 0 }).subarray(0, ROOT));
  empty.set(nativeHash(page), 24);
  t.equal(refusal(Buffer.concat([empty, page]), options), '24: beyond the length');
  const rest = forged({ length: 8, page: 'bbbb' }).subarray(ROOT);
  const above = Buffer.concat([
    Buffer.of(1, 2),
    nativeHash(rest.subarray(0, NODE)),
    nativeHash(rest.subarray(0, NODE)),
  ]);
  for (const length of [9, 12, 13, 15, 16]) {
    const root = Buffer.concat([forged({ length }).subarray(0, 24), nativeHash(above)]);
    t.equal(
      refusal(Buffer.concat([root, above, rest]), options),
      length === 16 ? 'nothing' : `${ROOT + NODE + rest.length}: beyond the length`,
      `a subtree of 8 bytes was sent: as the end of ${length} bytes`,
    );
  }
});

t.test('a reader rejects everything after an error', async (t) => {
  const reader = new CanonicalStreamReader(new MemoryRecords(), { hash: nativeHash, format: small });
  t.throws(() => reader.push(changed(0, 7)), CanonicalStreamError);
  t.throws(() => reader.push(stream), /byte 0: tag/);
  t.throws(() => reader.finish(), /byte 0: tag/);
});

t.test('each byte of a stream matters', async () => {
  const id = flatId(content, 2);
  fc.assert(
    fc.property(fc.nat({ max: stream.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, by) => {
      const told = refusal(changed(at, stream[at]! ^ by), { format: small, id });
      if (told === 'nothing') throw new Error(`* byte ${at} was changed by ${by}`);
    }),
    { numRuns: 500 },
  );
});

t.test('an import into a VMO store is verified too, and leaves nothing if it fails', async (t) => {
  const bytes = noise(5 * PAGE + 3, 3);
  const store = new VmoStore(nativeHash);
  const whole = streamOf(bytes);
  const imported = store.importStream([whole.subarray(0, 5000), whole.subarray(5000)], flatId(bytes));
  t.same(imported.read(0, imported.length), bytes);
  t.equal(store.counters.leavesHashed, 0, 'what was verified is not hashed again');
  t.ok(store.open(flatId(bytes)), 'it can be opened from the import on');
  const before = store.counters;
  t.throws(() => store.importStream([whole], flatId(new Uint8Array(1))), /byte 0: hash/);
  t.throws(() => store.importStream([whole.subarray(0, -1)]), new RegExp(`byte ${whole.length - 1}: cut`));
  t.throws(() => store.importStream([changed(whole.length - 1, 1, whole)]), /: hash: /);
  t.same(store.counters, before);
  const other = streamOf(noise(2 * PAGE, 8));
  t.throws(() => store.importStream([other.subarray(0, -1)]), /: cut: /);
  t.equal(store.counters.pagesStored, before.pagesStored, 'pages of a failed import are let go');
});

t.test('an export of records is verified', async (t) => {
  const bytes = noise(2 * PAGE, 3);
  const { id, records } = read(streamOf(bytes));
  t.equal(exportRecords(records, '0'.repeat(64), nativeHash), undefined);
  t.equal(exportRecords(records, 'no id', nativeHash), undefined);
  const leaf = Buffer.from(nativeHash(Buffer.concat([Buffer.of(0), bytes.subarray(PAGE)]))).toString('hex');
  const record = records.records.get(leaf)!;
  records.records.set(leaf, changed(9, record[9]! ^ 1, Buffer.from(record)));
  t.throws(() => [...exportRecords(records, id, nativeHash)!], DamagedRecordError);
  records.records.delete(leaf);
  t.throws(() => [...exportRecords(records, id, nativeHash)!], MissingRecordError);
  t.throws(() => [...exportRecords(records, id, nativeHash)!], new RegExp(leaf));
});
