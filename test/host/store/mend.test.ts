/** What is damaged can be mended: by an import of the same content, and by verify --repair. */
import t from 'tap';
import { collectGarbage } from '../../../src/host/store/collect.js';
import type { DiskStore } from '../../../src/host/store/disk-store.js';
import { importStream } from '../../../src/host/store/import.js';
import { verifyStore } from '../../../src/host/store/verify.js';
import { bitsOf, nthBit, storeToFlip } from './flips.js';
import { MemoryFiles } from './memory-files.js';
import { AT_ONCE, bytesOf, content, fileOf, onlyProcess, openIn, putBytes } from './support.js';

const FLIPS = 60;

type Flippable = Awaited<ReturnType<typeof storeToFlip>>;

/** What is wrong with a store that should be whole and have all names. */
async function faultOf(store: DiskStore, names: ReadonlyMap<string, Uint8Array>): Promise<string | undefined> {
  for (const [name, bytes] of names) {
    const id = store.names.get(name);
    if (id === undefined) return `the name ${name} is lost`;
    if (Buffer.compare(bytesOf(store, id) ?? Buffer.of(0), bytes) !== 0) return `${name} is not what it was`;
  }
  const { problems } = await verifyStore(store);
  return problems.length === 0 ? undefined : JSON.stringify(problems[0]);
}

/** Puts all content again. Answers where damaged packs are now. */
async function importAgain(store: DiskStore, { names }: Flippable): Promise<string[]> {
  const quarantined: string[] = [];
  for (const bytes of names.values()) quarantined.push(...(await importStream(store, [bytes])).quarantined);
  return quarantined;
}

function flipped({ files }: Flippable, path: string, bit: number): MemoryFiles {
  const copy = files.copy();
  copy.bytesOf(path)[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
}

t.test('a record that is damaged is replaced when its content is put again', async (t) => {
  const store = await storeToFlip(false);
  let mended = 0;
  for (const { path, bits } of bitsOf(store.files).filter(({ path }) => /packs\/.*\.pack$/.test(path)))
    for (let n = 0; n < 25; n++) {
      const files = flipped(store, path, Math.floor(((n + 0.37) / 25) * bits));
      const before = openIn(files, 'write', onlyProcess(2));
      const isDamaged = (await faultOf(before, new Map())) !== undefined;
      before.close();
      const writer = openIn(files, 'write', onlyProcess(3));
      const quarantined = await importAgain(writer, store);
      writer.close();
      if (quarantined.length === 0 || !isDamaged) continue;
      mended++;
      const after = openIn(files, 'read', onlyProcess(4));
      const fault = await faultOf(after, store.names);
      after.close();
      if (fault) t.fail(`${path}: ${fault}`);
      const put = files.bytesOf(quarantined[0]!);
      t.equal(put.length, store.files.bytesOf(path).length, 'the pack is kept as it was found');
    }
  t.ok(mended > 50, `${mended} of 75 were in a record`);
});

t.test('whatever bit is flipped: after a repair and an import, all is whole', async (t) => {
  for (const isOpen of [false, true]) {
    const store = await storeToFlip(isOpen);
    const total = bitsOf(store.files).reduce((sum, { bits }) => sum + bits, 0);
    for (let n = 0; n < FLIPS; n++) {
      const { path, bit } = nthBit(store.files, Math.floor(((n + 0.73) / FLIPS) * total));
      if (path.endsWith('/format')) continue;
      const files = flipped(store, path, bit);
      const collector = openIn(files, 'collect', onlyProcess(2));
      const { problems } = await verifyStore(collector);
      if (problems.length > 0)
        t.ok(collector.repair().quarantined.length > 0, `something is put away: ${problems[0]!.detail}`);
      for (const { what, names } of (await verifyStore(collector)).problems)
        if (what !== 'missing' || names.length === 0) t.fail(`bit ${bit} of ${path}: ${what} is still there`);
      collector.close();
      const writer = openIn(files, 'write', onlyProcess(3));
      await importAgain(writer, store);
      const fault = await faultOf(writer, store.names);
      if (fault) t.fail(`bit ${bit} of ${path}: ${fault}`);
      writer.close();
    }
  }
});

t.test('a damaged line of the names harms no other name, and no later one', async (t) => {
  const files = new MemoryFiles();
  const store = openIn(files);
  const ids = await Promise.all([0, 1, 2, 3].map((n) => putBytes(store, content(n, 100))));
  const [first, second, third, fourth] = ids as [string, string, string, string];
  store.names.compareAndSwap('early', undefined, fileOf(first));
  const from = files.bytesOf('/store/names').length;
  store.names.compareAndSwap('lost', undefined, fileOf(first));
  const to = files.bytesOf('/store/names').length;
  store.names.compareAndSwap('early', first, fileOf(second));
  store.names.compareAndSwap('lost', first, fileOf(third));
  store.names.compareAndSwap('late', undefined, fileOf(fourth));
  store.pin(fileOf(fourth), true);
  store.close();

  const both = files.copy();
  both.bytesOf('/store/names').fill(0x20, from + 20, to - 20);
  const reader = openIn(both, 'write', onlyProcess(2));
  t.strictSame(
    reader.names.entries(),
    [
      ['early', second],
      ['late', fourth],
      ['lost', third],
    ],
    'what was said of it later counts',
  );
  t.strictSame(reader.names.pins(), [fourth]);
  t.match(
    reader.names.warning,
    /^'\/store\/names' is damaged at byte \d+: names may be missing or refer to older content/,
  );
  t.equal(reader.names.compareAndSwap('late', fourth, fileOf(first)), true, 'names can be set');
  const [problem] = (await verifyStore(reader)).problems;
  t.match(problem, { what: 'names', detail: /what is left of it: "\w{8} \{/ });
  reader.close();

  const collector = openIn(both, 'collect', onlyProcess(3));
  await t.rejects(collectGarbage(collector, AT_ONCE), {
    message: /^nothing was collected, since names are damaged at byte /,
  });
  const {
    quarantined: [path],
    recovered,
  } = collector.repair();
  t.strictSame(recovered, [], 'everything has a name');
  t.match(Buffer.from(both.bytesOf(path!)).toString(), /"late"/, 'the log is kept as it was found');
  t.strictSame((await verifyStore(collector)).problems, []);
  t.equal(collector.names.get('late'), first);
  await collectGarbage(collector, AT_ONCE);
  t.equal(collector.names.get('lost'), third);
  collector.close();

  const one = files.copy();
  one.bytesOf('/store/names').fill(0x20, from + 20, from + 60);
  const other = openIn(one, 'read', onlyProcess(2));
  t.equal(other.names.get('lost'), third);
  t.match(other.names.warning, /: no name is lost; /);
  t.match((await verifyStore(other)).problems, [{ what: 'names', detail: /its copy is whole, and nothing is lost$/ }]);
  other.close();
});

t.test('gc moves nothing, and says so, where it meets a damaged record', async (t) => {
  const files = new MemoryFiles();
  const store = openIn(files);
  const keep = await putBytes(store, content(1, 5000));
  await putBytes(store, content(3, 9000));
  store.names.compareAndSwap('keep', undefined, fileOf(keep));
  store.close();
  const pack = files.paths().find((path) => path.endsWith('.pack'))!;
  files.bytesOf(pack)[1000]! ^= 1;
  const before = Buffer.from(files.bytesOf(pack)).toString('hex');
  const collector = openIn(files, 'collect', onlyProcess(2));
  await t.rejects(collectGarbage(collector, AT_ONCE), {
    message: /^nothing was collected, since record [0-9a-f]{64} is damaged: byte \d+ of .*; bd0 vmo verify shows what/,
  });
  collector.close();
  t.equal(Buffer.from(files.bytesOf(pack)).toString('hex'), before);
});
