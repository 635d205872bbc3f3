import { Errno, failure } from '../errors.js';
import { deadlineTick } from '../tasks/thread.js';
import type { WaitKey } from '../tasks/wait-queues.js';
import { PENDING, type CallContext, type CallResult } from './call.js';

/** Waits for a wake-up of `key`, or until a deadline: ETIMEDOUT, at once if that has passed already. */
export function waitFor({ now, pending }: CallContext, key: WaitKey, deadline: bigint): CallResult {
  if (deadline <= BigInt(now)) return failure(Errno.ETIMEDOUT);
  pending.wait = { deadline: deadlineTick(deadline), for: key, late: failure(Errno.ETIMEDOUT) };
  return PENDING;
}
