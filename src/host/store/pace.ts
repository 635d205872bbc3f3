/** Cooperative pacing of long work: it yields periodically to signals and progress output. */
import { setImmediate } from 'node:timers/promises';

/** Milliseconds of work between two pauses. */
const PAUSE_MS = 50;

/** Receives the progress of long work, and ends it. */
export interface Watch<Progress> {
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Yields to the event loop when it is time. */
export class Pace<Progress> {
  private pausedAt = performance.now();

  constructor(
    private readonly watch: Watch<Progress>,
    private readonly progress: () => Progress,
  ) {}

  /** Whether it is time to `pause`: periodically, and immediately after a signal. */
  get isDue(): boolean {
    return this.watch.signal?.aborted === true || performance.now() - this.pausedAt >= PAUSE_MS;
  }

  /** Reports the progress, and yields. Throws the reason of `signal` if it was aborted. */
  async pause(): Promise<void> {
    this.watch.onProgress?.(this.progress());
    await setImmediate();
    this.watch.signal?.throwIfAborted();
    this.pausedAt = performance.now();
  }
}
