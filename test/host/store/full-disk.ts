/** A disk that fills up in the midst of random work. */
import { collectGarbage } from '../../../src/host/store/collect.js';
import type { DiskStore } from '../../../src/host/store/disk-store.js';
import type { LeaseMode } from '../../../src/host/store/leases.js';
import { verifyStore } from '../../../src/host/store/verify.js';
import { MemoryFiles } from './memory-files.js';
import { AT_ONCE, bytesOf, content, fileOf, onlyProcess, openIn, putBytes } from './support.js';

const STEPS = 12;
const NAMES = ['a', 'b', 'c', 'd'];

/**
 * Names, removes, collects and repairs on a disk with a random room, a process for each step, so that many of them fail. Returns how many
 * did. Throws where an error is not that of a full disk, and where what was acknowledged is not there once there is room again.
 */
export async function fillDisk(random: () => number): Promise<number> {
  const files = new MemoryFiles();
  files.room = Math.floor(random() * 40_000);
  const model = new Model();
  let failures = 0;
  let pid = 1;
  for (let step = 0; step < STEPS; step++) {
    const kind = random();
    const [mode, work] = ((): [LeaseMode, (store: DiskStore) => Promise<void>] => {
      if (kind < 0.6) return ['write', (store) => model.name(store, random)];
      if (kind < 0.8) return ['write', async (store) => model.remove(store, random)];
      if (kind < 0.9) return ['collect', async (store) => void (await collectGarbage(store, AT_ONCE))];
      return ['collect', async (store) => void (await verifyStore(store), store.repair())];
    })();
    failures += await attempt(files, mode, ++pid, work);
    // Others take room and give it back.
    if (random() < 0.3) files.room = Math.floor(random() * 20_000);
  }
  files.room = Infinity;
  const store = openIn(files, 'write', onlyProcess(++pid));
  model.check(store);
  const { problems } = await verifyStore(store);
  if (problems.length > 0) throw new Error(JSON.stringify(problems[0]));
  store.close();
  return failures;
}

/** Returns 1 where the disk was full. */
async function attempt(
  files: MemoryFiles,
  mode: LeaseMode,
  pid: number,
  work: (store: DiskStore) => Promise<void>,
): Promise<number> {
  try {
    const store = openIn(files, mode, onlyProcess(pid));
    try {
      await work(store);
    } finally {
      store.close();
    }
    return 0;
  } catch (error) {
    if (!/no space left|ENOSPC/.test((error as Error).message)) throw error;
    return 1;
  }
}

/** The names that should be there. */
class Model {
  /** By name, what it may stand for: one thing, but after a failure what it stood for before and after. */
  private readonly names = new Map<string, (string | undefined)[]>();
  private readonly contents = new Map<string, Uint8Array>();

  async name(store: DiskStore, random: () => number): Promise<void> {
    const bytes = content(Math.floor(random() * 8), Math.floor(random() * 9000));
    const id = await putBytes(store, bytes);
    this.contents.set(id, bytes);
    this.set(store, NAMES[Math.floor(random() * NAMES.length)]!, id);
  }

  remove(store: DiskStore, random: () => number): void {
    this.set(store, NAMES[Math.floor(random() * NAMES.length)]!, undefined);
  }

  check(store: DiskStore): void {
    for (const [name, ids] of this.names) {
      const id = store.names.get(name);
      if (!ids.includes(id)) throw new Error(`${name} stands for ${id} instead of ${ids.join(' or ')}`);
      if (id !== undefined && Buffer.compare(bytesOf(store, id) ?? Buffer.of(0), this.contents.get(id)!) !== 0)
        throw new Error(`what ${name} stands for is not whole`);
    }
  }

  private set(store: DiskStore, name: string, id: string | undefined): void {
    this.check(store);
    const now = store.names.get(name);
    this.names.set(name, [now, id]);
    if (now === id) return;
    if (!store.names.compareAndSwap(name, now, id === undefined ? undefined : fileOf(id)))
      throw new Error('nobody else names anything');
    this.names.set(name, [id]);
  }
}
