import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { HostError, isSystemError, systemReason } from '../failure.js';
import { SIGNALS, type Signals } from '../signals.js';
import { visibleText } from './visible-text.js';

const STDOUT = 1;
const STDERR = 2;

/** Bytes that may wait for `flush`; beyond them a write waits until the reader has taken them. */
const MAX_QUEUED_BYTES = 8 * 2 ** 20;

/** Milliseconds between two tries at a pipe that is full. */
const RETRY_MS = 2;

const NEWLINE = 10;
const RETURN = 13;
/** Longer lines are not shown again. */
const LINE_BYTES_MAX = 4096;

/** Stands in the queue where something else is to be told. */
const CUT = 'cut';

/**
 * The guest's output on stdout. What it writes is queued, and goes out when `flush` is called between two slices of its
 * run, so that signals are heard while a slow reader holds up the guest; and within a slice only where the queue is full.
 */
export class HostOutput {
  /** What stdout said when it took no more: EPIPE where the reader has gone. */
  failure: Error | undefined;
  /** True while stdout has not taken what was flushed. */
  isBusy = false;
  /** Bytes that wait for `flush`. */
  queuedBytes = 0;
  /** What was written behind the last newline or carriage return, if it is not too long to be a line. */
  private line: Uint8Array = new Uint8Array(0);
  private queue: (Uint8Array | typeof CUT)[] = [];
  /** Writing to a pipe or a socket waits for its reader; files and devices take what they are given. */
  private readonly waits: boolean;
  /** A terminal that does not wait for who looks at it: a file descriptor. */
  private readonly terminal: number | undefined;
  private listens = false;

  /** `signals` may be kept waiting by a write; `onTaken` is told when stdout is not busy any more. */
  constructor(
    private readonly signals: Signals,
    private readonly onTaken: () => void,
    isTerminal = false,
  ) {
    const kind = fstatSync(STDOUT);
    this.waits = kind.isFIFO() || kind.isSocket();
    this.terminal = isTerminal ? openTerminal() : undefined;
  }

  /** The bytes are the queue's to keep. Throws `failure` if there is one: the guest cannot go on. */
  write(bytes: Uint8Array): void {
    this.enqueue(bytes);
    this.line = behindLastReturn(this.line, bytes);
    if (this.queuedBytes > MAX_QUEUED_BYTES && this.terminal === undefined) this.writeNow();
    if (this.failure) throw this.failure;
  }

  /** Shows the last line once more, behind something else that was told. */
  repeatLine(): void {
    this.enqueue(this.line);
  }

  /** Something is to be told on stderr behind what has been written: `flush` goes no further, until `passCut`. */
  cut(): void {
    this.queue.push(CUT);
  }

  /** Goes on behind a cut that all before has gone out of; false where there is none. */
  passCut(): boolean {
    const isCut = this.queue[0] === CUT;
    if (isCut) this.queue.shift();
    return isCut;
  }

  /** Gives stdout what is queued, up to a cut; no effect while it has not taken what it was given before. */
  flush(): void {
    if (this.isBusy || this.queue.length === 0 || this.queue[0] === CUT) return;
    if (this.terminal !== undefined) {
      this.isBusy = true;
      this.writeToTerminal(this.terminal, this.take());
      return;
    }
    if (!this.waits) return this.writeNow();
    const { stdout } = process;
    if (!this.listens) stdout.on('error', (error) => this.taken(error));
    this.listens = true;
    this.isBusy = true;
    stdout.write(this.take(), (error) => this.taken(error ?? undefined));
  }

  private enqueue(bytes: Uint8Array): void {
    this.queue.push(bytes);
    this.queuedBytes += bytes.length;
  }

  private taken(error: Error | undefined): void {
    this.failure ??= error;
    this.isBusy = false;
    this.onTaken();
  }

  /** What a terminal does not take now, since nobody looks at it, it gets later; meanwhile signals and keys are heard. */
  private writeToTerminal(file: number, bytes: Uint8Array): void {
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(file, bytes, written);
    } catch (error) {
      if (!isSystemError(error) || error.code !== 'EAGAIN') return this.taken(error as Error);
      setTimeout(() => this.writeToTerminal(file, bytes.subarray(written)), RETRY_MS);
      return;
    }
    this.taken(undefined);
  }

  private writeNow(): void {
    try {
      this.signals.whileBlocking(() => writeFully(STDOUT, this.take()));
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.failure = error;
    }
  }

  /** What is queued, up to a cut. */
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

/** stdout, opened once more, so that writing to it does not wait and nobody else is bothered; undefined where that fails. */
function openTerminal(): number | undefined {
  try {
    return openSync('/dev/fd/1', constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return undefined;
  }
}

/** The signal that goes with a failure of stdout: SIGPIPE where the reader has gone. Throws HostError for any other. */
export function signalOfLostOutput(failure: unknown): number {
  if (!isSystemError(failure)) throw failure;
  // A socket says the second where its reader has left bytes behind.
  if (failure.code === 'EPIPE' || failure.code === 'ECONNRESET') return SIGNALS.SIGPIPE;
  throw new HostError(`cannot write standard output: ${systemReason(failure)}`, 'system');
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
 * Writes lines to stderr, where nobody may be listening. All text of bd0 for stderr goes through here: what names of files and guests
 * could do to a terminal is escaped.
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
