/** Times as system calls have them: struct timespec and struct timeval, include/uapi/linux/time_types.h. */
import type { LinuxContext } from './call.js';
import { putFields, viewAt } from './user-data.js';

export const NANOSECONDS = 1_000_000_000n;
const TIMESPEC_BYTES = 16;
const RUSAGE_BYTES = 144;
export const TIMER_ABSTIME = 1;

/** CLOCK_REALTIME, and its coarse, alarm and TAI kinds. include/uapi/linux/time.h */
const REAL_CLOCKS: readonly number[] = [0, 5, 8, 11];
/** Those that timers go by: real, monotonic, boot time, and both alarms. */
const WAITING_CLOCKS: readonly number[] = [0, 1, 7, 8, 9];
const READ_ONLY_CLOCKS: readonly number[] = [4, 5, 6];
/** CLOCK_TAI, by which timer_create(2) alone goes. */
export const CLOCK_TAI = 11;
/** Of the number of a clock of a task: which of its times; all three are the same here. The last kind is for clocks that are files. */
export const KIND_OF_CLOCK = 3;
export const CLOCK_OF_FILE = 3;

/** Whether a clock tells the time of day. */
export function isRealClock(clock: number): boolean {
  return REAL_CLOCKS.includes(clock);
}

/** Whether there is a clock of a number, though nothing can wait for its times: raw and coarse ones, and those of files. */
export function isReadOnlyClock(clock: number): boolean {
  return clock < 0 ? (clock & KIND_OF_CLOCK) === CLOCK_OF_FILE : READ_ONLY_CLOCKS.includes(clock);
}

/** Whether timers can be set by a clock. */
export function isWaitingClock(clock: number): boolean {
  return WAITING_CLOCKS.includes(clock);
}

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

/** Stores a struct rusage: a time that was used, in ticks, and zeros. Throws LinuxError EFAULT. */
export function putUsage(context: LinuxContext, address: bigint, ticks: number): bigint {
  return putFields(context, address, RUSAGE_BYTES, (view) => {
    view.setBigInt64(0, BigInt(ticks) / NANOSECONDS, true);
    view.setBigInt64(8, (BigInt(ticks) % NANOSECONDS) / 1000n, true);
  });
}

/** Stores nanoseconds, not negative, as a struct of which a unit of the fraction is so many. Throws LinuxError EFAULT. */
export function putTime(context: LinuxContext, address: bigint, nanoseconds: bigint, nanosecondsPerUnit = 1n): bigint {
  return putFields(context, address, TIMESPEC_BYTES, (view) => {
    view.setBigInt64(0, nanoseconds / NANOSECONDS, true);
    view.setBigInt64(8, (nanoseconds % NANOSECONDS) / nanosecondsPerUnit, true);
  });
}
