import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { isSystemError } from '../failure.js';

/** Standard output and standard error. */
export const STDOUT = 1;
export const STDERR = 2;

/** Milliseconds between two attempts to write to a reader that is behind. */
const RETRY_MS = 2;

/**
 * A file descriptor of the host, written without holding up the event loop: a pipe, socket or terminal takes the bytes when
 * its reader does, while signals are heard and time limits hold. Regular files take them at once.
 */
export class HostFile {
  /** The error of the write that failed: EPIPE where the reader has gone. */
  failure: Error | undefined;
  /** True while a write is not done. */
  isBusy = false;
  private readonly descriptor: number;
  /** Node's stream for pipes and sockets at stdout and stderr. */
  private readonly stream: Writable | undefined;

  /** `onTaken` is called when a write is done or has failed. A descriptor that is neither stdout nor stderr must not block. */
  constructor(
    descriptor: number,
    private readonly onTaken: () => void,
  ) {
    const kind = fstatSync(descriptor);
    if (descriptor === STDOUT || descriptor === STDERR) {
      if (kind.isFIFO() || kind.isSocket()) this.stream = descriptor === STDOUT ? process.stdout : process.stderr;
      else if (kind.isCharacterDevice()) descriptor = openAgain(descriptor) ?? descriptor;
    }
    this.descriptor = descriptor;
    this.stream?.on('error', (error) => this.done(error));
  }

  /** Begins to write bytes, which are not to be changed until that is done; the last write must be. */
  write(bytes: Uint8Array): void {
    this.isBusy = true;
    if (this.stream) this.stream.write(bytes, (error) => this.done(error ?? undefined));
    else this.writeOn(bytes);
  }

  private done(error: Error | undefined): void {
    this.failure ??= error;
    this.isBusy = false;
    this.onTaken();
  }

  private writeOn(bytes: Uint8Array): void {
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(this.descriptor, bytes, written);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      if (error.code !== 'EAGAIN') return this.done(error);
      setTimeout(() => this.writeOn(bytes.subarray(written)), RETRY_MS);
      return;
    }
    this.done(undefined);
  }
}

/** A terminal opened once more, so that only this use of it does not block; undefined where that fails. */
function openAgain(descriptor: number): number | undefined {
  try {
    // What is not open for writing must not become so.
    writeSync(descriptor, new Uint8Array(0));
    return openSync(`/dev/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return undefined;
  }
}
