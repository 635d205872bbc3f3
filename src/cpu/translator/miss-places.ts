import type { Region } from './compile/region.js';
import type { MissingCheck } from './compile/translation.js';

/** Instructions that are remembered, at most; then all are forgotten. */
const MOST_PLACES = 4096;

/** Ticks for each miss, at most, where it is faster to make accesses across pages in the region than to leave it. */
const TICKS_OF_A_FREQUENT_MISS = 64;

/** Instructions at which the checks of regions have missed often, by address. */
export class MissPlaces {
  readonly checks = new Map<bigint, MissingCheck>();
  /** When misses were last noted, in ticks. */
  private readonly noted = new Map<bigint, number>();

  /**
   * Takes note of so many more misses at an instruction, and returns whether its code should be another: with checks that no
   * other access shares, or if none does (\`isSingle\`) and they miss often, with accesses across pages.
   */
  note(rip: bigint, misses: number, ticks: number, isSingle: boolean): boolean {
    const before = this.noted.get(rip);
    if (this.noted.size >= MOST_PLACES) this.noted.clear();
    this.noted.set(rip, ticks);
    const isFrequent = before !== undefined && ticks - before <= misses * TICKS_OF_A_FREQUENT_MISS;
    if (isSingle && !isFrequent) return false;
    if (this.checks.size >= MOST_PLACES) this.checks.clear();
    if (isSingle || !this.checks.has(rip)) this.checks.set(rip, isSingle ? 'crosses' : 'single');
    return true;
  }

  /** The checks at instructions of a region. */
  within(region: Region): Map<bigint, MissingCheck> {
    const within = new Map<bigint, MissingCheck>();
    if (this.checks.size === 0) return within;
    for (const block of region.nodes) {
      let at = block?.rip ?? 0n;
      for (const { length } of block?.instructions ?? []) {
        const check = this.checks.get(at);
        if (check) within.set(at, check);
        at += BigInt(length);
      }
    }
    return within;
  }
}
