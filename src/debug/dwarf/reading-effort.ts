/** Effort between two pauses: a few milliseconds. */
const EFFORT_IN_STEP = 2 ** 16;

/** What may be spent on reading debug data, in units that depend on the data alone, so that reports are the same everywhere. */
export class ReadingEffort {
  private untilPause = EFFORT_IN_STEP;

  constructor(private left: number) {}

  /** Spends some units. Returns false where fewer are left. */
  charge(units: number): boolean {
    this.left -= units;
    this.untilPause -= units;
    return this.left >= 0;
  }

  /** Returns true if a step of reading has become long enough. */
  takesPause(): boolean {
    if (this.untilPause > 0) return false;
    this.untilPause = EFFORT_IN_STEP;
    return true;
  }
}
