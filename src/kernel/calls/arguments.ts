/** What arguments of kernel-calls mean that are no mere numbers. */
import { MAX_LENGTH } from '../../vmo/content/canonical-form.js';
import type { VmoHandle } from '../../vmo/handle.js';
import { Errno, failure } from '../errors.js';
import type { CallContext, CallResult } from './call.js';

/** A tick for each so many bytes that the kernel moves, as for an iteration of REP MOVSQ. */
const BYTES_PER_TICK = 8;

/** The longest VMO, in bytes. */
export const LENGTH_MAX = BigInt(MAX_LENGTH);

/** The VMO of a handle of the caller. It stays the caller's. */
export function vmoOf({ process }: CallContext, handle: bigint): VmoHandle | undefined {
  return process.handles.get(handle);
}

/** True where the caller may have no further VMO of bytes that are copied. */
export function isOutOfMemory({ process, store }: CallContext): boolean {
  return process.handles.isFull || store.isFull;
}

/** Makes a VMO and answers a new handle of the caller on it; ENOMEM where the caller has too many. */
export function newHandle({ process }: CallContext, make: () => VmoHandle, unhashedBytes = 0): CallResult {
  if (process.handles.isFull) return failure(Errno.ENOMEM);
  return BigInt(process.handles.add(make(), unhashedBytes));
}

/** True where `length` bytes from `offset` lie within `limit` bytes: any 64-bit numbers, without wrap-around. */
export function isWithin(offset: bigint, length: bigint, limit: number): boolean {
  return offset <= BigInt(limit) && length <= BigInt(limit) - offset;
}

/** Counts the time that moving bytes takes. */
export function spendOn(context: CallContext, bytes: number): void {
  context.kernel.spend(Math.ceil(bytes / BYTES_PER_TICK));
}
