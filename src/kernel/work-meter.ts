/**
 * Work that parts of the kernel do for programs, in units of effort (see `Kernel.effort`): it takes the host time, and the
 * machine none. It is counted where it is done.
 */
export class WorkMeter {
  /** All that was added so far. */
  added = 0;

  add(effort: number): void {
    this.added += effort;
  }
}
