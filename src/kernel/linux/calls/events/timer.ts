/** alarm(2), setitimer(2), timer_create(2) and others. */
import { HOST_BYTES } from '../../../host-memory.js';
import type { CallResult } from '../../../calls/call.js';
import type { Thread } from '../../../tasks/thread.js';
import { signed32, unsigned32, type LinuxCall, type LinuxContext } from '../../call.js';
import { LinuxErrno, LinuxError, failed } from '../../errno.js';
import { IntervalTimer } from '../../signals/interval-timer.js';
import { PosixTimer, type TimerEvent } from '../../signals/posix-timer.js';
import type { TimerSetting } from '../../signals/ringing.js';
import { Signal, isSignal } from '../../signals/signal.js';
import { canQueue } from '../../signals/signals.js';
import type { CpuTimerName } from '../../tasks/cpu-time.js';
import { CLOCK_TAI, NANOSECONDS, TIMER_ABSTIME, isReadOnlyClock, isRealClock, isWaitingClock } from '../../timespec.js';
import { runClockOf } from '../time.js';
import { put32, putFields, viewAt } from '../../user-data.js';

const { EAGAIN, EINVAL, EOPNOTSUPP } = LinuxErrno;

const ITIMER_REAL = 0;
const CPU_TIMER_NAMES: Readonly<Record<number, CpuTimerName>> = { 1: 'virtual', 2: 'profiling' };
const SETTING_BYTES = 32;
const SECOND = 1e9;
const MICROSECOND = 1000;
const MICROSECONDS = 1_000_000n;

/** struct sigevent, and its ways to notify. include/uapi/asm-generic/siginfo.h */
const EVENT_BYTES = 64;
const SIGEV_SIGNAL = 0;
const SIGEV_NONE = 1;
const SIGEV_THREAD = 2;
const SIGEV_THREAD_ID = 4;

function realTimerOf({ linux, process }: LinuxContext): IntervalTimer {
  return (linux.signals.realTimer ??= new IntervalTimer(process));
}

/** The timer of setitimer: sets it where that is asked for, and returns what it was. Throws EINVAL. */
function intervalTimer(context: LinuxContext, which: number, asked?: TimerSetting): TimerSetting {
  const { now, system, linux } = context;
  const name = CPU_TIMER_NAMES[which];
  if (name) {
    const before = linux.cpuTime.setting(name);
    if (asked) linux.cpuTime.set(name, asked);
    return before;
  }
  if (which !== ITIMER_REAL) throw new LinuxError(EINVAL);
  const timer = realTimerOf(context);
  const before = timer.setting(now);
  if (asked) timer.set(system.jobs.alarms, now, asked);
  return before;
}

/** A struct itimerval or itimerspec: interval and value. Undefined for one that is not valid. */
export function settingAt(
  context: LinuxContext,
  address: bigint,
  unitsPerSecond = NANOSECONDS,
): TimerSetting | undefined {
  const view = viewAt(context, address, SETTING_BYTES);
  const [interval, first] = [0, 16].map((offset) => {
    const [seconds, fraction] = [view.getBigInt64(offset, true), view.getBigInt64(offset + 8, true)];
    if (seconds < 0n || fraction < 0n || fraction >= unitsPerSecond) return undefined;
    return Number(seconds) * SECOND + Number(fraction * (NANOSECONDS / unitsPerSecond));
  });
  return interval === undefined || first === undefined ? undefined : { interval, value: first };
}

/** Tells a setting as a struct of which a unit of the fraction is so many ticks; one that is set is never told as 0. */
export function putSetting(
  context: LinuxContext,
  address: bigint,
  { value, interval }: TimerSetting,
  unit = 1,
): bigint {
  return putFields(context, address, SETTING_BYTES, (view) =>
    [interval, value].forEach((ticks, i) => {
      const shown = i === 1 && ticks > 0 ? Math.max(unit, ticks) : ticks;
      view.setBigInt64(16 * i, BigInt(Math.floor(shown / SECOND)), true);
      view.setBigInt64(16 * i + 8, BigInt(Math.floor((shown % SECOND) / unit)), true);
    }),
  );
}

/** A setting that begins at a time of a clock, as one that begins after a time. */
export function relativeSetting(
  { now, system }: LinuxContext,
  setting: TimerSetting,
  { isRealTime, clock }: Pick<TimerEvent, 'isRealTime' | 'clock'>,
): TimerSetting {
  if (setting.value === 0) return setting;
  const at = isRealTime ? setting.value - Number(system.epoch) : setting.value;
  // A time that has passed counts, too.
  return { ...setting, value: at - (clock?.used ?? now) || -1 };
}

/** Whole seconds, rounded, and at least one for a timer that is set. */
function alarm(context: LinuxContext, seconds: bigint): CallResult {
  const { value } = intervalTimer(context, ITIMER_REAL, { value: unsigned32(seconds) * SECOND, interval: 0 });
  return BigInt(value > 0 ? Math.max(1, Math.round(value / SECOND)) : 0);
}

function setitimer(context: LinuxContext, which: bigint, address: bigint, old: bigint): CallResult {
  const asked = address === 0n ? { value: 0, interval: 0 } : settingAt(context, address, MICROSECONDS);
  if (!asked) return failed(EINVAL);
  const before = intervalTimer(context, signed32(which), asked);
  return old === 0n ? 0n : putSetting(context, old, before, MICROSECOND);
}

function getitimer(context: LinuxContext, which: bigint, address: bigint): CallResult {
  return putSetting(context, address, intervalTimer(context, signed32(which)), MICROSECOND);
}

/** What a struct sigevent asks for; SIGALRM to the process without one. Throws EFAULT, EINVAL. */
function eventAt(context: LinuxContext, address: bigint, id: number): Omit<TimerEvent, 'isRealTime' | 'clock'> {
  if (address === 0n) return { signal: Signal.SIGALRM, value: BigInt(id), thread: undefined };
  const view = viewAt(context, address, EVENT_BYTES);
  const [signal, notify] = [view.getInt32(8, true), view.getInt32(12, true)];
  const event = { signal, value: view.getBigUint64(0, true), thread: undefined };
  if (notify === SIGEV_NONE) return { ...event, signal: 0 };
  if (!isSignal(signal)) throw new LinuxError(EINVAL);
  if (notify === SIGEV_SIGNAL || notify === SIGEV_THREAD) return event;
  if (notify !== SIGEV_THREAD_ID) throw new LinuxError(EINVAL);
  const tid = view.getInt32(16, true);
  const thread = context.process.threads.find((each: Thread) => each.linux!.tid === tid);
  if (!thread) throw new LinuxError(EINVAL);
  return { ...event, thread };
}

function timerCreate(context: LinuxContext, clockArgument: bigint, event: bigint, address: bigint): CallResult {
  const clock = signed32(clockArgument);
  const { timers } = context.linux.signals;
  const runClock = runClockOf(context, clock);
  if (isReadOnlyClock(clock)) return failed(EOPNOTSUPP);
  if (!runClock && !isWaitingClock(clock) && clock !== CLOCK_TAI) return failed(EINVAL);
  if (!canQueue(context.process) || !context.hostMemory.hasRoom(HOST_BYTES.timer)) return failed(EAGAIN);
  let id = 0;
  while (timers.has(id)) id++;
  const timer = new PosixTimer(id, context.process, {
    ...eventAt(context, event, id),
    ...{ isRealTime: isRealClock(clock), clock: runClock },
  });
  put32(context, address, id);
  timers.set(id, timer);
  context.hostMemory.charge('timer');
  return 0n;
}

/** The timer of a number. Throws EINVAL. */
function timerOf({ linux }: LinuxContext, id: bigint): PosixTimer {
  const timer = linux.signals.timers.get(signed32(id));
  if (!timer) throw new LinuxError(EINVAL);
  return timer;
}

function timerSettime(context: LinuxContext, id: bigint, flags: bigint, address: bigint, old: bigint): CallResult {
  if (address === 0n) return failed(EINVAL);
  const asked = settingAt(context, address);
  if (!asked) return failed(EINVAL);
  const timer = timerOf(context, id);
  const { now, system } = context;
  const before = timer.setting(now);
  const isAbsolute = (signed32(flags) & TIMER_ABSTIME) !== 0;
  timer.set(system.jobs.alarms, now, isAbsolute ? relativeSetting(context, asked, timer.event) : asked);
  return old === 0n ? 0n : putSetting(context, old, before);
}

function timerDelete(context: LinuxContext, id: bigint): CallResult {
  const timer = timerOf(context, id);
  timer.cancel(context.system.jobs.alarms);
  context.linux.signals.timers.delete(timer.id);
  context.hostMemory.release('timer');
  return 0n;
}

const whole = { state: 'whole', differs: '' } as const;

export const TIMER_CALLS: readonly LinuxCall[] = [
  { number: 36, name: 'getitimer', parameters: ['which', 'value'], perform: getitimer, ...whole },
  { number: 37, name: 'alarm', parameters: ['seconds'], perform: alarm, ...whole },
  { number: 38, name: 'setitimer', parameters: ['which', 'value', 'old'], perform: setitimer, ...whole },
  { number: 222, name: 'timer_create', parameters: ['clock', 'event', 'timer'], perform: timerCreate, ...whole },
  {
    ...{ number: 223, name: 'timer_settime', parameters: ['timer', 'flags', 'value', 'old'] },
    ...{ perform: timerSettime, ...whole },
  },
  {
    ...{ number: 224, name: 'timer_gettime', parameters: ['timer', 'value'], ...whole },
    perform: (context, id, address) => putSetting(context, address!, timerOf(context, id!).setting(context.now)),
  },
  {
    ...{ number: 225, name: 'timer_getoverrun', parameters: ['timer'], ...whole },
    perform: (context, id) => BigInt(timerOf(context, id!).overrun),
  },
  { number: 226, name: 'timer_delete', parameters: ['timer'], perform: timerDelete, ...whole },
];
