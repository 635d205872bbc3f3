/**
 * The file of a recording: a header, and records. docs/recordings.md describes the format.
 *
 *     header   0  "BD0RUN" 0A 00    8  version:u32    12  0:u32    16  first half of the SHA-256 of these 16 bytes
 *     record   0  length:u32    4  kind:u32    8  check of these 8 bytes[8]    16  content    check of all before[16]
 *
 * A check is the beginning of the SHA-256 of the last whole one (at first that of the header) and the bytes. So no record can be
 * altered, taken out, or put elsewhere; and the length of the last one is known although it is not complete.
 */
import { concatenated } from '../../bits.js';
import type { HashFunction } from '../../vmo/content/canonical-form.js';

/** A file that is no recording, or a damaged one; `message` is one line. */
export class RecordingError extends Error {
  override readonly name = 'RecordingError';
}

/** Bytes that can be read anywhere: a file. */
export interface RecordingSource {
  readonly length: number;
  /** Returns a copy of so many bytes, which the source has. */
  read(offset: number, length: number): Uint8Array;
}

export const RECORD = { start: 1, state: 2, content: 3, inputs: 4, hash: 5, end: 6, back: 7 } as const;
const LAST_KIND = RECORD.back;

/** A record, and where its content is in the file. */
export interface FileRecord {
  readonly kind: number;
  readonly content: Uint8Array;
  readonly offset: number;
}

const MAGIC = [...'BD0RUN\n\0'].map((character) => character.charCodeAt(0));
const VERSION = 3;
const HEADER_BYTES = 32;
const HEAD_BYTES = 16;
const HEAD_CHECK_BYTES = 8;
const CHECK_BYTES = 16;
const HASH_BYTES = 32;
/** More is never in one record. */
const CONTENT_BYTES_MAX = 2 ** 31;

/** Writes the records of a recording. */
export class RecordWriter {
  private chain: Uint8Array;

  constructor(
    private readonly write: (bytes: Uint8Array) => void,
    private readonly sha256: HashFunction,
  ) {
    const header = new Uint8Array(HEADER_BYTES);
    header.set(MAGIC);
    new DataView(header.buffer).setUint32(8, VERSION, true);
    this.chain = sha256(header.subarray(0, 16));
    header.set(this.chain.subarray(0, 16), 16);
    write(header);
  }

  /** Writes a record, in one piece. */
  record(kind: number, content: Uint8Array): void {
    if (content.length > CONTENT_BYTES_MAX) throw new RangeError(`a record of ${content.length} bytes is too long`);
    const whole = new Uint8Array(HASH_BYTES + HEAD_BYTES + content.length);
    const view = new DataView(whole.buffer);
    whole.set(this.chain);
    view.setUint32(HASH_BYTES, content.length, true);
    view.setUint32(HASH_BYTES + 4, kind, true);
    whole.set(this.sha256(whole.subarray(0, HASH_BYTES + 8)).subarray(0, HEAD_CHECK_BYTES), HASH_BYTES + 8);
    whole.set(content, HASH_BYTES + HEAD_BYTES);
    this.chain = this.sha256(whole);
    const bytes = new Uint8Array(whole.length - HASH_BYTES + CHECK_BYTES);
    bytes.set(whole.subarray(HASH_BYTES));
    bytes.set(this.chain.subarray(0, CHECK_BYTES), bytes.length - CHECK_BYTES);
    this.write(bytes);
  }
}

/**
 * The records of a file, in their order, up to the last complete one. Returns whether more bytes follow, as in the file of a run
 * that was killed. Throws RecordingError for a file that is no recording, or was altered.
 */
export function* readRecords(source: RecordingSource, sha256: HashFunction): Generator<FileRecord, boolean> {
  let chain = readHeader(source, sha256);
  for (let at = HEADER_BYTES; ;) {
    if (source.length - at < HEAD_BYTES) return source.length > at;
    const head = source.read(at, HEAD_BYTES);
    const view = new DataView(head.buffer, head.byteOffset);
    const [length, kind] = [view.getUint32(0, true), view.getUint32(4, true)];
    const isSound = isEqual(head.subarray(8), sha256(concatenated([chain, head.subarray(0, 8)])), HEAD_CHECK_BYTES);
    if (!isSound || kind < 1 || kind > LAST_KIND || length > CONTENT_BYTES_MAX) throw damaged(at);
    if (source.length - at - HEAD_BYTES < length + CHECK_BYTES) return true;
    const rest = source.read(at + HEAD_BYTES, length + CHECK_BYTES);
    const content = rest.subarray(0, length);
    chain = sha256(concatenated([chain, head, content]));
    if (!isEqual(rest.subarray(length), chain, CHECK_BYTES)) throw damaged(at);
    yield { kind, content, offset: at + HEAD_BYTES };
    at += HEAD_BYTES + length + CHECK_BYTES;
  }
}

/** Checks the header. Returns what the first check follows on. */
function readHeader(source: RecordingSource, sha256: HashFunction): Uint8Array {
  const header = source.read(0, Math.min(HEADER_BYTES, source.length));
  const isOurs = MAGIC.every((byte, at) => at >= header.length || header[at] === byte) && header.length > 0;
  if (!isOurs) throw new RecordingError('it is not a recording of bd0');
  if (header.length < HEADER_BYTES) throw new RecordingError('it is cut within its first bytes');
  const chain = sha256(header.subarray(0, 16));
  const view = new DataView(header.buffer, header.byteOffset);
  if (!isEqual(header.subarray(16), chain, 16)) throw damaged(0);
  const version = view.getUint32(8, true);
  if (version !== VERSION) throw new RecordingError(`its format has version ${version}, and this bd0 reads ${VERSION}`);
  return chain;
}

function damaged(offset: number): RecordingError {
  return new RecordingError(`it is damaged: what is stored from byte ${offset} on is not what was recorded`);
}

function isEqual(a: Uint8Array, b: Uint8Array, length: number): boolean {
  for (let at = 0; at < length; at++) if (a[at] !== b[at]) return false;
  return true;
}
