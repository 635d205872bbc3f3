/**
 * Lines of the names log and of its anchor: names.ts, anchor.ts.
 *
 *     \n CRC-32 of the rest, 8 digits ‖ space ‖ JSON ‖ \n       each line twice, one copy right after the other
 */

import { crc32 } from 'node:zlib';
import type { ContentKind } from '../../../vmo/records/record-store.js';

/** Proposes that a name stand for `to` if it stands for `from`. */
export interface NameProposal {
  readonly name: string;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** What `to` is. Earlier versions wrote none. */
  readonly kind?: ContentKind | undefined;
  /** Bytes of the log that had been read when the name was found to stand for `from`. */
  readonly seen: number;
  readonly by: string;
}

/** Sets or removes a pin. */
export interface PinLine {
  readonly pin: string;
  readonly on: boolean;
  readonly kind?: ContentKind | undefined;
  readonly by: string;
}

/** A write between these two offsets was cut off. */
export interface TornLine {
  readonly torn: readonly [number, number];
  readonly by: string;
}

/** The first line of a log since this version: its unique name. */
export interface LogLine {
  readonly log: string;
  readonly by: string;
}

export type Line = NameProposal | PinLine | TornLine | LogLine;

const NEWLINE = 10;

/** Bytes of a line at most: a name of 255 bytes, which JSON may write six times as long, two identities, and some words. */
const LINE_BYTES_MAX = 4096;

/** A line as it lies in the log, with its second copy. */
export function encodeLine(line: unknown): Buffer {
  const text = JSON.stringify(line);
  return Buffer.from(`\n${checksum(Buffer.from(text))} ${text}\n`.repeat(2));
}

/** The JSON of one copy of a line without its line feeds; undefined where that is not what its CRC says. */
export function textOfLine(bytes: Uint8Array): string | undefined {
  if (bytes.length > LINE_BYTES_MAX) return undefined;
  const text = Buffer.from(bytes).toString();
  const isWhole = text[8] === ' ' && text.slice(0, 8) === checksum(bytes.subarray(9));
  return isWhole ? text.slice(9) : undefined;
}

/** What the JSON of a line says; undefined where it is none, which no writer of this store has written. */
export function parseLine(text: string): ({ readonly by: string } & Record<string, unknown>) | undefined {
  try {
    const line: unknown = JSON.parse(text);
    const hasAuthor = typeof line === 'object' && line !== null && typeof (line as { by?: unknown }).by === 'string';
    return hasAuthor ? (line as { by: string }) : undefined;
  } catch {
    return undefined;
  }
}

/** One copy of a line in a file. */
export interface LineCopy {
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** Its JSON; undefined for one that is damaged. */
  readonly text: string | undefined;
}

/**
 * Reads all whole lines, and returns how many bytes they are. A line without an end is left for later, unless only its line feed is
 * missing or wrong.
 */
export function readLines(bytes: Uint8Array, offset: number, read: (copy: LineCopy) => void): number {
  let at = 0;
  while (at < bytes.length) {
    const end = bytes.indexOf(NEWLINE, at);
    const line = bytes.subarray(at, end < 0 ? bytes.length : end);
    const text = textOfLine(line) ?? (end < 0 ? textOfLine(line.subarray(0, -1)) : undefined);
    if (text === undefined && end < 0) return at;
    if (line.length > 0) read({ offset: offset + at, bytes: line, text });
    at = end < 0 ? bytes.length : end + 1;
  }
  return at;
}

function checksum(bytes: Uint8Array): string {
  return crc32(bytes).toString(16).padStart(8, '0');
}
