/** What arguments of kernel-calls mean that are no mere numbers. */
import { MAX_LENGTH } from '../../vmo/content/canonical-form.js';
import type { VmoHandle } from '../../vmo/handle.js';
import { Errno, failure } from '../errors.js';
import { HOST_BYTES } from '../host-memory.js';
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
export function isOutOfMemory(context: CallContext): boolean {
  return hasNoHandle(context) || context.store.isFull || context.hostMemory.isExceeded;
}

/** True where the caller may have no further handle. */
export function hasNoHandle({ process, hostMemory }: CallContext): boolean {
  return process.handles.isFull || !hostMemory.hasRoom(HOST_BYTES.handle);
}

/**
 * Makes a VMO and returns a new handle of the caller on it; ENOMEM where the caller has too many, or the VMO takes more of the
 * host's memory than is left.
 */
export function newHandle(context: CallContext, make: () => VmoHandle, unhashedBytes = 0): CallResult {
  if (hasNoHandle(context)) return failure(Errno.ENOMEM);
  const vmo = make();
  const handle = context.process.handles.add(vmo, unhashedBytes);
  if (!context.hostMemory.isExceeded) return BigInt(handle);
  context.process.handles.close(BigInt(handle));
  return failure(Errno.ENOMEM);
}

/** True where `length` bytes from `offset` lie within `limit` bytes: any 64-bit numbers, without wrap-around. */
export function isWithin(offset: bigint, length: bigint, limit: number): boolean {
  return offset <= BigInt(limit) && length <= BigInt(limit) - offset;
}

/** Charges the caller for bytes that are moved: the time that it would take to move them. */
export function chargeBytes({ kernel }: CallContext, bytes: number): void {
  kernel.charge({ ticks: Math.ceil(bytes / BYTES_PER_TICK) });
}
