/** Times as system calls have them: struct timespec and struct timeval, include/uapi/linux/time_types.h. */
import type { LinuxContext } from './call.js';
import { putFields, viewAt } from './user-data.js';

export const NANOSECONDS = 1_000_000_000n;
const TIMESPEC_BYTES = 16;

/** Seconds, and a fraction in units of the struct. */
export interface TimeFields {
  readonly seconds: bigint;
  readonly fraction: bigint;
}

/** The fields of a struct timespec or timeval. Throws LinuxError EFAULT. */
export function timeFieldsAt(context: LinuxContext, address: bigint): TimeFields {
  const view = viewAt(context, address, TIMESPEC_BYTES);
  return { seconds: view.getBigInt64(0, true), fraction: view.getBigInt64(8, true) };
}

/** The nanoseconds of a struct timespec; undefined for one that is not valid. Throws LinuxError EFAULT. */
export function timespecAt(context: LinuxContext, address: bigint): bigint | undefined {
  const { seconds, fraction } = timeFieldsAt(context, address);
  if (seconds < 0n || fraction < 0n || fraction >= NANOSECONDS) return undefined;
  return seconds * NANOSECONDS + fraction;
}

/** Stores nanoseconds, not negative, as a struct of which a unit of the fraction is so many. Throws LinuxError EFAULT. */
export function putTime(context: LinuxContext, address: bigint, nanoseconds: bigint, nanosecondsPerUnit = 1n): bigint {
  return putFields(context, address, TIMESPEC_BYTES, (view) => {
    view.setBigInt64(0, nanoseconds / NANOSECONDS, true);
    view.setBigInt64(8, (nanoseconds % NANOSECONDS) / nanosecondsPerUnit, true);
  });
}
