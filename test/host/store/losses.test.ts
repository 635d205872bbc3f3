/** What a store does when files of it are lost, cut, older or those of another store, and when the disk is full. */
import t from 'tap';
import { collectGarbage } from '../../../src/host/store/collect.js';
import { verifyStore } from '../../../src/host/store/verify.js';
import { storeToFlip } from './flips.js';
import { seedOf, volume } from '../../support/volume.js';
import { fillDisk } from './full-disk.js';
import { changed, type Kept, linesOf, NAMES, packsIn, randomLoss } from './losses.js';
import { randomHistory } from './histories.js';
import { MemoryFiles } from './memory-files.js';
import { AT_ONCE, bytesOf, content, fileOf, onlyProcess, openIn, putBytes } from './support.js';

/** The packs of a store, so that any change of one shows. */
function packsOf(files: MemoryFiles): string {
  const packs = files.paths().filter((path) => /^\/store\/packs\/.*\.pack$/.test(path));
  return JSON.stringify(packs.map((path) => [path, Buffer.from(files.bytesOf(path)).toString('latin1')]));
}

/** Throws unless the loss is reported, gc refuses and removes nothing, and after a repair and gc all content is there. */
async function checkLoss(files: MemoryFiles, { names }: Kept): Promise<void> {
  const reader = openIn(files, 'read', onlyProcess(2));
  const { problems } = await verifyStore(reader);
  if (problems.length === 0) throw new Error('verify reports nothing');
  if (reader.names.warning === undefined) throw new Error('commands say nothing');
  reader.close();
  const before = packsOf(files);
  const collector = openIn(files, 'collect', onlyProcess(3));
  const refusal = await collectGarbage(collector, AT_ONCE).catch((error: unknown) => (error as Error).name);
  if (refusal !== 'NothingCollected') throw new Error('gc does not refuse');
  if (packsOf(files) !== before) throw new Error('gc has changed packs');
  collector.repair();
  const left = (await verifyStore(collector)).problems;
  if (left.length > 0) throw new Error(`after the repair: ${left[0]!.detail}`);
  await collectGarbage(collector, AT_ONCE);
  collector.close();
  const after = openIn(files, 'read', onlyProcess(4));
  const contents = after.names.references().map(({ id }) => Buffer.from(bytesOf(after, id)!).toString('latin1'));
  for (const [name, bytes] of names)
    if (!contents.includes(Buffer.from(bytes).toString('latin1'))) throw new Error(`what ${name} stood for is gone`);
  after.close();
}

/** Bytes of a log without the last copy of its last line, which may go. */
function completeAt(lines: readonly string[]): number {
  return lines.reduce((sum, line) => sum + line.length, 0) - lines.at(-1)!.length - 1;
}

t.test('names that are missing, cut, or lack any line are never taken for whole', async (t) => {
  const store = await storeToFlip(false);
  const whole = store.files.bytesOf(NAMES).slice();
  const lines = linesOf(whole);
  const [older] = [lines.slice(0, -4).join('')].map((text) => Buffer.from(text, 'latin1'));
  const cases: [what: string, bytes: Uint8Array | undefined][] = [
    ['missing', undefined],
    ['older', older],
  ];
  for (let length = 0; length < whole.length; length += 48)
    cases.push([`cut after ${length} bytes`, whole.subarray(0, length)]);
  let end = 0;
  for (let line = 0; line < lines.length; line += 2) {
    const without = [...lines.slice(0, line), ...lines.slice(line + 2)].join('');
    cases.push([`without line ${line / 2}`, Buffer.from(without, 'latin1')], [`cut before line ${line / 2}`, whole.slice(0, end)]); // prettier-ignore
    end += lines[line]!.length + (lines[line + 1]?.length ?? 0);
  }
  const complete = completeAt(lines);
  let checked = 0;
  for (const [what, bytes] of cases) {
    if (what.startsWith('cut') && bytes!.length >= complete) continue;
    await checkLoss(changed(store.files, NAMES, bytes), store).catch((error: unknown) => t.fail(`${what}: ${(error as Error).message}`)); // prettier-ignore
    checked++;
  }
  t.ok(checked > 100, `${checked} losses`);
  await checkLoss(changed(store.files, '/store/names.anchor', undefined), store);
});

t.test('names that are cut at any byte are reported, and nothing is collected', async (t) => {
  const store = await storeToFlip(false);
  const whole = store.files.bytesOf(NAMES).slice();
  const before = packsOf(store.files);
  const complete = completeAt(linesOf(whole));
  for (let length = 0; length < whole.length; length++) {
    const files = changed(store.files, NAMES, whole.subarray(0, length));
    const collector = openIn(files, 'collect', onlyProcess(2));
    const { warning } = collector.names;
    const refusal = await collectGarbage(collector, AT_ONCE).catch((error: unknown) => (error as Error).name);
    collector.close();
    if (length >= complete) continue;
    if (warning === undefined || refusal !== 'NothingCollected' || packsOf(files) !== before)
      t.fail(`cut after ${length} of ${whole.length} bytes: ${warning ?? 'no warning'}, ${JSON.stringify(refusal)}`);
  }
  t.ok(complete > 1000, `${complete} cuts`);
});

t.test('a loss of names shows until it is repaired, whatever is named meanwhile', async (t) => {
  const store = await storeToFlip(false);
  const lines = linesOf(store.files.bytesOf(NAMES));
  const files = changed(store.files, NAMES, Buffer.from(lines.slice(0, 8).join(''), 'latin1'));
  for (let n = 0; n < 20; n++) {
    const writer = openIn(files, 'write', onlyProcess(10 + n));
    t.equal(writer.names.compareAndSwap(`new ${n}`, undefined, fileOf(await putBytes(writer, content(50 + n, 20)))), true); // prettier-ignore
    writer.close();
  }
  await checkLoss(files, store);
});

t.test('a pack that is missing, that of another store, or older: reported, or mended, and never spread', async (t) => {
  const store = await storeToFlip(false);
  const other = new MemoryFiles();
  const writer = openIn(other);
  await putBytes(writer, content(7, 9000));
  writer.close();
  const strange = other.bytesOf(packsIn(other)[0]!);
  for (const path of packsIn(store.files)) {
    const own = store.files.bytesOf(path);
    for (const bytes of [undefined, strange, own.slice(0, own.length >> 1), Uint8Array.from([...strange, ...own])]) {
      const files = changed(store.files, path, bytes);
      const collector = openIn(files, 'collect', onlyProcess(2));
      t.not((await verifyStore(collector)).problems.length, 0);
      const lost = [...store.names].filter(([name, bytes]) => {
        const id = collector.names.get(name)!;
        try {
          return Buffer.compare(bytesOf(collector, id) ?? Buffer.of(0), bytes) !== 0;
        } catch {
          return true;
        }
      });
      collector.repair();
      if (lost.length > 0) await t.rejects(collectGarbage(collector, AT_ONCE), { name: 'NothingCollected' });
      else await collectGarbage(collector, AT_ONCE);
      for (const [name, whole] of store.names)
        if (
          !lost.some(([of]) => of === name) &&
          Buffer.compare(bytesOf(collector, collector.names.get(name)!)!, whole) !== 0
        )
          // prettier-ignore
          t.fail(`${name} is gone`);
      collector.close();
      const again = openIn(files, 'write', onlyProcess(3));
      for (const whole of store.names.values()) await putBytes(again, whole);
      t.strictSame((await verifyStore(again)).problems, [], 'an import mends it');
      again.close();
    }
  }
});

t.test('on a full disk all can be read, names can be removed, and gc makes room', async (t) => {
  const store = await storeToFlip(false);
  const { files, names } = store;
  files.room = 0;
  const reader = openIn(files, 'read', onlyProcess(2));
  for (const [name, bytes] of names) t.equal(Buffer.compare(bytesOf(reader, reader.names.get(name)!)!, bytes), 0, name);
  t.strictSame((await verifyStore(reader)).problems, []);
  const writer = openIn(withReserve(files), 'write', onlyProcess(3));
  for (let n = 0; n < 4; n++)
    t.equal(writer.names.compareAndSwap(`round 0/${n}`, writer.names.get(`round 0/${n}`), undefined), true);
  writer.close();
  // Room for the name of a file, and for nothing in it.
  files.room = 1;
  const packs = files.paths().filter((path) => path.startsWith('/store/packs/')).length;
  const collector = openIn(files, 'collect', onlyProcess(4));
  t.match(await collectGarbage(collector), { wasFull: true, packsRemoved: 1, waitingRecords: 0 });
  collector.close();
  t.ok(files.paths().filter((path) => path.startsWith('/store/packs/')).length < packs, 'a pack is gone');
  t.equal(Buffer.compare(bytesOf(reader, reader.names.get('round 1/2')!)!, names.get('round 1/2')!), 0);
  reader.close();
});

/** Files on a disk on which a deleted reserve leaves room. */
function withReserve(files: MemoryFiles): MemoryFiles {
  return new Proxy(files, {
    get(target, name) {
      if (name === 'remove')
        return (path: string): void => {
          if (path === '/store/reserve' && target.paths().includes(path)) target.room += 2 ** 16;
          target.remove(path);
        };
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    },
    set: (target, name, value) => Reflect.set(target, name, value, target),
  });
}

t.test('a store that version 2 has written is read as it is, and becomes one of this version', async (t) => {
  const { files, names } = await storeToFlip(false);
  for (const path of ['/store/names.anchor', '/store/reserve']) files.remove(path);
  files.remove('/store/format');
  files.apply({ kind: 'write', path: '/store/format', bytes: Buffer.from('bd0 store 2\n') });
  const before = files.changes.length;
  const reader = openIn(files, 'read', onlyProcess(2));
  t.equal(reader.names.entries().length, names.size);
  t.strictSame((await verifyStore(reader)).problems, []);
  reader.close();
  t.equal(files.changes.length, before, 'a reader changes nothing');
  openIn(files, 'write', onlyProcess(3)).close();
  t.equal(Buffer.from(files.bytesOf('/store/format')).toString(), 'bd0 store 3\n');
  await checkLoss(changed(files, NAMES, files.bytesOf(NAMES).slice(0, 400)), { files, names });
});

const LOSSES = volume(8, 400);
const FULL_DISKS = volume(8, 400);
const HISTORIES = volume(8, 2000);
const seed = seedOf(17);

/** Numbers from 0 up to 1, the same for the same seed. */
function randomFrom(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  return () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 8) / 2 ** 24;
}

t.test(`${LOSSES} times something is lost at random: gc and repairs take nothing more along`, async (t) => {
  const stores = [await storeToFlip(false), await storeToFlip(true)] as const;
  for (let n = 0; n < LOSSES; n++)
    await randomLoss(stores[n % 2]!, randomFrom(1000 * seed + n)).catch((error: unknown) => t.fail(`${n}: ${(error as Error).message}`)); // prettier-ignore
  t.pass(`${LOSSES} losses`);
});

t.test(`${FULL_DISKS} disks fill up in the midst of random work: what was acknowledged stands`, async (t) => {
  let failures = 0;
  for (let n = 0; n < FULL_DISKS; n++)
    failures += await fillDisk(randomFrom(1000 * seed + n)).catch((error: unknown) => (t.fail(`${n}: ${(error as Error).stack}`), 0)); // prettier-ignore
  t.ok(failures > FULL_DISKS / 2, `${failures} of ${12 * FULL_DISKS} steps failed`);
});

t.test(
  `${HISTORIES} histories with kills, full disks, damage, repairs and collections: nothing is lost unreported`,
  async (t) => {
    const tally = new Map<string, number>();
    for (let n = 0; n < HISTORIES; n++)
    await randomHistory(randomFrom(1000 * seed + n), tally).catch((error: unknown) => t.fail(`${n}: ${(error as Error).message}`)); // prettier-ignore
    t.ok(tally.get('write, none')! > HISTORIES, JSON.stringify(Object.fromEntries(tally)));
  },
);
