/** Errors of VMOs and the frame pool: thrown before anything changes, with the numbers in the message. */

import { MAX_LENGTH } from './content/canonical-form.js';
import type { RecordFault } from './records/record-check.js';

/** An offset, a length or a page number is out of range. */
export class VmoRangeError extends RangeError {
  override name = 'VmoRangeError';
}

/** A handle is closed or belongs to another store. */
export class VmoHandleError extends Error {
  override name = 'VmoHandleError';
}

/** Throws unless `value` is an integer from 0 to `max` (default: 2^48). */
export function requireWhole(what: string, value: number, max = MAX_LENGTH): void {
  if (!Number.isInteger(value) || value < 0)
    throw new VmoRangeError(`${what} ${value} is not a whole number from 0 to ${max}`);
  if (value > max) throw new VmoRangeError(`${what} ${value} exceeds ${max}`);
}

/** Throws unless `index` is that of one of `count` pages. */
export function requirePage(index: number, count: number): void {
  requireWhole('page', index);
  if (index >= count) throw new VmoRangeError(`page ${index} is not one of ${count} pages`);
}

/** Throws unless `length` bytes from `offset` lie within `limit` bytes. */
export function requireRange(what: string, offset: number, length: number, limit: number): void {
  requireWhole(`${what} offset`, offset);
  requireWhole(`${what} length`, length);
  if (length > limit - offset)
    throw new VmoRangeError(`${what} offset ${offset} + length ${length} exceeds ${limit} bytes`);
}

/** Every frame of the pool is in use and must stay. */
export class OutOfFramesError extends Error {
  override name = 'OutOfFramesError';
}

/** A frame is not in the state that an operation requires; a bug in the caller. */
export class FrameStateError extends Error {
  override name = 'FrameStateError';
}

/** A RecordStore lacks a canonical record that another of its records refers to. */
export class MissingRecordError extends Error {
  override name = 'MissingRecordError';
}

/** A malformed canonical stream, or one with an unexpected identity. */
export class CanonicalStreamError extends Error {
  override name = 'CanonicalStreamError';

  constructor(
    readonly fault: RecordFault | 'cut' | 'trailing bytes',
    /** Byte offset in the stream of the wrong field, of the record with the wrong hash, or of the missing data. */
    readonly offset: number,
    message: string,
  ) {
    super(`byte ${offset}: ${fault}: ${message}`);
  }
}
