/** Long work that a signal, or a kill, ends at any moment: gc, verify and import leave the store whole. */
import t from 'tap';
import { collectGarbage } from '../../../src/host/store/collect.js';
import type { DiskStore } from '../../../src/host/store/disk-store.js';
import { importStream } from '../../../src/host/store/import.js';
import { verifyStore } from '../../../src/host/store/verify.js';
import { VmoStore } from '../../../src/index.js';
import { sha256 } from '../../../src/host/sha256.js';
import { MemoryFiles } from './memory-files.js';
import { AT_ONCE, bytesOf, content, fileOf, onlyProcess, openIn, putBytes } from './support.js';

/** Files whose `n`-th use of a file, reads included, comes with a signal. */
function withSignal(files: MemoryFiles, n: number): { files: MemoryFiles; signal: AbortSignal; uses: () => number } {
  const stop = new AbortController();
  let uses = 0;
  const watched = new Proxy(files, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown;
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        if (++uses === n) stop.abort(new Error('stopped'));
        return (value as (...args: unknown[]) => unknown).apply(target, args);
      };
    },
  });
  return { files: watched, signal: stop.signal, uses: () => uses };
}

/** A store with packs to keep, to write anew and to take away. */
async function makeStore(): Promise<{ files: MemoryFiles; names: Map<string, Uint8Array> }> {
  const files = new MemoryFiles();
  const names = new Map<string, Uint8Array>();
  for (let round = 0; round < 4; round++) {
    const store = openIn(files);
    for (let n = 0; n < 4; n++) {
      const bytes = content(4 * round + n, 3000 * n + round);
      const id = await putBytes(store, bytes);
      if (round === 3 || (round + n) % 2) continue;
      store.names.compareAndSwap(`${round}/${n}`, undefined, fileOf(id));
      names.set(`${round}/${n}`, bytes);
    }
    store.code.put(content(90 + round, 32), content(round, 900));
    store.close();
  }
  return { files, names };
}

const WORK: Readonly<Record<string, (store: DiskStore, signal: AbortSignal) => Promise<unknown>>> = {
  gc: (store, signal) => collectGarbage(store, { ...AT_ONCE, signal }),
  verify: (store, signal) => verifyStore(store, { signal }),
  import: (store, signal) => importStream(store, [content(1, 70_000), content(3, 200_000)], { signal }),
};

for (const [what, work] of Object.entries(WORK))
  t.test(`${what} is stopped at any moment`, async (t) => {
    const { files, names } = await makeStore();
    const mode = what === 'import' ? 'write' : 'collect';
    let stopped = 0;
    for (let n = 1, isOver = false; !isOver; n++) {
      const copy = files.copy();
      const watched = withSignal(copy, n);
      const store = openIn(watched.files, mode, onlyProcess(2));
      await work(store, watched.signal).catch((error: unknown) => {
        if ((error as Error).message !== 'stopped') t.fail(`after ${n}: ${(error as Error).message}`);
        stopped++;
      });
      store.close();
      isOver = watched.uses() < n;
      t.strictSame(copy.list('/store/leases'), []);
      const after = openIn(copy, 'collect', onlyProcess(3));
      for (const [name, bytes] of names)
        if (Buffer.compare(bytesOf(after, after.names.get(name)!)!, bytes) !== 0) t.fail(`after ${n}: ${name} is lost`);
      const { problems } = await verifyStore(after);
      if (problems.length > 0) t.fail(`after ${n}: ${JSON.stringify(problems[0])}`);
      const { keptRecords } = await collectGarbage(after, AT_ONCE);
      t.match(await collectGarbage(after, AT_ONCE), { removedRecords: 0, keptRecords }, 'nothing is left of it');
      after.close();
    }
    t.ok(stopped > 10, `stopped ${stopped} times`);
  });

/**
 * A store with garbage of which nodes lie in older packs than what is below them, since these were written anew; and twice, since two
 * processes have put them, one of them into a pack that stays.
 */
async function makeGarbage(): Promise<{ files: MemoryFiles; parts: Uint8Array[] }> {
  const files = new MemoryFiles();
  const [part, passing, rest, shared, kept] = [1, 3, 5, 7, 9].map((seed) => content(seed, 8192 * seed)) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array]; // prettier-ignore
  const whole = Buffer.concat([part, rest]);
  const names = new Map<string, string>();
  const name = async (store: DiskStore, of: string, bytes: Uint8Array): Promise<void> => {
    names.set(of, await putBytes(store, bytes));
    store.names.compareAndSwap(of, undefined, fileOf(names.get(of)!));
  };
  const forget = (store: DiskStore, ...all: string[]): void => {
    for (const of of all) store.names.compareAndSwap(of, names.get(of), undefined);
  };
  const early = openIn(files, 'write', onlyProcess(1));
  await name(early, 'part', part);
  await name(early, 'passing', passing);
  early.close();
  const later = openIn(files, 'write', onlyProcess(2));
  await name(later, 'whole', whole);
  forget(later, 'passing');
  later.close();
  await collect(files, 3);
  const [first, second] = [openIn(files, 'write', alive(4)), openIn(files, 'write', alive(5))];
  await putBytes(first, shared.subarray(0, 4096));
  await name(second, 'kept', Buffer.concat([kept, content(11, 200_000)]));
  // Both find the first page, and neither what the other has not flushed yet.
  await Promise.all([first, second].map((store) => putBytes(store, shared.subarray(0, 8192))));
  forget(second, 'part', 'whole');
  first.close();
  second.close();
  return { files, parts: [part, whole, passing, kept, shared.subarray(0, 8192), shared] };
}

function alive(pid: number): { self: string; isAlive: () => boolean } {
  return { self: `${pid}-1`, isAlive: () => true };
}

async function collect(files: MemoryFiles, pid: number): Promise<void> {
  const collector = openIn(files, 'collect', onlyProcess(pid));
  await collectGarbage(collector, AT_ONCE);
  collector.close();
}

/** Publishes as a guest does, which puts only what the store lacks. Answers the identity. */
function publish(store: DiskStore, name: string, bytes: Uint8Array): string {
  const memory = new VmoStore(sha256);
  const vmo = memory.fromBytes(bytes);
  memory.saveTo(store, vmo);
  const { id } = vmo;
  if (!store.names.compareAndSwap(name, undefined, fileOf(id))) throw new Error('nobody else names anything');
  return id;
}

/** What is wrong with names that are given, after a kill, to what may have been garbage. */
async function faultOfNaming(files: MemoryFiles, all: readonly Uint8Array[], pid: number): Promise<string | undefined> {
  const naming = openIn(files.copy(), 'write', onlyProcess(pid));
  for (const id of naming.idsFrom(''))
    try {
      naming.names.compareAndSwap(`found/${id.slice(0, 8)}`, undefined, fileOf(id));
    } catch (error) {
      if (!/ is not whole in the store: record [0-9a-f]{64} is missing; import/.test((error as Error).message)) throw error; // prettier-ignore
    }
  for (const { id } of naming.names.references()) bytesOf(naming, id);
  naming.close();
  const store = openIn(files, 'write', onlyProcess(pid));
  for (const [n, bytes] of all.entries()) {
    const id = publish(store, `again/${n}`, bytes);
    if (Buffer.compare(bytesOf(store, id) ?? Buffer.of(0), bytes) !== 0) return `what is named again/${n} is not whole`;
  }
  const { problems } = await verifyStore(store);
  store.close();
  return problems.length === 0 ? undefined : JSON.stringify(problems[0]);
}

t.test('a kill between any two deletions of gc: whatever is named then is whole', async (t) => {
  const { files, parts } = await makeGarbage();
  const before = files.copy();
  const from = files.changes.length;
  await collect(files, 5);
  let removals = 0;
  for (const change of files.changes.slice(from)) {
    before.apply(change);
    if (change.kind !== 'remove') continue;
    removals++;
    const fault = await faultOfNaming(before.copy(), parts, 6);
    if (fault) t.fail(`after removal ${removals}, of ${change.path}: ${fault}`);
  }
  t.ok(removals > 4, `${removals} removals`);
});

t.test('what damage has taken from garbage is put again before it is relied on', async (t) => {
  const files = new MemoryFiles();
  const writer = openIn(files);
  const bytes = content(1, 60_000);
  await putBytes(writer, bytes);
  writer.names.compareAndSwap('other', undefined, fileOf(await putBytes(writer, content(3, 100))));
  writer.close();
  const pack = files.paths().find((path) => path.endsWith('.pack'))!;
  files.bytesOf(pack)[1000]! ^= 1;
  const collector = openIn(files, 'collect', onlyProcess(2));
  await verifyStore(collector);
  collector.repair();
  t.strictSame((await verifyStore(collector)).problems, [], 'nothing that is lost has a name');
  collector.close();
  t.equal(await faultOfNaming(files, [bytes, content(3, 100)], 3), undefined);
});
