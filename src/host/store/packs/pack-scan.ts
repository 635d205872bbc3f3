import { crc32 } from 'node:zlib';
import { type FileLayer, readAt } from '../file-layer.js';
import { GROUP_MAGIC, type GroupHeader, HEADER_BYTES, Kind, PACK_MAGIC, readHeader } from './pack-format.js';

/** Bytes read at once. */
const WINDOW_BYTES = 2 ** 22;

/** A group that was found, or bytes that are none. */
export type Scanned =
  | { readonly offset: number; readonly endOffset: number; readonly header: GroupHeader; readonly payload: Uint8Array }
  | {
      readonly offset: number;
      readonly endOffset: number;
      readonly header: undefined;
      readonly detail: string;
      /** The first of two flush marks, of which the supply was lost while they were written: zeros stand for what the disk had not yet. */
      readonly isUnwrittenMark?: boolean;
    };

/** A part of a file in memory, which moves forward as later bytes are read. */
class Window {
  private bytes: Uint8Array = new Uint8Array(0);
  private start = 0;

  constructor(
    private readonly files: FileLayer,
    private readonly file: number,
    private readonly end: number,
  ) {}

  /** `length` bytes from `offset`, as a view that is valid until the next call; undefined where they end before. */
  at(offset: number, length: number): Uint8Array | undefined {
    if (offset + length > this.end) return undefined;
    if (offset < this.start || offset + length > this.start + this.bytes.length) {
      this.bytes = readAt(this.files, this.file, offset, Math.min(Math.max(length, WINDOW_BYTES), this.end - offset));
      this.start = offset;
      if (this.bytes.length < length) return undefined;
    }
    return this.bytes.subarray(offset - this.start, offset - this.start + length);
  }

  /** Where a byte stands next, from `offset` on; the end where it does not. */
  find(byte: number, offset: number): number {
    for (let at = offset; at < this.end; at = this.start + this.bytes.length) {
      if (!this.at(at, 1)) return this.end;
      const found = this.bytes.indexOf(byte, at - this.start);
      if (found >= 0) return this.start + found;
    }
    return this.end;
  }
}

/**
 * The groups of a pack from byte `offset` to `end`, in their order, flush marks among them. A payload that is not what its
 * header says, and bytes that are no group, are answered as such; the last of them is what a write left that was cut off.
 */
export function* scanPack(files: FileLayer, file: number, offset: number, end: number): Generator<Scanned> {
  const window = new Window(files, file, end);
  let at = offset;
  if (at < PACK_MAGIC.length) {
    at = Math.min(PACK_MAGIC.length, end);
    const magic = window.at(0, PACK_MAGIC.length);
    if (!magic || magic.some((byte, i) => byte !== PACK_MAGIC[i]))
      yield { offset: 0, endOffset: at, header: undefined, detail: 'it does not begin as a pack of this version does' };
  }
  while (at < end) {
    const found = groupAt(window, at);
    if (found) {
      yield found;
      at = found.endOffset;
      continue;
    }
    const from = at++;
    for (at = window.find(GROUP_MAGIC, at); at < end && !groupAt(window, at);) at = window.find(GROUP_MAGIC, at + 1);
    const isUnwrittenMark = at - from === HEADER_BYTES && isLeftOfMark(window, from);
    yield {
      offset: from,
      endOffset: at,
      header: undefined,
      detail: `${at - from} bytes are no group`,
      isUnwrittenMark,
    };
  }
}

/** Whether each byte of a header is that of the flush mark behind it, or zero. */
function isLeftOfMark(window: Window, offset: number): boolean {
  const two = window.at(offset, 2 * HEADER_BYTES);
  const mark = two?.subarray(HEADER_BYTES);
  if (!mark || readHeader(mark)?.kind !== Kind.mark) return false;
  return mark.every((byte, i) => two![i] === byte || two![i] === 0);
}

function groupAt(window: Window, offset: number): Scanned | undefined {
  const start = window.at(offset, HEADER_BYTES);
  const header = start && readHeader(start);
  if (!header) return undefined;
  const endOffset = offset + HEADER_BYTES + header.payloadBytes;
  const payload = window.at(offset + HEADER_BYTES, header.payloadBytes);
  if (!payload) return undefined;
  if (crc32(payload) !== header.payloadCrc)
    return { offset, endOffset, header: undefined, detail: 'the payload of a group is not what its header says' };
  return { offset, endOffset, header, payload };
}
