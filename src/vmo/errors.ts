/** What VMOs and the frame pool refuse: raised before anything changed, with the numbers in the message. */

import { MAX_LENGTH } from './content/canonical-form.js';
import type { RecordFault } from './records/record-check.js';

/** An offset, a length or a page that lies outside what it was asked of. */
export class VmoRangeError extends RangeError {
  override name = 'VmoRangeError';
}

/** A handle that is closed or belongs to another store. */
export class VmoHandleError extends Error {
  override name = 'VmoHandleError';
}

/** Refuses `value` unless it is a whole number from 0 to `max`, 2^48 if that is not given. */
export function requireWhole(what: string, value: number, max = MAX_LENGTH): void {
  if (!Number.isInteger(value) || value < 0)
    throw new VmoRangeError(`${what} ${value} is not a whole number from 0 to ${max}`);
  if (value > max) throw new VmoRangeError(`${what} ${value} exceeds ${max}`);
}

/** Refuses an index that is not that of one of `count` pages. */
export function requirePage(index: number, count: number): void {
  requireWhole('page', index);
  if (index >= count) throw new VmoRangeError(`page ${index} is not one of ${count} pages`);
}

/** Refuses `offset` and `length` (bytes) unless they lie within `limit` bytes. */
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

/** A frame that is not in the state an operation needs: an error of the caller. */
export class FrameStateError extends Error {
  override name = 'FrameStateError';
}

/** A canonical record that a RecordStore lacks, though another that it has refers to it. */
export class MissingRecordError extends Error {
  override name = 'MissingRecordError';
}

/** A canonical stream that is none, or not the expected one. */
export class CanonicalStreamError extends Error {
  override name = 'CanonicalStreamError';

  constructor(
    readonly fault: RecordFault | 'cut' | 'trailing bytes',
    /** Bytes from the stream's start: of a field that is wrong, a record whose hash is wrong, or what should have come. */
    readonly offset: number,
    message: string,
  ) {
    super(`byte ${offset}: ${fault}: ${message}`);
  }
}
