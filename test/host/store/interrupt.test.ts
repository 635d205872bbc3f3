/** Long work that a signal ends at any moment: gc, verify and import leave the store whole. */
import t from 'tap';
import { collectGarbage } from '../../../src/host/store/collect.js';
import type { DiskStore } from '../../../src/host/store/disk-store.js';
import { importStream } from '../../../src/host/store/import.js';
import { verifyStore } from '../../../src/host/store/verify.js';
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
