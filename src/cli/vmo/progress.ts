/** How far a long command has come, on stderr where that is a terminal, in one line that is written again and again. */
import { formatSize } from '../size.js';

/** Milliseconds between two times that the line is written. */
const PERIOD_MS = 100;

const BAR_COLUMNS = 24;
const DEFAULT_COLUMNS = 80;

/** A line on a terminal; nothing at all where stderr is none. */
export class StatusLine {
  private readonly started = performance.now();
  private writtenAt = -Infinity;
  private isShown = false;

  /** Whether anybody sees it. */
  readonly isSeen = process.stderr.isTTY === true;

  /** Shows the text that `text` returns for the elapsed seconds, unless the line was updated just before. */
  update(text: (seconds: number) => string): void {
    if (!this.isSeen) return;
    const now = performance.now();
    if (now - this.writtenAt < PERIOD_MS) return;
    this.writtenAt = now;
    // A column stays free: some terminals begin a new line when the last one is filled.
    const columns = (process.stderr.columns || DEFAULT_COLUMNS) - 1;
    this.write(text((now - this.started) / 1000).slice(0, columns));
    this.isShown = true;
  }

  /** Takes the line away. */
  end(): void {
    if (this.isShown) this.write('');
    this.isShown = false;
  }

  private write(text: string): void {
    process.stderr.write(`\r\x1b[K${text}`);
  }
}

/** What is done. */
export interface Progress {
  readonly files: number;
  readonly bytes: number;
}

/** `importing [######------]  50%  512 MB of 1 GB, 17 files, 210 MB/s, 3 s left`; without a bar where the total is unknown. */
export function progressText(
  doing: string,
  { files, bytes }: Progress,
  totalBytes: number | undefined,
  seconds: number,
): string {
  const rate = seconds > 0 ? bytes / seconds : 0;
  const counts = [`${files} ${files === 1 ? 'file' : 'files'}`, `${formatSize(Math.round(rate))}/s`];
  if (totalBytes === undefined) return `${doing} ${[formatSize(bytes), ...counts].join(', ')}`;
  const share = totalBytes === 0 ? 1 : Math.min(bytes / totalBytes, 1);
  const full = Math.floor(share * BAR_COLUMNS);
  const bar = `[${'#'.repeat(full)}${'-'.repeat(BAR_COLUMNS - full)}]`;
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  if (rate > 0 && share < 1) counts.push(`${Math.ceil((totalBytes - bytes) / rate)} s left`);
  return `${doing} ${bar} ${percent}  ${[`${formatSize(bytes)} of ${formatSize(totalBytes)}`, ...counts].join(', ')}`;
}
