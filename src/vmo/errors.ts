/** What VMOs and the frame pool refuse: raised before anything changed, with the numbers in the message. */

import { MAX_LENGTH } from './canonical-form.js';

/** An offset, a length or a page that lies outside what it was asked of. */
export class VmoRangeError extends RangeError {
  override name = 'VmoRangeError';
}

/** A handle that is closed or belongs to another store. */
export class VmoHandleError extends Error {
  override name = 'VmoHandleError';
}

/** Refuses `value` unless it is a whole number from 0 to 2^48. */
export function requireWhole(what: string, value: number): void {
  if (!Number.isInteger(value) || value < 0)
    throw new VmoRangeError(`${what} ${value} is not a whole number from 0 to ${MAX_LENGTH}`);
  if (value > MAX_LENGTH) throw new VmoRangeError(`${what} ${value} exceeds ${MAX_LENGTH}`);
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
