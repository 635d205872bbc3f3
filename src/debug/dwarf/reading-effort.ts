/** Effort between two pauses: a few milliseconds. */
const EFFORT_IN_STEP = 2 ** 16;

/**
 * The budget for reading debug data, in units that depend only on the data, so that reports are the same everywhere.
 */
export class ReadingEffort {
  private untilPause = EFFORT_IN_STEP;

  constructor(private left: number) {}

  /** Spends some units. Returns false if fewer are left. */
  charge(units: number): boolean {
    this.left -= units;
    this.untilPause -= units;
    return this.left >= 0;
  }

  /** Returns true if the current step has become long enough to pause. */
  takesPause(): boolean {
    if (this.untilPause > 0) return false;
    this.untilPause = EFFORT_IN_STEP;
    return true;
  }
}
