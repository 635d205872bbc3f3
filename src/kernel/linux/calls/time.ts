import type { CallResult } from '../../calls/call.js';
import { deadlineTick } from '../../tasks/thread.js';
import { PENDING } from '../../calls/call.js';
import { signed32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, failed } from '../errno.js';
import type { RunClock } from '../tasks/run-clock.js';
import {
  CLOCK_OF_FILE,
  KIND_OF_CLOCK,
  NANOSECONDS,
  TIMER_ABSTIME,
  isReadOnlyClock,
  isRealClock,
  putTime,
  timespecAt,
} from '../timespec.js';
import { put64, putFields } from '../user-data.js';

const { EINVAL, EOPNOTSUPP } = LinuxErrno;

/* include/uapi/linux/time.h */
const CLOCK_REALTIME = 0;
const CLOCK_PROCESS_CPUTIME = 2;
const CLOCK_THREAD_CPUTIME = 3;
const THREAD_CLOCK = 4;
const CLOCKS_MAX = 12;

const TICKS_OF_TIMES = 10_000_000n;

/** The time of a clock in nanoseconds; undefined where there is no such clock. */
function timeOf(context: LinuxContext, clock: number): bigint | undefined {
  const { now, system } = context;
  const runClock = runClockOf(context, clock);
  if (runClock) return BigInt(runClock.used);
  if (clock < 0 || clock >= CLOCKS_MAX) return undefined;
  return isRealClock(clock) ? system.epoch + BigInt(now) : BigInt(now);
}

/**
 * A clock of the time that a process or a thread has run, undefined for another clock: its number lies above three bits, the
 * complement of it.
 */
export function runClockOf({ system, linux: own, thread: caller }: LinuxContext, clock: number): RunClock | undefined {
  if (clock === CLOCK_PROCESS_CPUTIME) return own.cpuTime.clock;
  if (clock === CLOCK_THREAD_CPUTIME) return caller.linux!.clock;
  if (clock >= 0) return undefined;
  const number = ~(clock >> 3);
  const process = number === 0 ? own : system.processes.get(number);
  if ((clock & KIND_OF_CLOCK) === CLOCK_OF_FILE) return undefined;
  if ((clock & THREAD_CLOCK) === 0) return process?.cpuTime.clock;
  if (number === 0) return caller.linux!.clock;
  return own.signals.process.threads.find(({ linux }) => linux?.tid === number)?.linux!.clock;
}

function clockGettime(context: LinuxContext, clock: bigint, time: bigint): CallResult {
  const nanoseconds = timeOf(context, signed32(clock));
  return nanoseconds === undefined ? failed(EINVAL) : putTime(context, time, nanoseconds);
}

function clockGetres(context: LinuxContext, clock: bigint, resolution: bigint): CallResult {
  if (timeOf(context, signed32(clock)) === undefined) return failed(EINVAL);
  return resolution === 0n ? 0n : putTime(context, resolution, 1n);
}

function gettimeofday(context: LinuxContext, time: bigint, zone: bigint): CallResult {
  const nanoseconds = timeOf(context, CLOCK_REALTIME)!;
  if (time !== 0n) putTime(context, time, nanoseconds, 1000n);
  return zone === 0n ? 0n : put64(context, zone, 0n);
}

function time(context: LinuxContext, address: bigint): CallResult {
  const seconds = timeOf(context, CLOCK_REALTIME)! / NANOSECONDS;
  if (address !== 0n) put64(context, address, seconds);
  return seconds;
}

/** The clock of the machine ticks in nanoseconds; struct tms counts hundredths of a second. */
function times(context: LinuxContext, buffer: bigint): CallResult {
  const { used, ofChildren } = context.linux.cpuTime;
  const hundredths = (ticks: number): bigint => BigInt(ticks) / TICKS_OF_TIMES;
  if (buffer !== 0n)
    putFields(context, buffer, 32, (view) => {
      view.setBigInt64(0, hundredths(used), true);
      view.setBigInt64(16, hundredths(ofChildren), true);
    });
  return hundredths(context.now);
}

function nanosleep(context: LinuxContext, request: bigint, remaining: bigint): CallResult {
  return clockNanosleep(context, 1n, 0n, request, remaining);
}

function clockNanosleep(
  context: LinuxContext,
  clockArgument: bigint,
  flags: bigint,
  request: bigint,
  _remaining: bigint,
): CallResult {
  const { pending, now } = context;
  const clock = signed32(clockArgument);
  if (isReadOnlyClock(clock)) return failed(EOPNOTSUPP);
  const base = timeOf(context, clock);
  if (base === undefined) return failed(EINVAL);
  if (runClockOf(context, clock)) return failed(EOPNOTSUPP);
  const wanted = timespecAt(context, request);
  if (wanted === undefined) return failed(EINVAL);
  const isAbsolute = (signed32(flags) & TIMER_ABSTIME) !== 0;
  // What has gone of the time is kept, since the call is made again when it has.
  if (pending.progress === 0) pending.progress = now + Number(isAbsolute ? wanted - base : wanted);
  if (now >= pending.progress) return 0n;
  pending.wait = { deadline: deadlineTick(BigInt(Math.ceil(pending.progress))), for: undefined, late: 0n };
  return PENDING;
}

/** A handler interrupts a sleep: the remaining time is returned, unless the sleep was until an absolute time. */
function endSleep(context: LinuxContext, remaining: bigint): 'go on' {
  const left = BigInt(Math.max(0, Math.ceil(context.pending.progress - context.now)));
  if (remaining !== 0n) putTime(context, remaining, left);
  return 'go on';
}

const whole = { state: 'whole', differs: '' } as const;

export const TIME_CALLS: readonly LinuxCall[] = [
  {
    number: 35,
    name: 'nanosleep',
    parameters: ['request', 'remaining'],
    perform: nanosleep,
    ...whole,
    interrupted: (context, _request, remaining) => endSleep(context, remaining!),
  },
  { number: 96, name: 'gettimeofday', parameters: ['time', 'zone'], perform: gettimeofday, ...whole },
  { number: 100, name: 'times', parameters: ['buffer'], perform: times, ...whole },
  { number: 201, name: 'time', parameters: ['address'], perform: time, ...whole },
  { number: 228, name: 'clock_gettime', parameters: ['clock', 'time'], perform: clockGettime, ...whole },
  { number: 229, name: 'clock_getres', parameters: ['clock', 'resolution'], perform: clockGetres, ...whole },
  {
    ...{ number: 230, name: 'clock_nanosleep', parameters: ['clock', 'flags', 'request', 'remaining'] },
    ...{ perform: clockNanosleep, state: 'part', differs: 'Not by the time that a process has run.' },
    interrupted: (context, _clock, flags, _request, remaining) =>
      (signed32(flags!) & TIMER_ABSTIME) !== 0 ? 'no restart' : endSleep(context, remaining!),
  },
];
