import { MOST_INSTRUCTIONS, sizeOf, type CodeHeat, type Region } from './compile/region.js';
import { PAYING_RATE, TICKS_BETWEEN_SAMPLES, costOfTranslating } from './cost-model.js';
import type { Profile, Sampling } from './profile.js';

/** How samples are taken for the chooser. */
export const SAMPLING: Sampling = { period: TICKS_BETWEEN_SAMPLES, batch: 256 };

/** Samples of a block that is taken into a region to which nothing leads from there. */
const LEAST_OF_OTHERS = 2 * PAYING_RATE;

/** Regions that are made at a time, at most. */
const MOST_AT_A_TIME = 4;

/** From one look at what pays to the next, the samples grow at least by this part. */
const PART_BETWEEN_LOOKS = 1 / 8;

/** Instructions of a block, about, as long as it has not been looked at. */
const INSTRUCTIONS_OF_A_BLOCK = 5;

/** What the chooser needs to know and to have done. */
export interface ChooserHost {
  /** Whether the block that begins at an address is part of a region. */
  hasBlock(rip: bigint): boolean;
  /** If the code at an address lies in a region, lets it be entered there or at the loop around it, if it can. */
  leadIn(rip: bigint): boolean;
  /** The region that would be made around a block, of the code that is hot. */
  find(seed: bigint, heat: CodeHeat): Region | undefined;
  /** How often such a region must pay: more than once where regions have been dropped since their code was stored to. */
  timesToPay(seed: bigint): number;
  /** Makes a region with entries at addresses. */
  make(wanted: readonly bigint[], heat: CodeHeat): void;
}

/** Decides what is translated: the hottest code, as soon as it has taken the time that translating it takes. */
export class Chooser {
  /** Samples in all, at which it is looked at again what pays. */
  private nextLook = 0;

  constructor(
    private readonly profile: Profile,
    private readonly host: ChooserHost,
  ) {}

  /** Looks at the samples that have been taken, and has made what pays. */
  takeSamples(): void {
    const { profile } = this;
    for (const address of profile.take()) profile.count(address);
    if (profile.total < this.nextLook) return;
    this.nextLook = profile.total + Math.max(SAMPLING.batch, profile.total * PART_BETWEEN_LOOKS, this.makeRegions());
  }

  /** Makes regions of the hottest code that has none. Returns the samples after which it may be worth looking again. */
  private makeRegions(): number {
    const { profile, host } = this;
    for (let made = 0; made < MOST_AT_A_TIME; made++) {
      const hot = profile.hottest();
      const [seed] = hot;
      if (seed === undefined || !this.mayPay(hot)) break;
      const missing = host.leadIn(seed) ? 0 : this.makeRegion(seed, hot);
      if (missing > 0) return missing;
      profile.settle(seed);
    }
    return 0;
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

  /** Makes a region around a block, if that pays. Returns how many samples are missing until it does. */
  private makeRegion(seed: bigint, hot: readonly bigint[]): number {
    const { profile, host } = this;
    const heat = {
      samplesAt: (rip: bigint): number => (host.hasBlock(rip) ? -1 : profile.ever(rip)),
      others: hot.filter((rip) => profile.at(rip) >= LEAST_OF_OTHERS && !host.hasBlock(rip)),
    };
    const region = host.find(seed, heat);
    if (!region) return 0;
    const blocks = region.nodes.flatMap((node) => (node && !node.context ? [node.rip] : []));
    const samples = blocks.reduce((sum, rip) => sum + profile.at(rip), 0);
    const cost = costOfTranslating(sizeOf(region)) * host.timesToPay(seed);
    const missing = cost / TICKS_BETWEEN_SAMPLES - samples;
    if (missing > 0) return missing;
    host.make(region.wanted, heat);
    for (const rip of blocks) profile.settle(rip);
    return 0;
  }
}
