/**
 * The index beside a closed pack: where its records lie, so that opening a store reads no pack. It can be made from the
 * pack again at any time. Little-endian:
 *
 *     +0   8 bytes  "bd0indx" and the version, 1
 *     +8   u32      n, records
 *     +12  u32      e, bytes of the pack that are records; what stands behind is a write that was cut off
 *     +16  n times  hash[32] ‖ offset:u32 ‖ kind << 29 | bytes of the payload:u32, by ascending hash
 *     end  u32      CRC-32 of all before
 */

import { crc32 } from './crc32.js';
import { HASH_BYTES, type Kind } from './pack-format.js';
import type { RecordTable } from './record-table.js';

const MAGIC = Uint8Array.from([...'bd0indx'].map((c) => c.charCodeAt(0)).concat(1));
const HEADER_BYTES = 16;
const ENTRY_BYTES = HASH_BYTES + 8;
const KIND_SHIFT = 29;

/** The index of a pack that holds the records of `entries`. */
export function encodeIndex(table: RecordTable, entries: readonly number[], endOffset: number): Uint8Array {
  const order = table.sorted(entries);
  const bytes = new Uint8Array(HEADER_BYTES + order.length * ENTRY_BYTES + 4);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(8, order.length, true);
  view.setUint32(12, endOffset, true);
  let at = HEADER_BYTES;
  for (const entry of order) {
    const { offset, kind, payloadBytes } = table.place(entry);
    bytes.set(table.hash(entry), at);
    view.setUint32(at + HASH_BYTES, offset, true);
    view.setUint32(at + HASH_BYTES + 4, ((kind << KIND_SHIFT) | payloadBytes) >>> 0, true);
    at += ENTRY_BYTES;
  }
  view.setUint32(at, crc32(bytes.subarray(0, at)), true);
  return bytes;
}

/** An index that was read. */
export interface PackIndex {
  /** Bytes of the pack that are records. */
  readonly endOffset: number;
  /** Adds its records to `table` as those of pack `pack`.. */
  addTo(table: RecordTable, pack: number): void;
}

/** The index that bytes are; undefined unless they are a whole one. */
export function decodeIndex(bytes: Uint8Array): PackIndex | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = bytes.length - 4;
  if (end < HEADER_BYTES || MAGIC.some((byte, i) => bytes[i] !== byte)) return undefined;
  const count = view.getUint32(8, true);
  if (HEADER_BYTES + count * ENTRY_BYTES !== end) return undefined;
  if (view.getUint32(end, true) !== crc32(bytes.subarray(0, end))) return undefined;
  return {
    endOffset: view.getUint32(12, true),
    addTo(table, pack) {
      for (let at = HEADER_BYTES; at < end; at += ENTRY_BYTES) {
        const size = view.getUint32(at + HASH_BYTES + 4, true);
        const offset = view.getUint32(at + HASH_BYTES, true);
        const kind = (size >>> KIND_SHIFT) as Kind;
        const hash = bytes.subarray(at, at + HASH_BYTES);
        table.add(hash, { pack, offset, kind, payloadBytes: size & (2 ** KIND_SHIFT - 1) });
      }
    },
  };
}
