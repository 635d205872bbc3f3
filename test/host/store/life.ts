/** Short lives of a store, with what was acknowledged when; and a look at what is left of one. */
import { hexToBytes } from '@noble/hashes/utils.js';
import { ContentHasher } from '../../../src/vmo/content/content-hasher.js';
import { collectGarbage } from '../../../src/host/store/collect.js';
import { DiskStore } from '../../../src/host/store/disk-store.js';
import type { FileLayer, OpenMode } from '../../../src/host/store/file-layer.js';
import type { ProcessTable } from '../../../src/host/store/leases.js';
import { sha256 } from '../../../src/host/sha256.js';
import { verifyStore } from '../../../src/host/store/verify.js';
import type { MemoryFiles } from './memory-files.js';
import { AT_ONCE, bytesOf, content, fileOf, onlyProcess, openIn, putBytes, RESERVE } from './support.js';

const LOG = '/store/names';

interface State {
  /** Changes that had been made when this was acknowledged. */
  readonly at: number;
  /** Names, and what they stand for. */
  readonly names: Readonly<Record<string, string>>;
  /** The log of names as it was then; undefined where the names were not acknowledged, but may not go any more. */
  readonly log: Uint8Array | undefined;
}

/** What was acknowledged in the course of a life. */
export class Acknowledged {
  readonly states: State[] = [];
  readonly contents = new Map<string, Uint8Array>();
  private names: Readonly<Record<string, string>> = {};

  constructor(private readonly files: MemoryFiles) {}

  /** Something has returned; with `names`, they stand for this now. With `isReturned` false, that is on the disk, and not more. */
  note(names = this.names, isReturned = true): void {
    this.names = names;
    this.states.push({
      at: this.files.changes.length,
      names,
      log: isReturned ? this.files.bytesOf(LOG).slice() : undefined,
    });
  }

  async name(store: DiskStore, what: string, bytes: Uint8Array): Promise<void> {
    const id = await putBytes(store, bytes);
    this.contents.set(id, bytes);
    this.set(store, what, id);
  }

  set(store: DiskStore, what: string, id: string | undefined): void {
    if (!store.names.compareAndSwap(what, this.names[what], id === undefined ? undefined : fileOf(id)))
      throw new Error('nobody else names anything');
    const { [what]: _, ...others } = this.names;
    this.note(id === undefined ? others : { ...others, [what]: id });
  }

  /**
   * Opens what is left at `at`, when a store had been acknowledged, and holds it to what was acknowledged before; what comes next may be there, too. Answers what
   * is wrong.
   */
  async fault(files: MemoryFiles, at: number): Promise<string | undefined> {
    try {
      return await this.faultOf(files, at);
    } catch (error) {
      return `after ${at}: ${(error as Error).message}`;
    }
  }

  /**
   * Takes the line that was acknowledged last out of the log that is left at `at`, with all that came after it. Answers what is wrong
   * if nobody notices.
   */
  silentLoss(files: MemoryFiles, at: number): string | undefined {
    const log = this.states.filter((state) => state.at <= at && state.log).at(-1)?.log;
    if (!log || !files.status(LOG) || Buffer.compare(files.bytesOf(LOG).subarray(0, log.length), log) !== 0)
      return undefined;
    const lines = Buffer.from(log)
      .toString('latin1')
      .split(/(?<=\n)(?=\n)/);
    const cut = files.copy();
    cut.remove(LOG);
    cut.apply({ kind: 'write', path: LOG, bytes: Buffer.from(lines.slice(0, -2).join(''), 'latin1') });
    const store = openIn(cut, 'read', onlyProcess(9));
    const isNoticed = store.names.warning !== undefined;
    store.close();
    return isNoticed ? undefined : `after ${at}: nobody would notice that the last line is gone`;
  }

  private async faultOf(files: MemoryFiles, at: number): Promise<string | undefined> {
    const done = this.states.filter((state) => state.at <= at);
    const options = { create: done.length === 0, waitMs: 0, reserveBytes: RESERVE, files, processes: onlyProcess(9) };
    const store = DiskStore.open('/store', { mode: 'write', ...options });
    const names = Object.fromEntries(store.names.entries());
    const states = [done.at(-1) ?? { names: {} }, ...this.states.slice(done.length, done.length + 1)];
    const expected = states.map((state) => sorted(state.names));
    if (!expected.includes(sorted(names)))
      return `after ${at}: ${sorted(names)} is neither what was acknowledged nor what came next`;
    for (const id of Object.values(names))
      if (Buffer.compare(bytesOf(store, id) ?? Buffer.of(0), this.contents.get(id)!) !== 0)
        return `after ${at}: ${id} is not whole`;
    const { problems } = await verifyStore(store);
    if (problems.length > 0) return `after ${at}: ${JSON.stringify(problems[0])}`;
    const id = await putBytes(store, content(9, 30));
    if (!store.names.compareAndSwap('new', undefined, fileOf(id))) return `after ${at}: no name can be set`;
    store.close();
    return undefined;
  }
}

function sorted(names: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(names).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Content, names, two openings, a collection, and a name behind it. */
export async function live(files: MemoryFiles): Promise<Acknowledged> {
  const acknowledged = new Acknowledged(files);
  let store = openIn(files);
  acknowledged.note();
  await acknowledged.name(store, 'a', content(2, 100));
  await acknowledged.name(store, 'b/c', Uint8Array.from([...content(2, 4096), ...content(4, 50)]));
  await acknowledged.name(store, 'a', content(5, 90));
  store.close();
  store = openIn(files);
  await acknowledged.name(store, 'd', content(7, 40));
  acknowledged.set(store, 'b/c', undefined);
  store.close();
  store = openIn(files, 'collect');
  await collectGarbage(store, AT_ONCE);
  acknowledged.note();
  store.close();
  store = openIn(files);
  await acknowledged.name(store, 'e', content(11, 20));
  store.close();
  return acknowledged;
}

/** Thrown where a process is killed. */
class Killed extends Error {}

/** A process is killed when it has written that its content is on the disk, and another one relies on it. */
export async function liveAfterKill(files: MemoryFiles): Promise<Acknowledged> {
  const acknowledged = new Acknowledged(files);
  let syncs = 0;
  const first = openIn(
    withSync(files, (sync) => (++syncs === 2 ? killed() : sync())),
    'write',
    onlyProcess(1),
  );
  const bytes = content(3, 5000);
  await putBytes(first, bytes).catch((error: unknown) => {
    if (!(error as Error).message.includes('killed')) throw error;
  });
  const second = openIn(files, 'write', onlyProcess(2));
  acknowledged.note();
  await acknowledged.name(second, 'a', bytes);
  second.close();
  return acknowledged;
}

/** A process is killed when it has made the files of the store, and not yet synchronised their directory; another one names something. */
export async function liveAfterKilledStart(files: MemoryFiles): Promise<Acknowledged> {
  const acknowledged = new Acknowledged(files);
  const layer = new Proxy(files, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown;
      if (name === 'syncDirectory')
        return (path: string) => (path === '/store' ? killed() : target.syncDirectory(path));
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    },
  });
  try {
    openIn(layer, 'write', onlyProcess(1));
    throw new Error('the process is not stopped');
  } catch (error) {
    if (!(error as Error).message.includes('killed')) throw error;
  }
  const second = openIn(files, 'write', onlyProcess(2));
  await acknowledged.name(second, 'a', content(3, 500));
  second.close();
  return acknowledged;
}

/** A process relies on what another one has just said to be on the disk, while that one still makes sure of it. */
export async function liveTogether(files: MemoryFiles): Promise<Acknowledged> {
  const acknowledged = new Acknowledged(files);
  const bytes = content(3, 5000);
  let syncs = 0;
  let inBetween = (): void => undefined;
  const first = openIn(
    withSync(files, (sync) => {
      if (++syncs === 2) inBetween();
      sync();
    }),
    'write',
    living(1),
  );
  acknowledged.note();
  const second = openIn(files, 'write', living(2));
  inBetween = () => {
    const id = new ContentHasher(sha256).append(bytes).finish();
    if (!second.has(hexToBytes(id))) throw new Error('the other process has not said so');
    acknowledged.contents.set(id, bytes);
    acknowledged.set(second, 'a', id);
  };
  await putBytes(first, bytes);
  if (acknowledged.states.length !== 2) throw new Error(`${syncs} were synchronised`);
  first.close();
  second.close();
  return acknowledged;
}

/**
 * A process appends to the names just when another one has synchronised them, and is killed; the other acknowledges what it then reads.
 * One more is killed in the same place, and garbage is collected.
 */
export async function nameTogether(files: MemoryFiles): Promise<Acknowledged> {
  const acknowledged = new Acknowledged(files);
  const ids: Record<string, string> = {};
  const openings = new Map<string, DiskStore>();
  const open = async (name: string, pid: number, onSync: (sync: () => void) => void): Promise<DiskStore> => {
    const store = openIn(withSync(files, onSync, '/names'), 'write', living(pid));
    const bytes = content(pid, 60);
    const id = await putBytes(store, bytes);
    acknowledged.contents.set(id, bytes);
    ids[name] = id;
    openings.set(name, store);
    return store;
  };
  const killedWhileNaming = (name: string): void => {
    try {
      openings.get(name)!.names.compareAndSwap(name, undefined, fileOf(ids[name]!));
      throw new Error(`the process that names ${name} is not killed`);
    } catch (error) {
      if (!(error as Error).message.includes('killed')) throw error;
    }
  };
  openIn(files, 'write', living(1)).close();
  acknowledged.note();
  await open('a', 2, killed);
  const second = await open('b', 3, (sync) => {
    sync();
    const { b } = ids;
    if (acknowledged.states.length > 1) return;
    acknowledged.note({ b: b! }, false);
    killedWhileNaming('a');
  });
  second.names.compareAndSwap('b', undefined, fileOf(ids['b']!));
  acknowledged.note({ b: ids['b']!, a: ids['a']! });
  await open('c', 4, killed);
  killedWhileNaming('c');
  second.close();
  const collector = openIn(files, 'collect', onlyProcess(5));
  await collectGarbage(collector, AT_ONCE);
  acknowledged.note({ ...ids });
  collector.close();
  return acknowledged;
}

function living(pid: number): ProcessTable {
  return { self: `${pid}-1`, isAlive: () => true };
}

function killed(): never {
  throw new Killed('killed');
}

/** Files that ask before they synchronise one with this ending: of a pack its content first, and then the marks behind that. */
export function withSync(files: MemoryFiles, onSync: (sync: () => void) => void, ending = '.pack'): FileLayer {
  const packs = new Set<number>();
  return new Proxy(files, {
    get(target, name) {
      if (name === 'open')
        return (path: string, mode: OpenMode) => {
          const file = target.open(path, mode);
          if (path.endsWith(ending)) packs.add(file);
          return file;
        };
      if (name === 'sync')
        return (file: number) => (packs.has(file) ? onSync(() => target.sync(file)) : target.sync(file));
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    },
  });
}
