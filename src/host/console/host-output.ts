import { writeSync } from 'node:fs';
import { HostError, isSystemError, systemReason } from '../failure.js';
import { SIGNALS } from '../signals.js';
import { HostFile, STDERR, STDOUT } from './host-file.js';
import { visibleText } from './visible-text.js';

/** Milliseconds between two attempts to write to a pipe that is full. */
const RETRY_MS = 2;

const NEWLINE = 10;
const RETURN = 13;
/** Longer lines are not shown again. */
const LINE_BYTES_MAX = 4096;

/** Marks the place of a report in the queue. */
const CUT = 'cut';

/**
 * The guest's output on stdout. Output is queued, and written when `flush` is called between two slices of a run, so that
 * signals and time limits take effect while a slow reader blocks the guest.
 */
export class HostOutput {
  /** Bytes that wait for `flush`. */
  queuedBytes = 0;
  /** The bytes after the last newline or carriage return, unless they are too long for a line. */
  private line: Uint8Array = new Uint8Array(0);
  private queue: (Uint8Array | typeof CUT)[] = [];
  private readonly file: HostFile;

  /** `onTaken` is called when stdout is no longer busy. */
  constructor(onTaken: () => void) {
    this.file = new HostFile(STDOUT, onTaken);
  }

  /** The error by which stdout has failed for good: EPIPE if the reader has gone. */
  get failure(): Error | undefined {
    return this.file.failure;
  }

  /** True while stdout has not taken what was flushed. */
  get isBusy(): boolean {
    return this.file.isBusy;
  }

  /** Queues bytes, which must not be changed afterwards. Throws `failure` if there is one: the guest cannot continue. */
  write(bytes: Uint8Array): void {
    this.enqueue(bytes);
    this.line = behindLastReturn(this.line, bytes);
    if (this.failure) throw this.failure;
  }

  /** Shows the last line once more, after something else was shown on the terminal. */
  repeatLine(): void {
    this.enqueue(this.line);
  }

  /** Marks a place in the output for a report on stderr: `flush` stops there until `passCut` is called. */
  cut(): void {
    this.queue.push(CUT);
  }

  /** Whether a report is due, now or once output has been written. */
  get hasCut(): boolean {
    return this.queue.includes(CUT);
  }

  /** Removes a cut, once all bytes before it have been written. Returns false if there is none. */
  passCut(): boolean {
    const isCut = this.queue[0] === CUT;
    if (isCut) this.queue.shift();
    return isCut;
  }

  /** Writes the queued bytes, up to a cut; has no effect while an earlier write is in progress. */
  flush(): void {
    if (!this.isBusy && this.queue.length > 0 && this.queue[0] !== CUT) this.file.write(this.take());
  }

  private enqueue(bytes: Uint8Array): void {
    this.queue.push(bytes);
    this.queuedBytes += bytes.length;
  }

  /** The queued bytes, up to a cut. */
  private take(): Uint8Array {
    const cut = this.queue.indexOf(CUT);
    const parts = this.queue.splice(0, cut < 0 ? this.queue.length : cut);
    const bytes = Buffer.concat(parts as Uint8Array[]);
    this.queuedBytes -= bytes.length;
    return bytes;
  }
}

function behindLastReturn(line: Uint8Array, bytes: Uint8Array): Uint8Array {
  const start = Math.max(bytes.lastIndexOf(NEWLINE), bytes.lastIndexOf(RETURN)) + 1;
  const kept = start > 0 ? bytes.subarray(start) : Buffer.concat([line, bytes]);
  return kept.length > LINE_BYTES_MAX ? new Uint8Array(0) : kept.slice();
}

/** Returns if stdout has failed since its reader has gone. Throws HostError for any other failure. */
export function requireLostReader(failure: unknown): void {
  if (!isSystemError(failure)) throw failure;
  // A socket gives the second if its reader has left bytes unread.
  if (failure.code === 'EPIPE' || failure.code === 'ECONNRESET') return;
  throw new HostError(`cannot write standard output: ${systemReason(failure)}`, 'system');
}

/** The signal for a failure of stdout: SIGPIPE if the reader has gone. Throws HostError for any other failure. */
export function signalOfLostOutput(failure: unknown): number {
  requireLostReader(failure);
  return SIGNALS.SIGPIPE;
}

/** Writes a line to stdout, and waits until it is taken. Throws what the system says. */
export function writeToStdout(line: string): void {
  writeFully(STDOUT, Buffer.from(`${line}\n`));
}

/** Writes bytes to stdout, and waits until they are taken. Throws what the system says. */
export function writeBytesToStdout(bytes: Uint8Array): void {
  writeFully(STDOUT, bytes);
}

/**
 * Writes lines to stderr, ignoring errors. All text of bd0 for stderr goes through here or, in a run, through
 * HostLines: control characters in names of files and guests are escaped.
 */
export function writeToStderr(...lines: readonly string[]): void {
  try {
    writeFully(STDERR, Buffer.from(lines.map((line) => `${visibleText(line)}\n`).join('')));
  } catch (error) {
    if (!isSystemError(error)) throw error;
  }
}

/** Writes all bytes, also where the file is a pipe that does not block. Throws what the system says. */
function writeFully(file: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) {
    try {
      written += writeSync(file, bytes, written);
    } catch (error) {
      if (!isSystemError(error) || error.code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}
