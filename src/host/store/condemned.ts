/**
 * The garbage that a collection has found, and when: it is deleted by a later one, after a grace period in which a user can give it
 * a name again. A file of little-endian numbers, written as a whole:
 *
 *     +0   8 bytes  "bd0dead" ‖ 01
 *     +8   f64      when it was found, in milliseconds since 1970
 *     +16  n × u64  first 8 bytes of the hashes of the records, ascending
 *     end  u32      CRC-32 of all before
 *
 * A file that is missing or damaged stands for no garbage: its time begins anew.
 */

import { crc32 } from 'node:zlib';
import { partitionPoint } from '../../sorted.js';
import { type FileLayer, readWhole, replaceFile } from './file-layer.js';

const MAGIC = Buffer.from('bd0dead\x01', 'latin1');
const HEADER_BYTES = 16;

export class Condemned {
  private constructor(
    readonly atMs: number,
    /** Ascending. */
    private readonly hashes: BigUint64Array,
  ) {}

  static of(atMs: number, hashes: readonly Uint8Array[]): Condemned {
    return new Condemned(atMs, BigUint64Array.from(hashes, firstWord).sort());
  }

  static read(files: FileLayer, path: string): Condemned | undefined {
    const bytes = Buffer.from(readWhole(files, path) ?? []);
    const end = bytes.length - 4;
    if (end < HEADER_BYTES || end % 8 !== 0 || !bytes.subarray(0, 8).equals(MAGIC)) return undefined;
    if (crc32(bytes.subarray(0, end)) !== bytes.readUInt32LE(end)) return undefined;
    const count = (end - HEADER_BYTES) / 8;
    const hashes = BigUint64Array.from({ length: count }, (_, i) => bytes.readBigUInt64LE(HEADER_BYTES + 8 * i));
    return new Condemned(bytes.readDoubleLE(8), hashes);
  }

  /** Durable when it returns. */
  write(files: FileLayer, path: string): void {
    const bytes = Buffer.alloc(HEADER_BYTES + 8 * this.hashes.length + 4);
    MAGIC.copy(bytes);
    bytes.writeDoubleLE(this.atMs, 8);
    this.hashes.forEach((hash, i) => bytes.writeBigUInt64LE(hash, HEADER_BYTES + 8 * i));
    bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
    replaceFile(files, path, `${path}.new`, bytes);
  }

  has(hash: Uint8Array): boolean {
    const word = firstWord(hash);
    const at = partitionPoint(this.hashes.length, (index) => this.hashes[index]! < word);
    return this.hashes[at] === word;
  }
}

function firstWord(hash: Uint8Array): bigint {
  return Buffer.from(hash.buffer, hash.byteOffset, 8).readBigUInt64LE();
}
