/** Kernel effort of a slice: about SLICE_MS. See RunLimits. */
export const SLICE_EFFORT = 8192;

/** Turns of the event loop in which a pipe delivers what has been written to it. */
export const TURNS_FOR_INPUT = 2;

/** Nanoseconds, and so ticks, in a millisecond. */
export const TICKS_PER_MS = 1e6;

const FIRST_TICKS = 500;
const LONGEST_TICKS = 2 ** 27;
const SLICE_MS = 20;
const SLICE_OUTPUT_BYTES = 2 ** 20;

/**
 * The lengths of the slices in which a host runs a machine: between two of them it writes output, takes input and handles
 * signals. A slice is as long as takes about SLICE_MS, or produces SLICE_OUTPUT_BYTES of output.
 */
export class Slices {
  /** Length of the next slice. */
  ticks = FIRST_TICKS;

  /**
   * Adapts the length to a slice that has run so many ticks. Time that passed without ticks, and slices that the kernel has
   * filled, do not show how long a longer one takes: the length at most doubles.
   */
  fit(elapsedMs: number, ticks: number, outputBytes = 0): void {
    const most = ticks >= this.ticks / 2 ? 2 : 1;
    const factor = Math.min(SLICE_MS / elapsedMs, SLICE_OUTPUT_BYTES / outputBytes, most);
    this.ticks = Math.min(Math.max(1, Math.floor(this.ticks * factor)), LONGEST_TICKS);
  }
}

/** Lets the event loop turn once. */
export function nextTurn(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}
