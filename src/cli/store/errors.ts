/** What a durable store refuses, in words for its user. */

import { Failure, isSystemError, systemReason } from '../failure.js';

/** A write that the disk did not take. What was acknowledged before stands; the store takes no more until it is opened anew. */
export class StoreWriteError extends Failure {
  constructor(path: string, cause: unknown) {
    const reason = isSystemError(cause) ? systemReason(cause) : cause instanceof Error ? cause.message : String(cause);
    super(`cannot write '${path}': ${reason}; what the store had acknowledged before is in it`);
  }
}

/** A part of the store that is not as it was written, and is not a record. */
export class DamagedStoreError extends Failure {
  constructor(
    readonly path: string,
    readonly offset: number,
    detail: string,
  ) {
    super(`'${path}' is damaged at byte ${offset}: ${detail}`);
  }
}
