import { schema, value } from '../../../state/schema.js';
import type { Alarms } from '../../tasks/alarms.js';
import type { Process } from '../../tasks/process.js';
import { LAST_DEADLINE, type Thread } from '../../tasks/thread.js';
import type { Ringer, RingingAlarm, TimerSetting } from './ringing.js';
import { ofTimer, type SignalInfo } from './signal-info.js';

/** Most that an overrun is told to be: DELAYTIMER_MAX. */
const OVERRUN_MAX = 2 ** 31 - 1;

/** What timer_create(2) asks for. */
export interface TimerEvent {
  /** 0: nothing is sent. */
  readonly signal: number;
  readonly value: bigint;
  /** Who gets it; undefined: the process. */
  readonly thread: Thread | undefined;
  readonly isRealTime: boolean;
}

/**
 * A timer that a process has made. One that repeats goes on when its signal is delivered, which tells how often it would have
 * rung until then: kernel/time/posix-timers.c.
 */
export class PosixTimer implements RingingAlarm {
  /** @internal */
  static readonly state = schema('posix timer', PosixTimer, {
    ...{ id: value, process: value, event: value, deadline: value, interval: value, overrun: value, isPending: value },
  });

  /** Infinity while it is not set. */
  deadline = Infinity;
  interval = 0;
  /** Of the signal that was delivered last. */
  overrun = 0;
  /** Its signal was sent, and not delivered yet. */
  isPending = false;

  constructor(
    readonly id: number,
    readonly process: Process,
    readonly event: TimerEvent,
  ) {}

  /** Sets it to ring after a time, and then again after each interval; 0: not at all. */
  set(alarms: Alarms, now: number, { value: first, interval }: TimerSetting): void {
    this.interval = interval;
    this.isPending = false;
    this.start(alarms, first === 0 ? Infinity : now + first);
  }

  /** It is gone, or not set any more. */
  cancel(alarms: Alarms): void {
    alarms.cancel(this);
    this.deadline = Infinity;
  }

  ring({ signals }: Ringer): void {
    const { signal, thread } = this.event;
    if (signal === 0) return;
    this.isPending = true;
    const target = thread && !thread.process.end && thread.process.threads.includes(thread) ? thread : undefined;
    if (!thread || target) signals.sendOf(target ?? this.process, this.info());
  }

  /** Called when its signal is delivered; sets the next one. Returns the siginfo of the signal. */
  delivered(alarms: Alarms, now: number): SignalInfo {
    this.overrun = 0;
    if (this.isPending && this.interval > 0) {
      const passed = this.passed(now);
      this.overrun = Math.min(OVERRUN_MAX, passed - 1);
      this.start(alarms, this.deadline + passed * this.interval);
    }
    this.isPending = false;
    return this.info();
  }

  /** Ticks until it rings next, whether or not its signal was delivered. */
  setting(now: number): TimerSetting {
    const { deadline, interval } = this;
    if (deadline === Infinity) return { value: 0, interval };
    if (deadline > now) return { value: deadline - now, interval };
    return { value: interval === 0 ? 0 : deadline + this.passed(now) * interval - now, interval };
  }

  /** How many intervals have begun since the deadline. */
  private passed(now: number): number {
    return Math.floor((now - this.deadline) / this.interval) + 1;
  }

  private start(alarms: Alarms, deadline: number): void {
    alarms.cancel(this);
    this.deadline = deadline > LAST_DEADLINE ? Infinity : deadline;
    if (this.deadline < Infinity) alarms.set(this);
  }

  private info(): SignalInfo {
    return { ...ofTimer(this.event.signal, this.id, this.overrun, this.event.value), timer: this };
  }
}
