/**
 * A pack: a file of records, one after another, that is only ever appended to, by one process. Little-endian.
 *
 *     +0   8 bytes  "bd0pack" and the version, 1
 *     +8            records
 *
 * A record:
 *
 *     +0   u8       0xBD
 *     +1   u8       kind: 0 leaf, 1 node, 2 root, 3 translated code, 255 flush mark
 *     +2   u8       encoding of the payload: 0 as it is, 1 an LZ4 block, 2 deflate
 *     +3   u8       0
 *     +4   u32      p, bytes of the payload
 *     +8   u32      n, bytes of the content, which is the payload decoded
 *     +12  u32      CRC-32 of the payload
 *     +16  32 bytes the hash; of code its key; of a mark zeros
 *     +48  u32      CRC-32 of the 48 bytes before
 *     +52  p bytes  the payload
 *
 * The content of a leaf is its page without the zeros at its end; of a node or root, its canonical record (66 and 56 bytes);
 * of code, the bytes that were given. A flush mark has no payload: what stands before it is on the disk, for it is
 * written when that is so; twice, so that one damaged mark does no harm. What stands behind the last mark was never acknowledged,
 * and does not count.
 */

import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { PAGE_SIZE } from '../../bits.js';
import { BLOCK_BYTES_MAX, BlockCompressor, decompressBlock } from './block-compression.js';
import { crc32 } from './crc32.js';

export const PACK_MAGIC = Uint8Array.from([...'bd0pack'].map((c) => c.charCodeAt(0)).concat(1));
export const HEADER_BYTES = 52;
export const HASH_BYTES = 32;

export const Kind = { leaf: 0, node: 1, root: 2, code: 3, mark: 255 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

const Encoding = { raw: 0, block: 1, deflate: 2 } as const;

/** The largest payload and the largest content, in bytes. */
export const CONTENT_BYTES_MAX = 2 ** 28;

const MAGIC = 0xbd;
const LEAF_RECORD_BYTES = 1 + PAGE_SIZE;
const RECORD_BYTES = { [LEAF_RECORD_BYTES]: Kind.leaf, 66: Kind.node, 56: Kind.root } as const;
const ZERO_HASH = new Uint8Array(HASH_BYTES);

/** A payload, and how it encodes its content. */
export interface Encoded {
  readonly encoding: number;
  readonly payload: Uint8Array;
}

/** What stands before a payload. */
export interface RecordHeader {
  readonly kind: Kind;
  readonly encoding: number;
  readonly payloadBytes: number;
  readonly contentBytes: number;
  readonly payloadCrc: number;
  readonly hash: Uint8Array;
}

/** A canonical record's kind; undefined for what is none, by its tag and its length. */
export function kindOfRecord(record: Uint8Array): Kind | undefined {
  const kind = (RECORD_BYTES as Readonly<Record<number, Kind>>)[record.length];
  return kind === record[0] ? kind : undefined;
}

/** What is kept of a canonical record. */
export function contentOfRecord(kind: Kind, record: Uint8Array): Uint8Array {
  if (kind !== Kind.leaf) return record;
  let end = record.length;
  while (end > 1 && record[end - 1] === 0) end--;
  return record.subarray(1, end);
}

/** The canonical record whose content this is. */
export function recordOfContent(kind: Kind, content: Uint8Array): Uint8Array {
  if (kind !== Kind.leaf) return content;
  const record = new Uint8Array(LEAF_RECORD_BYTES);
  record.set(content, 1);
  return record;
}

const compressor = new BlockCompressor();

/** A payload for `content`: the one that is the shortest, where it saves an eighth; else the content itself. */
export function encodePayload(kind: Kind, content: Uint8Array): Encoded {
  const most = content.length - (content.length >>> 3) - 1;
  let payload: Uint8Array | undefined;
  if (kind === Kind.leaf && content.length <= BLOCK_BYTES_MAX) payload = compressor.compress(content, most);
  if (payload) return { encoding: Encoding.block, payload };
  if (kind === Kind.code) {
    payload = deflateRawSync(content, { level: 1 });
    if (payload.length <= most) return { encoding: Encoding.deflate, payload };
  }
  return { encoding: Encoding.raw, payload: content };
}

/** The content of a payload whose CRC is right; undefined where it is not one of `header`. */
export function decodePayload(header: RecordHeader, payload: Uint8Array): Uint8Array | undefined {
  const { contentBytes } = header;
  if (header.encoding === Encoding.raw) return payload.length === contentBytes ? payload : undefined;
  if (header.encoding === Encoding.block) return decompressBlock(payload, contentBytes);
  try {
    const content = inflateRawSync(payload, { maxOutputLength: Math.max(1, contentBytes) });
    return content.length === contentBytes ? content : undefined;
  } catch {
    return undefined;
  }
}

/** Writes a record at `at`; the target has room for it. Answers where it ends. */
export function writeRecord(
  target: Uint8Array,
  at: number,
  kind: Kind,
  hash: Uint8Array,
  contentBytes: number,
  { encoding, payload }: Encoded,
): number {
  const view = new DataView(target.buffer, target.byteOffset + at, HEADER_BYTES);
  target[at] = MAGIC;
  target[at + 1] = kind;
  target[at + 2] = encoding;
  target[at + 3] = 0;
  view.setUint32(4, payload.length, true);
  view.setUint32(8, contentBytes, true);
  view.setUint32(12, crc32(payload), true);
  target.set(hash, at + 16);
  view.setUint32(48, crc32(target.subarray(at, at + 48)), true);
  target.set(payload, at + HEADER_BYTES);
  return at + HEADER_BYTES + payload.length;
}

/** Two flush marks. */
export function markRecords(): Uint8Array {
  const records = new Uint8Array(2 * HEADER_BYTES);
  const nothing = { encoding: Encoding.raw, payload: new Uint8Array(0) };
  const end = writeRecord(records, 0, Kind.mark, ZERO_HASH, 0, nothing);
  writeRecord(records, end, Kind.mark, ZERO_HASH, 0, nothing);
  return records;
}

/** The header at `at`, if it is whole and one. */
export function readHeader(bytes: Uint8Array, at: number): RecordHeader | undefined {
  if (at + HEADER_BYTES > bytes.length || bytes[at] !== MAGIC) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, HEADER_BYTES);
  if (view.getUint32(48, true) !== crc32(bytes.subarray(at, at + 48))) return undefined;
  const [kind, encoding] = [bytes[at + 1]!, bytes[at + 2]!];
  const [payloadBytes, contentBytes] = [view.getUint32(4, true), view.getUint32(8, true)];
  if (!isKind(kind) || encoding > Encoding.deflate || payloadBytes > CONTENT_BYTES_MAX) return undefined;
  if (contentBytes > CONTENT_BYTES_MAX || (kind === Kind.leaf && contentBytes > PAGE_SIZE)) return undefined;
  const hash = bytes.slice(at + 16, at + 48);
  return { kind, encoding, payloadBytes, contentBytes, payloadCrc: view.getUint32(12, true), hash };
}

function isKind(value: number): value is Kind {
  return value <= Kind.code || value === Kind.mark;
}
