/** Most pages that are remembered; when there are more, all are forgotten. */
const MOST_PAGES = 8192;

/** So many times that the regions of a page are put aside cost as much as one sample is worth. */
const TIMES_FOR_A_SAMPLE = 16;

/**
 * How often the mappings of pages with regions of a view have changed. Each time, all regions of the page are put aside, and taken back when
 * it runs again: with many of them, that takes longer than they save.
 */
export class Remaps {
  private readonly times = new Map<bigint, number>();

  /** The mapping of a linear page that has regions has changed. */
  add(linear: bigint): void {
    const { times } = this;
    if (times.size >= MOST_PAGES) times.clear();
    times.set(linear, (times.get(linear) ?? 0) + 1);
  }

  /** How often a block of a linear page must have been found running before it pays to translate it there. */
  samplesToTranslate(linear: bigint): number {
    return (this.times.get(linear) ?? 0) / TIMES_FOR_A_SAMPLE;
  }

  clear(): void {
    this.times.clear();
  }
}
