/**
 * A pack: a file of groups of records, one after another, that is only ever appended to, by one process. Little-endian.
 *
 *     +0   8 bytes  "bd0pack" and the version, 2
 *     +8            groups
 *
 * A group: records of one kind, which are compressed together:
 *
 *     +0   u8       0xBD
 *     +1   u8       kind: 0 leaves, 1 nodes, 2 roots, 3 translated code, 255 flush mark
 *     +2   u8       encoding of the payload: 0 as it is, 1 brotli
 *     +3   u8       0
 *     +4   u32      n, records
 *     +8   u32      p, bytes of the payload
 *     +12  u32      c, bytes of the content, which is the payload decoded
 *     +16  u32      CRC-32 of the payload
 *     +20  u32      CRC-32 of the 20 bytes before
 *     +24  p bytes  the payload
 *
 * The content is what is kept of each record, one after another, and then n times its size:u32. What is kept of a leaf is its
 * page without the zeros at its end; of a node or root, its canonical record (66 and 56 bytes); of code, its key (32
 * bytes) and the bytes that were given. The hash of a record does not stand there: it follows from it.
 *
 * A flush mark has no payload: what stands before it is on the disk, for it is written when that is so; twice, so that one
 * damaged mark does no harm. What stands behind the last mark was never acknowledged, and does not count.
 */

import { crc32 } from 'node:zlib';
import { PAGE_SIZE } from '../../../bits.js';
import { sha256 } from '../../sha256.js';
import { type Encoded, Encoding } from './compression.js';

export const PACK_MAGIC = Uint8Array.from([...'bd0pack'].map((c) => c.charCodeAt(0)).concat(2));
/** The first byte of a group. */
export const GROUP_MAGIC = 0xbd;
export const HEADER_BYTES = 24;
export const HASH_BYTES = 32;

export const Kind = { leaf: 0, node: 1, root: 2, code: 3, mark: 255 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** The largest payload and the largest content, in bytes. */
export const CONTENT_BYTES_MAX = 2 ** 28;

/** Bytes of records after which a group is closed, and records that it holds at most. */
export const GROUP_BYTES = 2 ** 16;
export const GROUP_RECORDS_MAX = 2 ** 12;

const CRC_OFFSET = 20;
const SIZE_BYTES = 4;
const LEAF_RECORD_BYTES = 1 + PAGE_SIZE;
const RECORD_BYTES = { [LEAF_RECORD_BYTES]: Kind.leaf, 66: Kind.node, 56: Kind.root } as const;

/** What stands before a payload. */
export interface GroupHeader {
  readonly kind: Kind;
  readonly encoding: number;
  readonly records: number;
  readonly payloadBytes: number;
  readonly contentBytes: number;
  readonly payloadCrc: number;
}

/** A canonical record's kind; undefined for what is none, by its tag and its length. */
export function kindOfRecord(record: Uint8Array): Kind | undefined {
  const kind = (RECORD_BYTES as Readonly<Record<number, Kind>>)[record.length];
  return kind === record[0] ? kind : undefined;
}

/** What is kept of a canonical record: a view. */
export function keptOfRecord(kind: Kind, record: Uint8Array): Uint8Array {
  if (kind !== Kind.leaf) return record;
  let end = record.length;
  while (end > 1 && record[end - 1] === 0) end--;
  return record.subarray(1, end);
}

/** The canonical record of which this is kept, in bytes of its own. */
export function recordOfKept(kind: Kind, kept: Uint8Array): Uint8Array {
  if (kind !== Kind.leaf) return kept.slice();
  const record = new Uint8Array(LEAF_RECORD_BYTES);
  record.set(kept, 1);
  return record;
}

/** The hash of the record of which this is kept; of code its key. */
export function hashOfKept(kind: Kind, kept: Uint8Array): Uint8Array {
  if (kind === Kind.code) return kept.slice(0, HASH_BYTES);
  return sha256(kind === Kind.leaf ? recordOfKept(kind, kept) : kept);
}

/** The content of a group: what is kept of its records, one after another, and their sizes. */
export function contentOf(kept: Uint8Array, sizes: readonly number[]): Uint8Array {
  const content = new Uint8Array(kept.length + SIZE_BYTES * sizes.length);
  const view = new DataView(content.buffer);
  content.set(kept);
  sizes.forEach((size, i) => view.setUint32(kept.length + SIZE_BYTES * i, size, true));
  return content;
}

/** What is kept of each of `records` records: views; undefined for what is not the content of so many of that kind. */
export function keptIn(content: Uint8Array, { kind, records }: GroupHeader): Uint8Array[] | undefined {
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  const end = content.length - SIZE_BYTES * records;
  const kept: Uint8Array[] = [];
  let at = 0;
  for (let i = 0; i < records && end >= 0; i++) {
    const size = view.getUint32(end + SIZE_BYTES * i, true);
    if (size > end - at || (kind === Kind.leaf && size > PAGE_SIZE)) return undefined;
    kept.push(content.subarray(at, at + size));
    at += size;
  }
  return at === end ? kept : undefined;
}

/** The header of a group. */
export function encodeHeader(kind: Kind, records: number, contentBytes: number, encoded: Encoded): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set([GROUP_MAGIC, kind, encoded.encoding, 0]);
  view.setUint32(4, records, true);
  view.setUint32(8, encoded.payload.length, true);
  view.setUint32(12, contentBytes, true);
  view.setUint32(16, crc32(encoded.payload), true);
  view.setUint32(CRC_OFFSET, crc32(bytes.subarray(0, CRC_OFFSET)), true);
  return bytes;
}

/** Two flush marks. */
export function encodeMarks(): Uint8Array {
  const mark = encodeHeader(Kind.mark, 0, 0, { encoding: Encoding.raw, payload: new Uint8Array(0) });
  return Uint8Array.from([...mark, ...mark]);
}

/** The header that bytes begin with, if it is whole and one. */
export function readHeader(bytes: Uint8Array): GroupHeader | undefined {
  if (bytes.length < HEADER_BYTES || bytes[0] !== GROUP_MAGIC) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  if (view.getUint32(CRC_OFFSET, true) !== crc32(bytes.subarray(0, CRC_OFFSET))) return undefined;
  const [kind, encoding] = [bytes[1]!, bytes[2]!];
  const [records, payloadBytes] = [view.getUint32(4, true), view.getUint32(8, true)];
  const contentBytes = view.getUint32(12, true);
  if (!isKind(kind) || encoding > Encoding.brotli) return undefined;
  if (records > GROUP_RECORDS_MAX || payloadBytes > CONTENT_BYTES_MAX || contentBytes > CONTENT_BYTES_MAX)
    return undefined;
  return { kind, encoding, records, payloadBytes, contentBytes, payloadCrc: view.getUint32(16, true) };
}

function isKind(value: number): value is Kind {
  return value <= Kind.code || value === Kind.mark;
}
