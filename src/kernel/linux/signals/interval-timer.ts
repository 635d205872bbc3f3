import { schema, value } from '../../../state/schema.js';
import type { Alarm, Alarms } from '../../tasks/alarms.js';
import type { Process } from '../../tasks/process.js';
import { LAST_DEADLINE } from '../../tasks/thread.js';

/** A timer of a process that sends it SIGALRM: ITIMER_REAL. Times are in ticks, which are nanoseconds. */
export class IntervalTimer implements Alarm {
  /** @internal */
  static readonly state = schema('interval timer', IntervalTimer, { process: value, deadline: value, interval: value });

  /** Infinity while it is not set. */
  deadline = Infinity;
  /** 0: it rings once. */
  interval = 0;

  constructor(readonly process: Process) {}

  /** Sets it to ring after a time, and then again after each interval; 0: not at all. */
  set(alarms: Alarms, now: number, value: number, interval: number): void {
    alarms.cancel(this);
    this.deadline = value === 0 || now + value > LAST_DEADLINE ? Infinity : now + value;
    this.interval = interval;
    if (this.deadline < Infinity) alarms.set(this);
  }

  /** It has rung. */
  rung(alarms: Alarms, now: number): void {
    const { deadline, interval } = this;
    const passed = interval === 0 ? 0 : Math.floor((now - deadline) / interval) + 1;
    this.set(alarms, now, interval === 0 ? 0 : deadline + passed * interval - now, interval);
  }

  /** Ticks until it rings; 0 while it is not set. */
  left(now: number): number {
    return this.deadline === Infinity ? 0 : Math.max(1, this.deadline - now);
  }
}
