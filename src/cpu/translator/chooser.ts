import { sizeOf, type Region } from './compile/region.js';
import { MOST_INSTRUCTIONS, type CodeHeat, type RegionOutline } from './compile/region-growth.js';
import { TICKS_BETWEEN_SAMPLES, costOfTranslating } from './cost-model.js';
import type { Profile, Sampling } from './profile.js';

/** How samples are taken for the chooser. */
export const SAMPLING: Sampling = { period: TICKS_BETWEEN_SAMPLES, batch: 256 };

/** From one look at what pays to the next, the samples grow at least by this part. */
const PART_BETWEEN_LOOKS = 1 / 16;

/** Most blocks that are remembered for having been led around. */
const MOST_LED_AROUND = 4096;

/** Instructions of a block, about, as long as it has not been looked at. */
const INSTRUCTIONS_OF_A_BLOCK = 5;

/** A region as the chooser sees it. */
export interface ChosenRegion {
  /** Ticks that making it again must save. */
  readonly costToRemake: number;
}

/** Blocks that have been found less often are not looked at: there are many of them, and they would pay for nothing. */
const LEAST_SEEN = 2;

/** A region is found if its outline would pay for this part of it: an outline counts some code twice. */
const PART_OF_OUTLINE = 3 / 4;

/** What the chooser needs to know and to have done; `R` stands for a region. */
export interface ChooserHost<R extends ChosenRegion> {
  /** The region with the block that begins at an address, if there is one. */
  regionAround(rip: bigint): R | undefined;
  /** Lets a region be entered at an address, if it can be. */
  enterAt(rip: bigint): boolean;
  /** Lets a region be entered at the loop around a block of it, if it can be. */
  enterAround(rip: bigint): boolean;
  /** About what the region around a block would consist of. */
  outline(seed: bigint, heat: CodeHeat): RegionOutline;
  /** The region that would be made around a block, of the code that is hot. */
  find(seed: bigint, heat: CodeHeat): Region | undefined;
  /** How often a block was found running in earlier runs, when it is found for the first time in this one. */
  samplesBefore(rip: bigint): number;
  /** How often such a region must pay: more than once where regions have been dropped since their code was stored to. */
  timesToPay(seed: bigint): number;
  /** Makes a region that has been found. */
  make(region: Region): void;
  /** Makes a region again with further entries. */
  remake(region: R, entries: readonly bigint[]): void;
}

/** Decides what is translated: the hottest code, as soon as it has taken the time that translating it takes. */
export class Chooser<R extends ChosenRegion> {
  /** Samples in all, at which it is looked at again what pays. */
  private nextLook = 0;
  /** Blocks of regions to which the interpreter has come in spite of the way into the loop around them. */
  private readonly ledAround = new Set<bigint>();

  constructor(
    private readonly profile: Profile,
    private readonly host: ChooserHost<R>,
  ) {}

  /** Counts a sample. */
  count(rip: bigint): void {
    const { profile, host } = this;
    if (profile.ever(rip) === 0) profile.add(rip, host.samplesBefore(rip));
    profile.count(rip);
  }

  /** Has made what pays, by the samples that have been counted. */
  look(): void {
    const { profile } = this;
    if (profile.total < this.nextLook) return;
    const closed = this.openRegions();
    const wait = this.makeRegions(closed);
    this.nextLook = profile.total + Math.max(SAMPLING.batch, profile.total * PART_BETWEEN_LOOKS, wait);
  }

  /**
   * Has regions entered where the interpreter has come to code of theirs; makes those again that need entries for that, if it
   * pays. Returns the blocks of which the interpreter is still to run what regions have.
   */
  private openRegions(): Set<bigint> {
    const { profile, host } = this;
    const closed = new Map<R, bigint[]>();
    for (const rip of profile.hottest(LEAST_SEEN)) {
      const region = host.regionAround(rip);
      if (!region) continue;
      if (host.enterAt(rip) || this.leadAround(rip)) profile.settle(rip);
      else if (closed.has(region)) closed.get(region)!.push(rip);
      else closed.set(region, [rip]);
    }
    for (const [region, blocks] of closed) {
      const samples = blocks.reduce((sum, rip) => sum + profile.at(rip), 0);
      if (samples * TICKS_BETWEEN_SAMPLES < region.costToRemake) continue;
      host.remake(region, blocks);
      for (const rip of blocks) profile.settle(rip);
      closed.delete(region);
    }
    return new Set([...closed.values()].flat());
  }

  /** Has the loop around a block entered, but only once: if the interpreter is found there again, that does not help. */
  private leadAround(rip: bigint): boolean {
    if (this.ledAround.has(rip) || !this.host.enterAround(rip)) return false;
    if (this.ledAround.size >= MOST_LED_AROUND) this.ledAround.clear();
    this.ledAround.add(rip);
    return true;
  }

  /**
   * Makes regions of the hottest code that has none, or to which no way leads in those that have it: it leads from there into
   * them. Returns the samples after which it may be worth looking again.
   */
  private makeRegions(closed: ReadonlySet<bigint>): number {
    const { profile, host } = this;
    const samplesAt = (rip: bigint): number => {
      if (!host.regionAround(rip)) return profile.ever(rip);
      return (closed.has(rip) && profile.at(rip)) || -1;
    };
    for (;;) {
      const hot = profile.hottest(LEAST_SEEN).filter((rip) => samplesAt(rip) > 0);
      const [seed] = hot;
      if (seed === undefined || !this.mayPay(hot)) return 0;
      const missing = this.makeRegion(seed, { samplesAt, sampled: hot });
      if (missing > 0) return missing;
      profile.settle(seed);
    }
  }

  /** Whether some of the hottest blocks would pay for a region, if they were of usual length and there was nothing else in it. */
  private mayPay(hot: readonly bigint[]): boolean {
    let samples = 0;
    for (const [i, rip] of hot.entries()) {
      const instructions = (i + 1) * INSTRUCTIONS_OF_A_BLOCK;
      if (instructions > MOST_INSTRUCTIONS) break;
      samples += this.profile.at(rip);
      if (samples * TICKS_BETWEEN_SAMPLES >= costOfTranslating(instructions)) return true;
    }
    return false;
  }

  /** Makes a region around a block, if that pays. Returns how many samples it may take until it does. */
  private makeRegion(seed: bigint, heat: CodeHeat): number {
    const { profile, host } = this;
    const outline = host.outline(seed, heat);
    const least = this.missing(seed, outline.blocks, outline.instructions * PART_OF_OUTLINE);
    if (outline.blocks.length > 0 && least > 0) return least;
    const region = host.find(seed, heat);
    if (!region) return 0;
    const blocks = region.nodes.flatMap((node) => (node && !node.context ? [node.rip] : []));
    const missing = this.missing(seed, blocks, sizeOf(region));
    if (missing > 0) return missing;
    host.make(region);
    for (const rip of blocks) profile.settle(rip);
    return 0;
  }

  /** How many samples it may take until so many instructions in these blocks pay for being translated. */
  private missing(seed: bigint, blocks: readonly bigint[], instructions: number): number {
    const { profile, host } = this;
    const samples = blocks.reduce((sum, rip) => sum + profile.at(rip), 0);
    const cost = costOfTranslating(instructions) * host.timesToPay(seed);
    const missing = cost / TICKS_BETWEEN_SAMPLES - samples;
    // Not all samples will be of these blocks, but more of them than before, if they are becoming hot.
    return missing > 0 ? (missing * Math.max(1, profile.waiting / Math.max(samples, 1))) / 2 : 0;
  }
}
