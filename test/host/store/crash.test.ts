/** A store whose writer ends at any moment: what was acknowledged is there, and nothing by halves. */
import t from 'tap';
import { verifyStore } from '../../../src/host/store/verify.js';
import { collectGarbage } from '../../../src/host/store/collect.js';
import type { DiskStore } from '../../../src/host/store/disk-store.js';
import type { LeaseMode } from '../../../src/host/store/leases.js';
import { HostError, isSystemError } from '../../../src/host/failure.js';
import { seedOf, volume } from '../../support/volume.js';
import { failingFiles } from './failing-files.js';
import { storeToFlip } from './flips.js';
import { live } from './life.js';
import { MemoryFiles } from './memory-files.js';
import { AT_ONCE, bytesOf, content, fileOf, onlyProcess, openIn, putBytes } from './support.js';

/** A write to the names is cut at each byte, one to a pack at every fifth. */
const stepOf = (path: string): number => (path.startsWith('/store/packs/') ? 5 : 1);

/** Of cuts and of sizes of a disk, so many are left out for one that is tried: others each day. */
const PARTS = volume(10, 1);
const part = seedOf(0) % PARTS;

t.setTimeout(0);

t.test('every write is cut, that of a name at every byte', async (t) => {
  const files = new MemoryFiles();
  const acknowledged = await live(files);
  const now = new MemoryFiles();
  let cuts = 0;
  const check = async (left: () => MemoryFiles, at: number): Promise<void> => {
    if (cuts++ % PARTS !== part) return;
    const fault = await acknowledged.fault(left(), at);
    if (fault) t.fail(fault);
  };
  for (const [at, change] of files.changes.entries()) {
    if (change.kind === 'write')
      for (let length = 1; length < change.bytes.length; length += stepOf(change.path))
        await check(() => {
          const cut = now.copy();
          cut.apply({ ...change, bytes: change.bytes.subarray(0, length) });
          return cut;
        }, at);
    await check(() => now.copy(), at);
    now.apply(change);
  }
  await check(() => now, files.changes.length);
  t.ok(cuts > 3000, `one of ${PARTS} of ${cuts} cuts`);
});

t.test('the disk is full after every number of bytes: one clear error, and what was acknowledged stands', async (t) => {
  const whole = new MemoryFiles();
  await live(whole);
  const total = whole.changes.reduce((sum, change) => sum + (change.kind === 'write' ? change.bytes.length : 0), 0);
  for (let room = 31 * part; room < total; room += 31 * PARTS) {
    const files = new MemoryFiles();
    files.room = room;
    const acknowledged: string[] = [];
    try {
      const store = openIn(files);
      for (let n = 0; n < 12; n++) {
        const id = await putBytes(store, content(n, 200 * n));
        if (store.names.compareAndSwap(`n${n}`, undefined, fileOf(id))) acknowledged.push(id);
      }
    } catch (error) {
      if (!/no space left on device/.test((error as Error).message))
        t.fail(`with room for ${room}: ${(error as Error).message}`);
    }
    files.room = Infinity;
    const store = openIn(files, 'write', onlyProcess(2));
    for (const [n, id] of acknowledged.entries())
      if (store.names.get(`n${n}`) !== id || Buffer.compare(bytesOf(store, id)!, content(n, 200 * n)) !== 0)
        t.fail(`with room for ${room}: ${n} is lost`);
    const { problems } = await verifyStore(store);
    if (problems.length > 0) t.fail(`with room for ${room}: ${JSON.stringify(problems[0])}`);
    store.close();
  }
  t.ok(total > 3000, `${total} bytes`);
});

/** What is done while the disk refuses something, in an opening of its own. */
const WORK: Readonly<Record<string, [LeaseMode, (store: DiskStore) => unknown]>> = {
  import: ['write', (store) => putBytes(store, content(21, 30_000))],
  name: ['write', async (store) => store.names.compareAndSwap('new', undefined, fileOf(await putBytes(store, content(21, 300))))], // prettier-ignore
  rm: ['write', (store) => store.names.compareAndSwap('round 1/3', store.names.get('round 1/3'), undefined)],
  gc: ['collect', (store) => collectGarbage(store, AT_ONCE)],
  'verify --repair': ['collect', async (store) => (await verifyStore(store), store.repair())],
};

/** A store with garbage; `isDamaged`: and with a damaged page of it, and lost names. */
async function storeToFill(isDamaged: boolean): Promise<Awaited<ReturnType<typeof storeToFlip>>> {
  const store = await storeToFlip(false);
  const { files, names } = store;
  const writer = openIn(files, 'write', onlyProcess(2));
  for (const name of ['round 0/2', 'round 2/1']) {
    writer.names.compareAndSwap(name, writer.names.get(name), undefined);
    names.delete(name);
  }
  writer.names.compareAndSwap('lost', undefined, fileOf(await putBytes(writer, content(31, 20_000))));
  writer.close();
  if (!isDamaged) return store;
  const log = files.bytesOf('/store/names');
  log.fill(0x20, log.lastIndexOf(0x7b) - 700, log.length - 20);
  const pack = files.paths().filter((path) => path.endsWith('.pack')).at(-1)!; // prettier-ignore
  files.bytesOf(pack)[3000]! ^= 1;
  return store;
}

/** What is wrong with a store after a use of its files was refused; with `isDamaged`, damage is none of its faults. */
async function faultAfter(
  files: MemoryFiles,
  names: ReadonlyMap<string, Uint8Array>,
  isDamaged: boolean,
): Promise<string | undefined> {
  const after = openIn(files, 'write', onlyProcess(8));
  const contents = new Map(after.names.references().map(({ name, id }) => [name, id]));
  for (const [name, bytes] of names) {
    const id = contents.get(name);
    if (name !== 'round 1/3' && (id === undefined || Buffer.compare(bytesOf(after, id)!, bytes) !== 0))
      return `${name} is lost`;
  }
  const { problems } = await verifyStore(after);
  after.close();
  return isDamaged || problems.length === 0 ? undefined : JSON.stringify(problems[0]);
}

for (const [what, [mode, work]] of Object.entries(WORK))
  t.test(`${what}: any use of a file finds no room: one clear error, and what was acknowledged stands`, async (t) => {
    const isDamaged = what === 'verify --repair';
    const { files, names } = await storeToFill(isDamaged);
    let refused = 0;
    for (const isLasting of [false, true])
      for (let n = 1, isOver = false; !isOver; n++) {
        const copy = files.copy();
        const failing = failingFiles(copy, n, isLasting);
        try {
          const store = openIn(failing.files, mode, onlyProcess(3));
          try {
            await work(store);
          } finally {
            store.close();
          }
        } catch (error) {
          refused++;
          const line = isSystemError(error) ? (error.path ?? '') : error instanceof HostError ? error.message : '';
          if (!/^[^\n]*\/store\/[^\n]*$/.test(line))
            t.fail(`use ${n}, ${isLasting ? 'lasting' : 'once'}: ${(error as Error).stack}`);
        }
        isOver = failing.uses() < n;
        const fault = await faultAfter(copy, names, isDamaged).catch((error: unknown) => (error as Error).stack);
        if (fault) t.fail(`use ${n}, ${isLasting ? 'lasting' : 'once'}: ${fault}`);
      }
    t.ok(refused > 5, `${refused} refused`);
  });
