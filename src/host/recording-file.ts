/** Recordings of runs as files of the host. */
import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { Recording, RecordingError, type RecordingSource } from '../index.js';
import { fileFailure, HostError, onFile } from './failure.js';
import { sha256 } from './sha256.js';

/** A file that a recording is written to. What was there before is overwritten. */
export class RecordingFile {
  /** The failure of a write; later ones have no effect. */
  failure: unknown;
  private readonly file: number;

  /** Throws HostError. */
  constructor(private readonly path: string) {
    this.file = onFile('write', path, () => openSync(path, 'w'));
  }

  readonly write = (bytes: Uint8Array): void => {
    this.attempt(() => {
      for (let at = 0; at < bytes.length;) at += writeSync(this.file, bytes, at);
    });
  };

  /** Waits until the file is on the disk, and closes it. */
  close(): void {
    this.attempt(() => {
      // Not for a pipe or a device.
      if (fstatSync(this.file).isFile()) fsyncSync(this.file);
    });
    closeSync(this.file);
  }

  private attempt(work: () => void): void {
    if (this.failure !== undefined) return;
    try {
      work();
    } catch (error) {
      this.failure = fileFailure('write', this.path, error);
    }
  }
}

/** Reads the recording in a file, which stays open. Throws HostError for anything else. */
export function readRecordingFile(path: string): Recording {
  const file = onFile('read', path, () => openSync(path, 'r'));
  const { length } = onFile('read', path, () => sizeOf(file, path));
  const source: RecordingSource = { length, read: (offset, size) => readAt(file, path, offset, size) };
  try {
    return Recording.read(source, sha256);
  } catch (error) {
    closeSync(file);
    if (!(error instanceof RecordingError)) throw error;
    throw new HostError(`'${path}' cannot be replayed: ${error.message}`, 'damaged');
  }
}

function sizeOf(file: number, path: string): { length: number } {
  const stats = fstatSync(file);
  if (!stats.isFile()) throw new HostError(`'${path}' cannot be replayed: it is not a regular file`, 'invalid');
  return { length: stats.size };
}

function readAt(file: number, path: string, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const count = onFile('read', path, () => readSync(file, bytes, filled, length - filled, offset + filled));
    if (count === 0) throw new HostError(`'${path}' has become shorter while it was read`, 'damaged');
    filled += count;
  }
  return bytes;
}
