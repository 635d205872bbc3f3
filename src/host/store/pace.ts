/** Long work that lets others run now and then: signals, a progress line. */
import { setImmediate } from 'node:timers/promises';

/** Milliseconds of work between two pauses. */
const PAUSE_MS = 50;

/** What long work tells, and what ends it. */
export interface Watch<Progress> {
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Gives others their turn where it is time. */
export class Pace<Progress> {
  private pausedAt = performance.now();

  constructor(
    private readonly watch: Watch<Progress>,
    private readonly progress: () => Progress,
  ) {}

  /** Whether it is time to `pause`: now and then, and at once when a signal came. */
  get isDue(): boolean {
    return this.watch.signal?.aborted === true || performance.now() - this.pausedAt >= PAUSE_MS;
  }

  /** Tells the progress, and lets others run. Throws the reason of a signal that was given. */
  async pause(): Promise<void> {
    this.watch.onProgress?.(this.progress());
    await setImmediate();
    this.watch.signal?.throwIfAborted();
    this.pausedAt = performance.now();
  }
}
