/**
 * The index beside a closed pack: which records its groups hold, so that opening a store reads no pack. It can be made from the
 * pack again at any time. Little-endian:
 *
 *     +0   8 bytes  "bd0indx" and the version, 2
 *     +8   u32      g, groups
 *     +12  u32      e, bytes of the pack that count; what stands behind is a write that was cut off
 *     +16  g times  offset of the group:u32 ‖ kind << 29 | n:u32 ‖ n hashes of its records, 32 bytes each
 *     end  u32      CRC-32 of all before
 */

import { crc32 } from 'node:zlib';
import { GROUP_RECORDS_MAX, HASH_BYTES, type Kind } from './pack-format.js';
import type { RecordTable } from './record-table.js';

const MAGIC = Uint8Array.from([...'bd0indx'].map((c) => c.charCodeAt(0)).concat(2));
const HEADER_BYTES = 16;
const GROUP_HEADER_BYTES = 8;
const KIND_SHIFT = 29;

/** A group of a pack, and what it holds. */
export interface IndexedGroup {
  /** Of its header, in bytes. */
  readonly offset: number;
  readonly kind: Kind;
  /** 32 bytes for each of its records. */
  readonly hashes: Uint8Array;
}

/** What an index says. */
export interface PackIndex {
  readonly groups: readonly IndexedGroup[];
  /** Bytes of the pack that count. */
  readonly endOffset: number;
}

export function encodeIndex({ groups, endOffset }: PackIndex): Uint8Array {
  const size = groups.reduce((sum, { hashes }) => sum + GROUP_HEADER_BYTES + hashes.length, HEADER_BYTES + 4);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(8, groups.length, true);
  view.setUint32(12, endOffset, true);
  let at = HEADER_BYTES;
  for (const { offset, kind, hashes } of groups) {
    view.setUint32(at, offset, true);
    view.setUint32(at + 4, ((kind << KIND_SHIFT) | (hashes.length / HASH_BYTES)) >>> 0, true);
    bytes.set(hashes, at + GROUP_HEADER_BYTES);
    at += GROUP_HEADER_BYTES + hashes.length;
  }
  view.setUint32(at, crc32(bytes.subarray(0, at)), true);
  return bytes;
}

/** The index that bytes are; undefined unless they are a whole one. */
export function decodeIndex(bytes: Uint8Array): PackIndex | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = bytes.length - 4;
  if (end < HEADER_BYTES || MAGIC.some((byte, i) => bytes[i] !== byte)) return undefined;
  if (view.getUint32(end, true) !== crc32(bytes.subarray(0, end))) return undefined;
  const groups: IndexedGroup[] = [];
  let at = HEADER_BYTES;
  for (let left = view.getUint32(8, true); left > 0; left--) {
    if (at + GROUP_HEADER_BYTES > end) return undefined;
    const word = view.getUint32(at + 4, true);
    const records = word & (2 ** KIND_SHIFT - 1);
    const next = at + GROUP_HEADER_BYTES + records * HASH_BYTES;
    if (records > GROUP_RECORDS_MAX || next > end) return undefined;
    const hashes = bytes.subarray(at + GROUP_HEADER_BYTES, next);
    groups.push({ offset: view.getUint32(at, true), kind: (word >>> KIND_SHIFT) as Kind, hashes });
    at = next;
  }
  return at === end ? { groups, endOffset: view.getUint32(12, true) } : undefined;
}

/** The hash of a group's record. */
export function hashAt({ hashes }: IndexedGroup, number: number): Uint8Array {
  return hashes.subarray(number * HASH_BYTES, (number + 1) * HASH_BYTES);
}

/** Adds the records of groups to `table` as those of pack `pack`. */
export function addGroups(table: RecordTable, pack: number, groups: readonly IndexedGroup[]): void {
  for (const group of groups)
    for (let number = 0; number < group.hashes.length / HASH_BYTES; number++)
      table.add(hashAt(group, number), { pack, offset: group.offset, kind: group.kind, number });
}
