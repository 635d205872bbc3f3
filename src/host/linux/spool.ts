import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Bytes that are copied at once. */
export const PART_BYTES = 2 ** 20;

/** Content in a spool. */
export interface Spooled {
  readonly at: number;
  readonly length: number;
}

/** Contents that are kept for the time of a run, in a file without a name: nothing is left of it when this process is killed. */
export class Spool {
  private file: number | undefined;
  private size = 0;

  /** Keeps bytes that `read` returns; what it throws leaves the spool as it was. */
  add(length: number, read: (offset: number, length: number) => Uint8Array): Spooled {
    const { size: at } = this;
    const file = (this.file ??= openNameless());
    for (let done = 0; done < length; done += PART_BYTES) {
      const part = read(done, Math.min(PART_BYTES, length - done));
      writeAll(file, part, at + done);
    }
    this.size += length;
    return { at, length };
  }

  read({ at, length }: Spooled, offset: number, most: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, Math.min(most, length - offset)));
    for (let done = 0; done < bytes.length;)
      done += fs.readSync(this.file!, bytes, done, bytes.length - done, at + offset + done);
    return bytes;
  }

  close(): void {
    if (this.file !== undefined) fs.closeSync(this.file);
    this.file = undefined;
    this.size = 0;
  }
}

function openNameless(): number {
  const directory = fs.mkdtempSync(join(tmpdir(), 'bd0-bind-'));
  try {
    return fs.openSync(join(directory, 'spool'), 'wx+', 0o600);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

/** Writes bytes at an offset of a file. */
export function writeAll(file: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length;) done += fs.writeSync(file, bytes, done, bytes.length - done, at + done);
}
