/** What the kernel does, in units of effort: see `Kernel.effort`. */
export const EFFORT = {
  /** A kernel-call and a page fault take this at least. */
  call: 1,
  fault: 4,
  /** The start of a program, a further thread and a context switch take this besides. */
  start: 100,
  spawn: 20,
  switch: 1,
  /** A decision on a store that debug mode stopped. */
  refused: 16,
  /** The instructions that generated code leaves to TypeScript before the host can look up. */
  rounds: 4096,
  /** The unreferenced subtrees that are forgotten in one step. */
  forget: 512,
  /** To drop what was gathered or fetched from VMOs and can be again: some 16,384 extents. */
  dropCaches: 4096,
  /** To wake a thread. */
  wake: 1,
  /** A visit to an extent. */
  extent: 0.04,
} as const;

/** The ticks that take as much of the host's time as a unit of effort. */
export const TICKS_PER_EFFORT = 128;

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
