import { PAYING_RATE } from '../cost-model.js';
import { LeaderQueue, type Leader } from './leader-queue.js';

/** Different instructions of a region, at most: code beyond is reached by leaving. */
export const MOST_INSTRUCTIONS = 1000;

/**
 * A block that no sample has found is taken in unless it should have been found this often, were it as hot as what leads to
 * it; or so rarely that it need not be there.
 */
const MOST_EXPECTED = 2;
const LEAST_EXPECTED = 0.1;

/** A block that nothing in the region leads to comes after those that are connected to it and run at least this part as often. */
const PART_OF_CONNECTED = 1 / 16;

/** Samples of a block that is taken in although it is not connected to the region, at least. */
const LEAST_OF_OTHERS = 2 * PAYING_RATE;

/** A block that leads nowhere known may be in several regions if it is not longer: a jump by way of a table, or a return. */
const LONGEST_SHARED = 3;

/** How often blocks have been found running. */
export interface CodeHeat {
  /** Samples at the block that begins at an address; negative if it is not to be taken in. */
  samplesAt(rip: bigint): number;
  /** Blocks that have been found running and may be taken in although nothing in the region leads to them, the hottest first. */
  readonly sampled: readonly bigint[];
}

/** A block as far as it is known before it is taken into a region. */
export interface BlockShape {
  /** Instructions. */
  readonly length: number;
  /** Addresses that it leads to directly, where its callee returns to among them. */
  readonly successors: readonly bigint[];
}

/** What decides how a region grows. */
export interface GrowthLimits {
  /** Whether the code at an address has been reached before, and so may be needed. */
  isReached(rip: bigint): boolean;
  /** How hot code is; without it, everything is taken in that has been reached, the nearest first. */
  readonly heat?: CodeHeat | undefined;
  /** The block at an address, as it was when it was first looked at. */
  shapeOf(rip: bigint): BlockShape;
  /** What leads to a block directly, of what has been found running. */
  predecessorsOf(rip: bigint): readonly bigint[];
}

/** Which blocks a region takes in next: those that are connected to it, and the hottest of all. */
export class RegionGrowth {
  /** Where blocks begin, those among them that wait. */
  readonly leaders = new Set<bigint>();
  private readonly leading = new LeaderQueue();
  /** How hot what is connected to a block is, in samples for each instruction. */
  private readonly rates = new Map<bigint, number>();

  constructor(private readonly limits: GrowthLimits) {}

  /** Begins with the blocks that were asked for, and those that are hot themselves. */
  begin(asked: readonly bigint[]): void {
    for (const rip of asked) this.lead(rip, Infinity);
    const { heat } = this.limits;
    for (const rip of heat?.sampled ?? [])
      if (heat!.samplesAt(rip) >= LEAST_OF_OTHERS)
        this.leading.push({ rip, heat: this.frequencyOf(rip) * PART_OF_CONNECTED });
  }

  /** Has a block taken in that begins at an address; `rate` is how hot what it is connected to is. */
  lead(rip: bigint | undefined, rate: number): void {
    if (rip === undefined || this.leaders.has(rip)) return;
    if (rate !== Infinity && !this.limits.isReached(rip)) return;
    const { heat } = this.limits;
    const samples = heat?.samplesAt(rip) ?? 0;
    if (samples < 0 && !this.isShared(rip)) return;
    this.leaders.add(rip);
    const own = samples > 0 ? this.frequencyOf(rip) : rate / 2;
    this.leading.push({ rip, heat: heat ? Math.min(rate, rate === Infinity ? rate : own) : 0 });
    this.rates.set(rip, rate);
  }

  /** The block to look at next. */
  next(): Leader | undefined {
    return this.leading.pop();
  }

  /** Samples for each instruction of a block, measured or supposed; undefined if it is too cold to be taken in. */
  rateOf(leader: bigint, length: number): number | undefined {
    const { heat } = this.limits;
    if (!heat) return 0;
    const samples = heat.samplesAt(leader);
    if (samples > 0) return samples / length;
    if (samples < 0) return 0;
    const rate = this.rates.get(leader) ?? Infinity;
    const expected = rate * length;
    if (rate === Infinity) return 0;
    return expected < LEAST_EXPECTED || expected > MOST_EXPECTED ? undefined : rate / 2;
  }

  /** How often a block has been found running, for each of its instructions. */
  private frequencyOf(rip: bigint): number {
    return this.limits.heat!.samplesAt(rip) / Math.max(this.limits.shapeOf(rip).length, 1);
  }

  /** Whether a block is taken in although another region has it: it is as short as going there, and control does not stay. */
  private isShared(rip: bigint): boolean {
    const { length, successors } = this.limits.shapeOf(rip);
    return successors.length === 0 && length > 0 && length <= LONGEST_SHARED;
  }
}

/** Blocks that a region would have, and its instructions; what two blocks have in common is counted twice. */
export interface RegionOutline {
  readonly blocks: readonly bigint[];
  readonly instructions: number;
}

/** What a region would consist of, by what its blocks looked like when they were first looked at. */
export function outlineRegion(asked: readonly bigint[], limits: GrowthLimits): RegionOutline {
  const growth = new RegionGrowth(limits);
  const blocks = new Set<bigint>();
  let instructions = 0;
  growth.begin(asked);
  for (let next = growth.next(); next && instructions < MOST_INSTRUCTIONS; next = growth.next()) {
    const { rip } = next;
    const { length, successors } = limits.shapeOf(rip);
    const rate = growth.rateOf(rip, length);
    if (rate === undefined || length === 0 || blocks.has(rip)) continue;
    blocks.add(rip);
    instructions += length;
    for (const neighbour of limits.predecessorsOf(rip)) growth.lead(neighbour, rate);
    for (const neighbour of successors) growth.lead(neighbour, rate);
  }
  return { blocks: [...blocks], instructions };
}
