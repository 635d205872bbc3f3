import type { CallResult } from '../../../calls/call.js';
import { signed32, unsigned32, type LinuxCall, type LinuxContext } from '../../call.js';
import { LinuxErrno, failed } from '../../errno.js';
import { IntervalTimer } from '../../signals/interval-timer.js';
import { putFields, viewAt } from '../../user-data.js';

const { EINVAL } = LinuxErrno;

const ITIMER_REAL = 0;
const ITIMERVAL_BYTES = 32;
const SECOND = 1e9;
const MICROSECOND = 1000;
const MICROSECONDS = 1_000_000n;

/** A struct itimerval: value and interval in ticks. */
interface TimerValue {
  readonly value: number;
  readonly interval: number;
}

function timerOf({ linux, process }: LinuxContext): IntervalTimer {
  return (linux.signals.realTimer ??= new IntervalTimer(process));
}

/** Sets the timer; returns what it was. */
function set(context: LinuxContext, { value, interval }: TimerValue): TimerValue {
  const { now, system } = context;
  const timer = timerOf(context);
  const before = { value: timer.left(now), interval: timer.interval };
  timer.set(system.jobs.alarms, now, value, interval);
  return before;
}

/** Undefined for one that is not valid. */
function timerValueAt(context: LinuxContext, address: bigint): TimerValue | undefined {
  const view = viewAt(context, address, ITIMERVAL_BYTES);
  const [interval, value] = [0, 16].map((offset) => {
    const [seconds, microseconds] = [view.getBigInt64(offset, true), view.getBigInt64(offset + 8, true)];
    if (seconds < 0n || microseconds < 0n || microseconds >= MICROSECONDS) return undefined;
    return Number(seconds) * SECOND + Number(microseconds) * MICROSECOND;
  });
  return interval === undefined || value === undefined ? undefined : { interval, value };
}

function putTimerValue(context: LinuxContext, address: bigint, { value, interval }: TimerValue): bigint {
  return putFields(context, address, ITIMERVAL_BYTES, (view) =>
    [interval, value].forEach((ticks, i) => {
      const shown = i === 1 && ticks > 0 ? Math.max(MICROSECOND, ticks) : ticks;
      view.setBigInt64(16 * i, BigInt(Math.floor(shown / SECOND)), true);
      view.setBigInt64(16 * i + 8, BigInt(Math.floor((shown % SECOND) / MICROSECOND)), true);
    }),
  );
}

/** Whole seconds, rounded, and at least one for a timer that is set. */
function alarm(context: LinuxContext, seconds: bigint): CallResult {
  const { value } = set(context, { value: unsigned32(seconds) * SECOND, interval: 0 });
  return BigInt(value > 0 ? Math.max(1, Math.round(value / SECOND)) : 0);
}

function setitimer(context: LinuxContext, which: bigint, address: bigint, old: bigint): CallResult {
  const asked = address === 0n ? { value: 0, interval: 0 } : timerValueAt(context, address);
  if (!asked || signed32(which) !== ITIMER_REAL) return failed(EINVAL);
  const before = set(context, asked);
  return old === 0n ? 0n : putTimerValue(context, old, before);
}

function getitimer(context: LinuxContext, which: bigint, address: bigint): CallResult {
  if (signed32(which) !== ITIMER_REAL) return failed(EINVAL);
  const timer = timerOf(context);
  return putTimerValue(context, address, { value: timer.left(context.now), interval: timer.interval });
}

const real = { state: 'part', differs: 'ITIMER_REAL alone; the others answer EINVAL.' } as const;

export const TIMER_CALLS: readonly LinuxCall[] = [
  { number: 36, name: 'getitimer', parameters: ['which', 'value'], perform: getitimer, ...real },
  { number: 37, name: 'alarm', parameters: ['seconds'], perform: alarm, state: 'whole', differs: '' },
  { number: 38, name: 'setitimer', parameters: ['which', 'value', 'old'], perform: setitimer, ...real },
];
