import { schema, value } from '../../../state/schema.js';
import type { Alarms } from '../../tasks/alarms.js';
import type { Process } from '../../tasks/process.js';
import { LAST_DEADLINE } from '../../tasks/thread.js';
import type { Ringer, RingingAlarm, TimerSetting } from './ringing.js';
import { fromKernel } from './signal-info.js';
import { Signal } from './signal.js';

/** A timer of a process that sends it SIGALRM: ITIMER_REAL. */
export class IntervalTimer implements RingingAlarm {
  /** @internal */
  static readonly state = schema('interval timer', IntervalTimer, { process: value, deadline: value, interval: value });

  /** Infinity while it is not set. */
  deadline = Infinity;
  /** 0: it rings once. */
  interval = 0;

  constructor(readonly process: Process) {}

  /** Sets it to ring after a time, and then again after each interval; 0: not at all. */
  set(alarms: Alarms, now: number, { value: first, interval }: TimerSetting): void {
    alarms.remove(this);
    this.deadline = first === 0 || now + first > LAST_DEADLINE ? Infinity : now + first;
    this.interval = interval;
    if (this.deadline < Infinity) alarms.add(this, this.deadline);
  }

  ring({ signals, alarms }: Ringer, now: number): void {
    signals.send(this.process, fromKernel(Signal.SIGALRM));
    const { deadline, interval } = this;
    const passed = interval === 0 ? 0 : Math.floor((now - deadline) / interval) + 1;
    this.set(alarms, now, { value: interval === 0 ? 0 : deadline + passed * interval - now, interval });
  }

  /** Ticks until it rings; 0 while it is not set. */
  setting(now: number): TimerSetting {
    const first = this.deadline === Infinity ? 0 : Math.max(1, this.deadline - now);
    return { value: first, interval: this.interval };
  }
}
