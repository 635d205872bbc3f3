import type { Access } from '../../meaning/vocabulary.js';
import type { Origin } from '../../wasm/encoding/value.js';

/**
 * Memory accesses that share one look in the TLB: those a known distance apart. The first of them checks the whole extent,
 * for writing if one of them writes; a check that fails leaves the region before anything has changed, and the interpreter
 * does each access by itself.
 */

/** Bytes that one check covers, at most: the wider, the more often it meets the end of a page. */
const WIDEST_CHECK = 512;

/** Checked extents that are remembered at a time. */
const MOST_GROUPS = 16;

/** An extent that has been checked: [low, high) off a root, at the host address that a local holds for `low`. */
export interface CheckedExtent {
  readonly root: number;
  readonly low: bigint;
  readonly high: bigint;
  readonly writable: boolean;
  readonly host: number;
}

/** An access of a block, in the order in which its meanings ask for them. */
export interface PlannedAccess {
  readonly origin: Origin | undefined;
  readonly bytes: number;
  readonly access: Access;
  /** Whether the access is also to be made across pages. */
  readonly crosses: boolean;
}

/** What the check at an access is to cover: so many bytes before it, and so many from it on. */
export interface CheckPlan {
  readonly before: number;
  readonly after: number;
  readonly writes: boolean;
  readonly crosses: boolean;
}

/** For each access of a block, the extent of those off the same root that follow, itself included, where it is short. */
export function planChecks(accesses: readonly PlannedAccess[]): CheckPlan[] {
  const extents = new Map<number, { low: bigint; high: bigint; writes: boolean }>();
  const plans: CheckPlan[] = [];
  for (let i = accesses.length - 1; i >= 0; i--) {
    const { origin, bytes, access, crosses } = accesses[i]!;
    const own = { before: 0, after: bytes, writes: access === 'write', crosses };
    plans[i] = own;
    if (!origin) continue;
    const low = origin.offset;
    const high = low + BigInt(bytes);
    const later = extents.get(origin.root);
    let extent = { low, high, writes: own.writes };
    if (later) {
      const joined = {
        low: low < later.low ? low : later.low,
        high: high > later.high ? high : later.high,
        writes: own.writes || later.writes,
      };
      if (joined.high - joined.low <= WIDEST_CHECK) extent = joined;
    }
    extents.set(origin.root, extent);
    plans[i] = { ...own, before: Number(low - extent.low), after: Number(extent.high - low), writes: extent.writes };
  }
  return plans;
}

/** The extent that has been checked and covers an access, if there is one. */
export function findExtent(
  extents: readonly CheckedExtent[],
  origin: Origin,
  bytes: number,
  access: Access,
): CheckedExtent | undefined {
  const { root, offset } = origin;
  for (let i = extents.length - 1; i >= 0; i--) {
    const extent = extents[i]!;
    if (extent.root !== root || offset < extent.low || offset + BigInt(bytes) > extent.high) continue;
    if (access === 'read' || extent.writable) return extent;
  }
  return undefined;
}

/** The extents with one more, the oldest dropped where there are too many. */
export function withExtent(extents: readonly CheckedExtent[], extent: CheckedExtent): readonly CheckedExtent[] {
  return [...(extents.length < MOST_GROUPS ? extents : extents.slice(1)), extent];
}
