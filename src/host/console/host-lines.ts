import type { HostFile } from './host-file.js';
import { visibleText } from './visible-text.js';

/**
 * Lines for people at a file of the host: reports, results, a log. They are queued, and written when `flush` is called, so
 * that a reader that is behind, or a terminal that is stopped, does not hold up bd0.
 */
export class HostLines {
  /** Bytes that wait for `flush`. */
  queuedBytes = 0;
  private queue: Uint8Array[] = [];
  private hasFailed = false;

  /** `failureOf` makes the error that `flush` throws once a write has failed; without it, lines are dropped silently. */
  constructor(
    private readonly file: HostFile,
    private readonly failureOf?: (error: Error) => unknown,
  ) {}

  /** True while the file has not taken all lines. */
  get isBusy(): boolean {
    return this.file.isBusy || (this.queuedBytes > 0 && !this.file.failure);
  }

  /** Takes lines, without their newlines. Control characters in them are escaped. */
  tell(...lines: readonly string[]): void {
    this.write(lines.map((line) => `${visibleText(line)}\n`).join(''));
  }

  /** Takes text as it is. */
  write(text: string): void {
    const bytes = Buffer.from(text);
    this.queue.push(bytes);
    this.queuedBytes += bytes.length;
  }

  /**
   * Begins to write what is queued; no effect while the file has not taken what it was given before. Once a write has
   * failed lines are dropped, and the first call throws.
   */
  flush(): void {
    const { failure } = this.file;
    if (failure && !this.hasFailed) {
      this.hasFailed = true;
      if (this.failureOf) throw this.failureOf(failure);
    }
    if (this.file.isBusy || this.queuedBytes === 0) return;
    const bytes = Buffer.concat(this.queue);
    this.queue = [];
    this.queuedBytes = 0;
    if (!failure) this.file.write(bytes);
  }
}
