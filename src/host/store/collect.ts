/**
 * Garbage collection. What names and pins reach is kept. All else is garbage: it is condemned first, and deleted by a later
 * collection once its grace period has passed. A pack that holds nothing else is deleted; one that holds a node or root of which
 * parts may be gone, or is garbage by an eighth, is written anew first. So whatever node is in the store, all below it is, too.
 */

import { DamagedRecordError } from '../../vmo/records/record-store.js';
import { HostError } from '../failure.js';
import { Condemned } from './condemned.js';
import { readRoot, readNode } from './canonical-records.js';
import type { DiskStore } from './disk-store.js';
import { StoreWriteError } from './errors.js';
import { isFull } from './file-layer.js';
import { Kind } from './packs/pack-format.js';
import type { Pack } from './packs/pack.js';
import type { PackSet } from './packs/pack-set.js';
import type { RecordTable } from './packs/record-table.js';
import { RecordSizes } from './packs/record-sizes.js';
import { Pace, type Watch } from './pace.js';
import { Reach } from './reach.js';

/** Default for the bytes of translated code that are kept: the latest. */
export const CODE_BYTES_MAX = 2 ** 28;

/** Default for how long garbage is kept: time to notice a mistake. */
export const GRACE_MS = 3_600_000;

/** Most small packs before they are merged. */
const SMALL_PACKS_MAX = 16;
const SMALL_PACK_BYTES = 2 ** 22;

/** The part of a pack that may be garbage; and some marks, which would weigh much in a small one. */
const GARBAGE_MAX = 1 / 8;
const MARKS_BYTES = 512;

export interface CollectProgress {
  readonly phase: 'looking' | 'writing';
  /** Records looked at, or written. */
  readonly records: number;
}

export interface CollectOptions extends Watch<CollectProgress> {
  /** Reports what would be removed, and removes nothing. */
  readonly dryRun?: boolean | undefined;
  /** Removes garbage even if no name reaches anything, so that nothing is left. */
  readonly all?: boolean | undefined;
  /** Milliseconds for which garbage is kept after it was found. On a full disk it is not. GRACE_MS. */
  readonly graceMs?: number | undefined;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  readonly codeBytesMax?: number | undefined;
}

/** What was kept and removed; bytes as they lie in packs. */
export interface Collected {
  /** Reached by names and pins. */
  readonly keptRecords: number;
  readonly keptBytes: number;
  /** Garbage that is kept for its grace period. */
  readonly waitingRecords: number;
  readonly waitingBytes: number;
  /** When the first of it can be removed, in milliseconds since 1970; undefined where there is none. */
  readonly waitingUntilMs: number | undefined;
  readonly removedRecords: number;
  readonly removedBytes: number;
  readonly packsRemoved: number;
  readonly packsWritten: number;
  readonly codeBytesRemoved: number;
  /** The disk was full: garbage was removed without grace, and only in packs that hold nothing else if there was no room to write. */
  readonly wasFull: boolean;
}

/** What a pack holds. */
interface Tally {
  readonly pack: Pack;
  /** Entries to keep. */
  readonly live: number[];
  liveBytes: number;
  /** Garbage that is removed. */
  readonly dead: number[];
  deadBytes: number;
  deadTrees: number;
  waitingRecords: number;
  waitingBytes: number;
}

/** A refusal to collect: nothing was removed. */
export class NothingCollected extends HostError {
  override readonly name = 'NothingCollected';

  constructor(why: string, advice = 'bd0 vmo verify shows what is affected') {
    super(`nothing was collected, since ${why}; ${advice}`, 'damaged');
  }
}

/** What a collection does. */
interface Plan {
  readonly tallies: readonly Tally[];
  readonly wasFull: boolean;
  readonly waitingUntilMs: number | undefined;
}

/**
 * Collects what nothing reaches. The store is open to `collect`. Throws NothingCollected where names or something that they
 * reach is damaged or missing, and where nothing would be left.
 */
export async function collectGarbage(store: DiskStore, options: CollectOptions = {}): Promise<Collected> {
  const reach = await reachable(store, options);
  if (reach.seen.count === 0 && store.packs.table.count > 0 && !options.all)
    throw new NothingCollected(
      `no name and no pin reaches anything, so all ${store.packs.table.count} records would go`,
      'bd0 vmo gc --all removes them',
    );
  store.packs.preferWhole((hash) => reach.has(hash));
  const plan = planOf(store, reach, options);
  const { tallies, wasFull, waitingUntilMs } = plan;
  const removed = options.dryRun ? staleOf(tallies, wasFull) : await sweep(store, plan, options);
  const sum = (of: readonly Tally[], part: (tally: Tally) => number): number =>
    Math.round(of.reduce((total, each) => total + part(each), 0));
  return {
    keptRecords: sum(tallies, ({ live, waitingRecords }) => live.length - waitingRecords),
    keptBytes: sum(tallies, ({ liveBytes, waitingBytes }) => liveBytes - waitingBytes),
    waitingRecords: sum(tallies, ({ waitingRecords }) => waitingRecords),
    waitingBytes: sum(tallies, ({ waitingBytes }) => waitingBytes),
    waitingUntilMs,
    removedRecords: sum(removed, ({ dead }) => dead.length),
    removedBytes: sum(removed, ({ deadBytes }) => deadBytes),
    packsRemoved: removed.length,
    packsWritten: removed.filter(({ live }) => live.length > 0).length,
    codeBytesRemoved: collectCode(store.codeSet(), options, wasFull),
    wasFull,
  };
}

/** Removes what a plan says. Returns the packs that are gone. */
async function sweep(store: DiskStore, { tallies, wasFull }: Plan, options: CollectOptions): Promise<Tally[]> {
  const { packs } = store;
  const dead = onlyGarbage(store, tallies);
  const rest = staleOf(tallies, wasFull).filter((tally) => !dead.includes(tally));
  // Entries are numbered anew once a pack is gone.
  const hashes = rest.map(({ live }) => inPackOrder(packs.table, live));
  removeLatestFirst(packs, dead);
  const isRewritten = await rewrite(packs, rest, hashes, options);
  for (const set of [packs, store.codeSet()]) set.removeLeftovers();
  try {
    store.names.compact();
  } catch (error) {
    if (!(error instanceof StoreWriteError && error.isFull)) throw error;
  }
  return isRewritten ? [...dead, ...rest] : dead;
}

async function reachable(store: DiskStore, options: CollectOptions): Promise<Reach> {
  const loss = store.names.loss();
  const lost = store.names.damage().find(({ hasCopy }) => !hasCopy);
  if (lost) throw new NothingCollected(`names are damaged at byte ${lost.offset}, and may have stood for anything`);
  if (loss !== undefined) throw new NothingCollected(`names are lost: ${loss}`, 'bd0 vmo verify shows more');
  const reach = new Reach(store);
  const pace = new Pace(options, () => ({ phase: 'looking' as const, records: reach.seen.count }));
  for (const reference of [...store.names.references(), ...store.names.pinnedReferences()])
    for (const _ of reach.add(reference)) if (pace.isDue) await pace.pause();
  const [broken] = reach.broken;
  if (!broken) return reach;
  const others = reach.broken.length - 1;
  const more = others === 0 ? '' : `, and ${others} more ${others === 1 ? 'is' : 'are'} missing or damaged`;
  throw new NothingCollected(
    `${broken.damage?.message ?? `record ${broken.hash} is ${broken.detail ?? 'missing'}`}${more}`,
  );
}

/** Says which garbage goes now and which waits, and writes that down. */
function planOf(store: DiskStore, reach: Reach, options: CollectOptions): Plan {
  const { dryRun = false, graceMs = GRACE_MS, now = Date.now } = options;
  const { table } = store.packs;
  const path = `${store.directory}/condemned`;
  const known = Condemned.read(store.files, path);
  const nowMs = now();
  const isCurrent = known !== undefined && known.atMs <= nowMs;
  const isDue = isCurrent && nowMs - known.atMs >= graceMs;
  const garbage = Array.from({ length: table.count }, (_, entry) => entry).filter(
    (entry) => !reach.has(table.hash(entry)),
  );
  const isFullDisk = !dryRun && !store.reserve.fill();
  const isWaiting = (entry: number): boolean => graceMs > 0 && !(isDue && known.has(table.hash(entry)));
  const waiting = isFullDisk ? [] : garbage.filter(isWaiting);
  const atMs = isCurrent && !isDue ? known.atMs : nowMs;
  let wasFull = isFullDisk;
  if (!dryRun) {
    if (waiting.length === 0) store.files.remove(path);
    else if (atMs === nowMs) wasFull ||= !condemned(store, path, Condemned.of(nowMs, waiting.map((entry) => table.hash(entry)))); // prettier-ignore
  }
  if (wasFull) waiting.length = 0;
  const waitingUntilMs = waiting.length === 0 ? undefined : atMs + graceMs;
  return { tallies: tally(store.packs, reach, keptFor(store, waiting)), wasFull, waitingUntilMs };
}

/** Records which content is condemned. Returns false if the disk has no room for that. */
function condemned(store: DiskStore, path: string, all: Condemned): boolean {
  try {
    all.write(store.files, path);
    return true;
  } catch (error) {
    if (isFull(error)) return false;
    throw new StoreWriteError(path, error);
  }
}

/** Entries of garbage that waits, and all that is below them. */
function keptFor(store: DiskStore, waiting: readonly number[]): Reach {
  const reach = new Reach(store);
  const { table } = store.packs;
  for (const entry of waiting) for (const _ of reach.addRecord(table.hash(entry).slice(), table.kind(entry)));
  return reach;
}

/**
 * The packs that hold nothing but garbage and can be deleted first, since no node of another pack refers to their records.
 */
function onlyGarbage(store: DiskStore, tallies: readonly Tally[]): Tally[] {
  const { packs } = store;
  const dead = new Map(tallies.filter(({ live }) => live.length === 0).map((tally) => [tally.pack, tally]));
  const staying = tallies.filter(({ live }) => live.length > 0);
  for (let tally = staying.pop(); tally && dead.size > 0; tally = staying.pop())
    for (const child of tally.dead.flatMap((entry) => childrenOf(store, entry))) {
      const entry = packs.table.find(child);
      const needed = entry < 0 ? undefined : dead.get(packs.packOf(entry));
      if (!needed) continue;
      dead.delete(needed.pack);
      staying.push(needed);
    }
  return [...dead.values()];
}

/** Hashes of what a node or root refers to. */
function childrenOf({ packs }: DiskStore, entry: number): Uint8Array[] {
  const kind = packs.table.kind(entry);
  if (kind === Kind.leaf) return [];
  try {
    const kept = packs.get(packs.table.hash(entry).slice())?.kept;
    if (!kept) return [];
    if (kind === Kind.root) return [readRoot(kept).top];
    const { left, right } = readNode(kept);
    return [left, right];
  } catch (error) {
    if (error instanceof DamagedRecordError) return [];
    throw error;
  }
}

/** A node refers to what was written before it, so that what is left by a crash in between lacks nothing as a rule. */
function removeLatestFirst(packs: PackSet, tallies: readonly Tally[]): void {
  const all = tallies.map(({ pack }) => pack);
  const times = new Map(all.map((pack) => [pack, packs.modifiedMs(pack)]));
  packs.remove(all.sort((a, b) => times.get(b)! - times.get(a)!));
}

function tally(packs: PackSet, reach: Reach, waiting: Reach): Tally[] {
  const { table } = packs;
  const sizes = new RecordSizes(packs);
  const tallies = new Map<Pack, Tally>();
  for (const pack of packs.list())
    tallies.set(pack, {
      pack,
      live: [],
      liveBytes: 0,
      dead: [],
      deadBytes: 0,
      deadTrees: 0,
      waitingRecords: 0,
      waitingBytes: 0,
    });
  for (let entry = 0; entry < table.count; entry++) {
    const tally = tallies.get(packs.packOf(entry))!;
    const bytes = sizes.of(entry);
    const isReached = reach.has(table.hash(entry));
    if (isReached || waiting.has(table.hash(entry))) {
      tally.live.push(entry);
      tally.liveBytes += bytes;
      if (isReached) continue;
      tally.waitingRecords++;
      tally.waitingBytes += bytes;
    } else {
      tally.dead.push(entry);
      tally.deadBytes += bytes;
      if (table.kind(entry) !== Kind.leaf) tally.deadTrees++;
    }
  }
  return [...tallies.values()];
}

/** The packs to write anew or to delete; many small ones are put together, too, if the disk has room. */
function staleOf(tallies: readonly Tally[], isFull: boolean): Tally[] {
  const small = isFull ? [] : tallies.filter((tally) => !isStale(tally) && tally.pack.endOffset < SMALL_PACK_BYTES);
  return [...tallies.filter(isStale), ...(small.length > SMALL_PACKS_MAX ? small : [])];
}

/** Bytes that no entry stands for count as garbage: records that other packs have too, and writes that were cut off. */
function isStale({ pack, live, liveBytes, deadTrees }: Tally): boolean {
  return live.length === 0 || deadTrees > 0 || liveBytes < (1 - GARBAGE_MAX) * pack.endOffset - MARKS_BYTES;
}

/** Writes packs anew without their garbage. Returns false, and leaves them as they are, where the disk has no room for that. */
async function rewrite(
  packs: PackSet,
  stale: readonly Tally[],
  kept: readonly (readonly Uint8Array[])[],
  options: CollectOptions,
): Promise<boolean> {
  let records = 0;
  const pace = new Pace(options, () => ({ phase: 'writing' as const, records }));
  try {
    for (const hashes of kept)
      for (const hash of hashes) {
        rewriteOne(packs, hash);
        records++;
        if (pace.isDue) await pace.pause();
      }
    packs.seal();
  } catch (error) {
    if (!(error instanceof StoreWriteError && error.isFull)) throw error;
    packs.discardOwn();
    return false;
  }
  removeLatestFirst(packs, stale);
  return true;
}

/** Hashes of entries, as they lie in their pack. */
function inPackOrder(table: RecordTable, entries: number[]): Uint8Array[] {
  entries.sort((a, b) => {
    const [first, second] = [table.place(a), table.place(b)];
    return first.offset - second.offset || first.number - second.number;
  });
  return entries.map((entry) => table.hash(entry).slice());
}

function rewriteOne(packs: PackSet, hash: Uint8Array): void {
  try {
    packs.rewrite(hash);
  } catch (error) {
    if (!(error instanceof DamagedRecordError)) throw error;
    throw new NothingCollected(error.message);
  }
}

/** Removes the oldest packs until the rest is within the budget. Returns the number of bytes removed. */
function collectCode(
  packs: PackSet,
  { codeBytesMax = CODE_BYTES_MAX, dryRun }: CollectOptions,
  isFull: boolean,
): number {
  const closed = packs.list().filter((pack) => !pack.mayGrow);
  const latestFirst = closed.sort((a, b) => packs.modifiedMs(b) - packs.modifiedMs(a));
  let kept = 0;
  const [keep, drop] = [[] as Pack[], [] as Pack[]];
  for (const pack of latestFirst) {
    const isKept = drop.length === 0 && kept + pack.endOffset <= codeBytesMax;
    (isKept ? keep : drop).push(pack);
    if (isKept) kept += pack.endOffset;
  }
  const removed = drop.reduce((bytes, pack) => bytes + pack.endOffset, 0);
  if (dryRun) return removed;
  if (keep.length > SMALL_PACKS_MAX && !isFull) {
    packs.rewriteWhole(keep);
    packs.seal();
    drop.push(...keep);
  }
  packs.remove(drop);
  return removed;
}
