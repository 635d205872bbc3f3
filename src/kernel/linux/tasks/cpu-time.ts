import { schema, value } from '../../../state/schema.js';
import type { TimerSetting } from '../signals/ringing.js';
import { Signal } from '../signals/signal.js';
import { RunClock } from './run-clock.js';

/** Timers that count the time of a process: ITIMER_VIRTUAL and ITIMER_PROF, which differ in their signals alone. */
export const CPU_TIMERS = { virtual: Signal.SIGVTALRM, profiling: Signal.SIGPROF } as const;
export type CpuTimerName = keyof typeof CPU_TIMERS;

interface CpuTimer {
  /** The time used at which it rings; Infinity while it is not set. */
  readonly end: number;
  readonly interval: number;
}

const NOT_SET: CpuTimer = { end: Infinity, interval: 0 };

/** The time in which threads of a process and its children have run, in ticks, and the timers of setitimer(2) that count it. */
export class CpuTime {
  /** @internal */
  static readonly state = schema('cpu time', CpuTime, {
    clock: value,
    ofChildren: value,
    virtual: value,
    profiling: value,
  });

  /** Of the threads of the process. */
  readonly clock = new RunClock();
  /** Of children that were waited for, and theirs. */
  ofChildren = 0;
  private virtual = NOT_SET;
  private profiling = NOT_SET;

  get used(): number {
    return this.clock.used;
  }

  /** Ticks that may pass until a timer or an alarm of the clock rings. */
  get left(): number {
    return Math.min(this.clock.left, Math.max(1, Math.min(this.virtual.end, this.profiling.end) - this.used));
  }

  set(name: CpuTimerName, { value: first, interval }: TimerSetting): void {
    this[name] = { end: first === 0 ? Infinity : this.used + first, interval };
  }

  setting(name: CpuTimerName): TimerSetting {
    const { end, interval } = this[name];
    return { value: end === Infinity ? 0 : Math.max(1, end - this.used), interval };
  }

  /** Time has passed on the clock. Returns the signals of the timers that have rung. */
  takeRung(): readonly number[] {
    if (this.used < this.virtual.end && this.used < this.profiling.end) return [];
    return (Object.keys(CPU_TIMERS) as CpuTimerName[])
      .filter((name) => this.rings(name))
      .map((name) => CPU_TIMERS[name]);
  }

  private rings(name: CpuTimerName): boolean {
    const { end, interval } = this[name];
    if (this.used < end) return false;
    const passed = interval === 0 ? 0 : Math.floor((this.used - end) / interval) + 1;
    this[name] = { end: interval === 0 ? Infinity : end + passed * interval, interval };
    return true;
  }
}
