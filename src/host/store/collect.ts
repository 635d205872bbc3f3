/**
 * Garbage collection. What names, pins and openings that last reach is kept. A pack that holds nothing of it is taken away; one
 * that holds a node or root of which parts may be gone, or is garbage by an eighth, is written anew first. So whatever
 * node is in the store, all below it is, too.
 */

import { HostError } from '../failure.js';
import type { DiskStore } from './disk-store.js';
import { Kind } from './packs/pack-format.js';
import type { Pack } from './packs/pack.js';
import { Pace, type Watch } from './pace.js';
import type { PackSet } from './packs/pack-set.js';
import type { RecordTable } from './packs/record-table.js';
import { Reach } from './reach.js';
import { RecordSizes } from './packs/record-sizes.js';
import { DamagedRecordError, type Reference } from '../../vmo/records/record-store.js';

/** Bytes of translated code that are kept, unless told otherwise: the latest. */
export const CODE_BYTES_MAX = 2 ** 28;

/** So many small packs may be there. */
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
  /** Tells what would be removed, and removes nothing. */
  readonly dryRun?: boolean | undefined;
  readonly codeBytesMax?: number | undefined;
}

/** What was kept and removed; bytes as they lie in packs. */
export interface Collected {
  readonly keptRecords: number;
  readonly keptBytes: number;
  readonly removedRecords: number;
  readonly removedBytes: number;
  readonly packsRemoved: number;
  readonly packsWritten: number;
  readonly codeBytesRemoved: number;
}

/** What a pack holds. */
interface Tally {
  readonly pack: Pack;
  readonly live: number[];
  liveBytes: number;
  deadRecords: number;
  deadBytes: number;
  deadTrees: number;
}

/**
 * Collects what nothing reaches. The store is open to `collect`. Throws HostError where a tree that is to be kept cannot be
 * followed, and then removes nothing.
 */
export async function collectGarbage(store: DiskStore, options: CollectOptions = {}): Promise<Collected> {
  const reach = await reachable(store, options);
  const tallies = tally(store.packs, reach);
  const stale = staleOf(tallies);
  if (!options.dryRun) {
    await rewrite(store.packs, stale, options);
    for (const set of [store.packs, store.codeSet()]) set.removeLeftovers();
    store.names.compact();
  }
  const sum = (of: readonly Tally[], part: (tally: Tally) => number): number =>
    Math.round(of.reduce((total, each) => total + part(each), 0));
  return {
    keptRecords: sum(tallies, ({ live }) => live.length),
    keptBytes: sum(tallies, ({ liveBytes }) => liveBytes),
    removedRecords: sum(stale, ({ deadRecords }) => deadRecords),
    removedBytes: sum(stale, ({ deadBytes }) => deadBytes),
    packsRemoved: stale.length,
    packsWritten: stale.filter(({ live }) => live.length > 0).length,
    codeBytesRemoved: collectCode(store.codeSet(), options),
  };
}

async function reachable(store: DiskStore, options: CollectOptions): Promise<Reach> {
  const lost = store.names.damage().find(({ hasCopy }) => !hasCopy);
  if (lost) throw nothingCollected(`names are damaged at byte ${lost.offset}, and may have stood for anything`);
  const reach = new Reach(store);
  const pace = new Pace(options, () => ({ phase: 'looking' as const, records: reach.seen.count }));
  const held = store.lease.held().map((id): Reference => ({ id, kind: store.kindOf(id) }));
  for (const reference of [...store.names.references(), ...store.names.pinnedReferences(), ...held])
    for (const _ of reach.add(reference)) if (pace.isDue) await pace.pause();
  const [broken] = reach.broken;
  if (!broken) return reach;
  throw nothingCollected(broken.damage?.message ?? `record ${broken.hash} is ${broken.detail ?? 'missing'}`);
}

function tally(packs: PackSet, reach: Reach): Tally[] {
  const { table } = packs;
  const sizes = new RecordSizes(packs);
  const tallies = new Map<Pack, Tally>();
  for (const pack of packs.list())
    tallies.set(pack, { pack, live: [], liveBytes: 0, deadRecords: 0, deadBytes: 0, deadTrees: 0 });
  for (let entry = 0; entry < table.count; entry++) {
    const tally = tallies.get(packs.packOf(entry))!;
    const bytes = sizes.of(entry);
    if (reach.has(table.hash(entry))) {
      tally.live.push(entry);
      tally.liveBytes += bytes;
    } else {
      tally.deadRecords++;
      tally.deadBytes += bytes;
      if (table.kind(entry) !== Kind.leaf) tally.deadTrees++;
    }
  }
  return [...tallies.values()];
}

/** The packs to write anew or take away; many small ones are put together, too. */
function staleOf(tallies: readonly Tally[]): Tally[] {
  const small = tallies.filter((tally) => !isStale(tally) && tally.pack.endOffset < SMALL_PACK_BYTES);
  return [...tallies.filter(isStale), ...(small.length > SMALL_PACKS_MAX ? small : [])];
}

/** Bytes that no entry stands for count as garbage: records that other packs have too, and writes that were cut off. */
function isStale({ pack, live, liveBytes, deadTrees }: Tally): boolean {
  return live.length === 0 || deadTrees > 0 || liveBytes < (1 - GARBAGE_MAX) * pack.endOffset - MARKS_BYTES;
}

async function rewrite(packs: PackSet, stale: readonly Tally[], options: CollectOptions): Promise<void> {
  const { table } = packs;
  let records = 0;
  const pace = new Pace(options, () => ({ phase: 'writing' as const, records }));
  for (const { live } of stale) {
    for (const hash of inPackOrder(table, live)) {
      rewriteOne(packs, hash);
      records++;
      if (pace.isDue) await pace.pause();
    }
  }
  packs.seal();
  packs.remove(stale.map(({ pack }) => pack));
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
    throw nothingCollected(error.message);
  }
}

function nothingCollected(why: string): HostError {
  return new HostError(`nothing was collected, since ${why}; bd0 vmo verify tells what that reaches`, 'damaged');
}

/** Takes away the packs that were written first, until the rest is within its budget. Answers how many bytes that were. */
function collectCode(packs: PackSet, { codeBytesMax = CODE_BYTES_MAX, dryRun }: CollectOptions): number {
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
  if (keep.length > SMALL_PACKS_MAX) {
    packs.rewriteWhole(keep);
    packs.seal();
    drop.push(...keep);
  }
  packs.remove(drop);
  return removed;
}
