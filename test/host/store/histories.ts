/** Random histories of a store: work, kills, lost power, full disks, collections, damage and repairs, in any order. */
import { collectGarbage } from '../../../src/host/store/collect.js';
import type { DiskStore } from '../../../src/host/store/disk-store.js';
import type { FileLayer } from '../../../src/host/store/file-layer.js';
import type { LeaseMode } from '../../../src/host/store/leases.js';
import { verifyStore } from '../../../src/host/store/verify.js';
import { HARMS, pick, readable, type Random } from './losses.js';
import { MemoryFiles, type Lost } from './memory-files.js';
import { AT_ONCE, content, fileOf, onlyProcess, openIn, putBytes } from './support.js';

const STEPS = 16;
const NAMES = ['a', 'b', 'c', 'd/e', 'd/f'];
const LOSSES: readonly Lost[] = ['nothing', 'bytes', 'half', 'first half', 'bytes and names', 'new names', 'first name', 'early bytes']; // prettier-ignore
const CHANGES = ['open', 'write', 'sync', 'rename', 'remove', 'makeDirectory', 'syncDirectory'];
/** Harms to the names; with one to their anchor as well, nothing is left that could tell. */
const TO_NAMES = ['names deleted', 'names cut', 'a line of the names deleted'];

class Killed extends Error {}

/** Files of a process that is killed before its n-th change, and does nothing any more. */
function killedAt(files: MemoryFiles, n: number): FileLayer {
  let left = n;
  return new Proxy(files, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown;
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        const isChange = CHANGES.includes(String(name)) && !(name === 'open' && args[1] === 'read');
        if (isChange && left-- <= 0) left = -Infinity;
        if (left < 0) throw new Killed('killed');
        return (value as (...args: unknown[]) => unknown).apply(target, args);
      };
    },
  });
}

/** What a step may end with besides success. */
function isExpected(error: unknown): boolean {
  const { name, message } = error as Error;
  return error instanceof Killed || name === 'NothingCollected' || /killed|no space left|ENOSPC/.test(message);
}

/** How many histories did what. */
export type Tally = Map<string, number>;

class History {
  files = new MemoryFiles();
  /** What was done, for a message. */
  readonly story: string[] = [];
  /** What each name may stand for: one thing, but after a failure what it stood for before and after. */
  private readonly names = new Map<string, (string | undefined)[]>();
  private readonly contents = new Map<string, Uint8Array>();
  private pid = 1;
  private isHarmed = false;

  constructor(
    private readonly random: Random,
    private readonly tally: Tally,
  ) {}

  async run(): Promise<void> {
    for (let step = 0; step < STEPS; step++) {
      const kind = this.random();
      const harms = kind >= 0.85;
      const before = harms ? new Set<string>() : this.kept();
      if (harms) await this.harm();
      else if (kind < 0.5) await this.session('write', (store) => this.work(store));
      else if (kind < 0.7)
        await this.session('collect', async (store) => void (await collectGarbage(store, this.grace())));
      else await this.session('collect', async (store) => void (await verifyStore(store), store.repair()));
      await this.check(before);
    }
    await this.mend();
  }

  private note(what: string): void {
    this.story.push(what);
    this.tally.set(what, (this.tally.get(what) ?? 0) + 1);
  }

  private grace(): typeof AT_ONCE {
    return this.random() < 0.7 ? AT_ONCE : { graceMs: 3_600_000, all: true };
  }

  /** A process opens the store, works, and is killed, loses its power, or finds the disk full; or not. */
  private async session(mode: LeaseMode, perform: (store: DiskStore) => Promise<void>): Promise<void> {
    const { files, random } = this;
    const trouble = pick(random, ['none', 'none', 'kill', 'power', 'full']);
    this.note(`${mode}, ${trouble}`);
    files.room = trouble === 'full' ? Math.floor(random() * 6000) : Infinity;
    const layer = trouble === 'kill' ? killedAt(files, Math.floor(random() * 60)) : files;
    try {
      const store = openIn(layer, mode, onlyProcess(++this.pid));
      await perform(store);
      if (trouble !== 'power') store.close();
    } catch (error) {
      if (!isExpected(error) && !(this.isHarmed && error instanceof Error && error.name.endsWith('Error'))) throw error;
      this.note(`failed: ${(error as Error).name}`);
    }
    files.room = Infinity;
    if (trouble === 'power') this.files = files.copy(pick(random, LOSSES));
  }

  private async work(store: DiskStore): Promise<void> {
    for (let left = 1 + Math.floor(this.random() * 4); left > 0; left--) {
      const name = pick(this.random, NAMES);
      const now = store.names.get(name);
      if (this.random() < 0.25) {
        if (now !== undefined) this.swap(store, name, now, undefined);
        continue;
      }
      const bytes = content(Math.floor(this.random() * 10), Math.floor(this.random() ** 2 * 20_000));
      const id = await putBytes(store, bytes);
      this.contents.set(id, bytes);
      if (id !== now) this.swap(store, name, now, id);
    }
  }

  private swap(store: DiskStore, name: string, now: string | undefined, id: string | undefined): void {
    this.names.set(name, [now, id]);
    const isSet = store.names.compareAndSwap(name, now, id === undefined ? undefined : fileOf(id));
    if (!isSet) throw new Error('nobody else names anything');
    this.names.set(name, [id]);
  }

  private async harm(): Promise<void> {
    const what = pick(this.random, Object.keys(HARMS));
    const others = what === 'anchor deleted' ? TO_NAMES : TO_NAMES.includes(what) ? ['anchor deleted'] : [];
    if (this.story.some((done) => others.includes(done)) || !this.files.status('/store/format')) return;
    this.note(what);
    this.isHarmed = true;
    await HARMS[what]!(this.files, this.random);
    // What is left is on the disk.
    this.files = this.files.copy();
  }

  private reader(): DiskStore | undefined {
    if (!this.files.status('/store/format')) return undefined;
    return openIn(this.files.copy(), 'read', onlyProcess(++this.pid));
  }

  /** The contents that names lead to and that can be read. */
  private kept(): Set<string> {
    const store = this.reader();
    if (!store) return new Set();
    const named = new Set([...store.names.entries()].map(([, id]) => id));
    const kept = [...readable(store, this.contents)].filter((id) => named.has(id));
    store.close();
    return new Set(kept);
  }

  /** Holds the store to what was acknowledged. What a harm has taken is reported, and is expected no more. */
  private async check(before: ReadonlySet<string>): Promise<void> {
    const store = this.reader();
    if (!store) return;
    const found = readable(store, this.contents);
    const named = new Set([...store.names.entries()].map(([, id]) => id));
    const gone = [...before].filter((id) => named.has(id) && !found.has(id));
    if (gone.length > 0) await this.requireMended(gone);
    const { problems } = await verifyStore(store);
    const isReported = problems.length > 0 || store.names.warning !== undefined;
    if (isReported && !this.isHarmed) throw new Error(JSON.stringify(problems[0] ?? store.names.warning));
    const isLast = HARMS[this.story.at(-1)!] !== undefined;
    for (const [name, ids] of this.names) {
      const id = store.names.get(name);
      const isThere = ids.includes(id) && (id === undefined || found.has(id));
      if (isThere) continue;
      const what = `${name} stands for ${id}${id !== undefined && !found.has(id) ? ', which is lost' : ''} instead of ${ids.join(' or ')}`; // prettier-ignore
      if (!isReported) throw new Error(`${what}; nothing is reported`);
      if (!isLast && !ids.includes(id)) throw new Error(`${what}, without a harm`);
      this.names.set(name, [id]);
    }
    store.close();
  }

  /** What is there twice may be found where it is damaged, and is found again after a repair. */
  private async requireMended(ids: readonly string[]): Promise<void> {
    const store = openIn(this.files.copy(), 'collect', onlyProcess(++this.pid));
    await verifyStore(store);
    store.repair();
    const found = readable(store, this.contents);
    store.close();
    for (const id of ids) if (!found.has(id)) throw new Error(`${id} could be read before, and has a name`);
  }

  /** Everything is put again: nothing is wrong any more. */
  private async mend(): Promise<void> {
    const collector = openIn(this.files, 'collect', onlyProcess(++this.pid));
    await verifyStore(collector);
    collector.repair();
    collector.close();
    const writer = openIn(this.files, 'write', onlyProcess(++this.pid));
    for (const bytes of this.contents.values()) await putBytes(writer, bytes);
    // What a strange pack brought along may be lost again.
    for (const { name, id } of writer.names.references())
      if (!this.contents.has(id)) writer.names.compareAndSwap(name, id, undefined);
    const { problems } = await verifyStore(writer);
    if (problems.length > 0) throw new Error(`after all: ${JSON.stringify(problems[0])}`);
    if (readable(writer, this.contents).size < this.contents.size) throw new Error('after all: content is missing');
    writer.close();
  }
}

/**
 * A history. Throws, with its story, where a step loses content that a name leads to, where a name or content is gone and nothing is
 * reported, where anything is reported without damage, where other bytes are read, or where the store cannot be mended.
 */
export async function randomHistory(random: Random, tally: Tally = new Map()): Promise<void> {
  const history = new History(random, tally);
  try {
    await history.run();
  } catch (error) {
    throw new Error(`${history.story.join('; ')}: ${(error as Error).stack}`, { cause: error });
  }
}
