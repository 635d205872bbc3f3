/** What a durable store refuses, in words for its user. */

import { HostError, isSystemError, systemReason } from '../failure.js';

/** A failed write. Everything acknowledged before is in the store, which cannot be written until it is opened again. */
export class StoreWriteError extends HostError {
  override readonly name = 'StoreWriteError';

  /** Whether the disk has no room left. */
  readonly isFull: boolean;

  constructor(path: string, cause: unknown) {
    const reason = isSystemError(cause) ? systemReason(cause) : cause instanceof Error ? cause.message : String(cause);
    super(`cannot write '${path}': ${reason}; what the store had acknowledged before is in it`, 'system');
    this.isFull = isSystemError(cause) && ['ENOSPC', 'EDQUOT'].includes(cause.code);
  }
}

/** A group of a pack that is not as it was written. */
export class DamagedGroupError extends Error {
  override readonly name = 'DamagedGroupError';

  constructor(
    readonly path: string,
    readonly offset: number,
    readonly detail: string,
  ) {
    super(`byte ${offset} of ${path}: ${detail}`);
  }
}
