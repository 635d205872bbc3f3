/**
 * Room that a store keeps for a full disk: a file that holds nothing of use. When the disk refuses a few bytes that let a user make
 * room, such as the line that removes a name, the file is deleted and the bytes are written in its place.
 */

import { randomFillSync } from 'node:crypto';
import { type FileLayer, isFull, writeAll } from './file-layer.js';

/** Some 200 lines of the names log. */
export const RESERVE_BYTES = 2 ** 16;

export class Reserve {
  constructor(
    private readonly files: FileLayer,
    private readonly path: string,
    private readonly bytes: number,
  ) {}

  /** Writes the file where it is not there. Returns false where the disk has no room for it. Throws what the disk throws. */
  fill(): boolean {
    if ((this.files.status(this.path)?.size ?? 0) >= this.bytes) return true;
    try {
      const file = this.files.open(this.path, 'append');
      try {
        // Bytes that a file system cannot compress. A lost supply may take them along.
        writeAll(this.files, file, randomFillSync(new Uint8Array(this.bytes - this.files.size(file))));
      } finally {
        this.files.close(file);
      }
      return true;
    } catch (error) {
      if (!isFull(error)) throw error;
      this.files.remove(this.path);
      return false;
    }
  }

  /** Writes, and where the disk is full, once more with the room of the file. */
  use<T>(write: () => T): T {
    try {
      return write();
    } catch (error) {
      if (!isFull(error) || !this.files.status(this.path)) throw error;
      this.files.remove(this.path);
      return write();
    }
  }
}
