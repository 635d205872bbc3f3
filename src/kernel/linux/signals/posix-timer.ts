import { schema, value } from '../../../state/schema.js';
import type { Process } from '../../tasks/process.js';
import { LAST_DEADLINE, type Thread } from '../../tasks/thread.js';
import type { Signals } from './signals.js';
import type { RunClock } from '../tasks/run-clock.js';
import type { AlarmQueue, Ringer, RingingAlarm, TimerSetting } from './ringing.js';
import { ofTimer, type SignalInfo } from './signal-info.js';

/** The greatest overrun that is reported: DELAYTIMER_MAX. */
const OVERRUN_MAX = 2 ** 31 - 1;

/** What timer_create(2) asks for. */
export interface TimerEvent {
  /** 0: nothing is sent. */
  readonly signal: number;
  readonly value: bigint;
  /** Who gets it; undefined: the process. */
  readonly thread: Thread | undefined;
  readonly isRealTime: boolean;
  /** The time in which a program has run, that it goes by; undefined: the machine's. */
  readonly clock: RunClock | undefined;
}

/**
 * A timer that a process has made. One that repeats goes on when its signal is delivered, which tells how often it would have
 * rung until then: kernel/time/posix-timers.c.
 */
export class PosixTimer implements RingingAlarm {
  /** @internal */
  static readonly state = schema('posix timer', PosixTimer, {
    ...{ id: value, process: value, event: value, deadline: value, interval: value, overrun: value },
    ...{ isPending: value, isQueued: value, isIgnored: value },
  });

  /** By its clock; Infinity while it is not set. */
  deadline = Infinity;
  interval = 0;
  /** Of the signal that was delivered last. */
  overrun = 0;
  /** It has rung, and its signal was not delivered yet. */
  private isPending = false;
  /** Its signal is in a queue, maybe from before it was set anew. It is there once at most. */
  private isQueued = false;
  /** It rang while its signal was ignored: it goes on when that is not ignored any more. */
  private isIgnored = false;

  constructor(
    readonly id: number,
    readonly process: Process,
    readonly event: TimerEvent,
  ) {}

  /** Sets it to ring after a time, and then again after each interval; 0: not at all. */
  set(alarms: AlarmQueue, now: number, { value: first, interval }: TimerSetting): void {
    this.interval = interval;
    this.isPending = this.isIgnored = false;
    this.start(alarms, first === 0 ? Infinity : this.timeAt(now) + first);
  }

  /** It is gone: what is queued of it is not delivered. */
  cancel(alarms: AlarmQueue): void {
    this.queue(alarms).remove(this);
    this.isPending = this.isIgnored = false;
    this.deadline = Infinity;
  }

  ring({ signals }: Ringer): void {
    if (this.event.signal === 0) return;
    this.isPending = true;
    this.send(signals);
  }

  private send(signals: Signals): void {
    const { thread } = this.event;
    const target = thread && !thread.process.end && thread.process.threads.includes(thread) ? thread : undefined;
    if (!this.isQueued && (!thread || target)) signals.send(target ?? this.process, this.info());
  }

  /** Its signal is in a queue now. */
  queued(): void {
    this.isQueued = true;
    this.isIgnored = false;
  }

  /** Its signal was not queued, or was taken out of its queue, since it is ignored. */
  dropped(): void {
    this.isQueued = false;
    this.isIgnored = this.isPending && this.interval > 0;
  }

  /** Its signal is not ignored any more. */
  unignored(signals: Signals): void {
    if (this.isIgnored) this.send(signals);
  }

  /**
   * Called when its signal is taken out of the queue; sets the next one. Returns the siginfo of the signal; undefined if it is not
   * to be delivered, since the timer was set or deleted after it had rung.
   */
  delivered(alarms: AlarmQueue, now: number): SignalInfo | undefined {
    this.isQueued = false;
    if (!this.isPending) return undefined;
    this.overrun = 0;
    if (this.interval > 0) {
      const passed = this.passed(now);
      this.overrun = Math.min(OVERRUN_MAX, passed - 1);
      this.start(alarms, this.deadline + passed * this.interval);
    }
    this.isPending = false;
    return this.info();
  }

  /** Ticks until it rings next, whether or not its signal was delivered. */
  setting(tick: number): TimerSetting {
    const now = this.timeAt(tick);
    const { deadline, interval } = this;
    if (deadline === Infinity) return { value: 0, interval };
    if (deadline > now) return { value: deadline - now, interval };
    return { value: interval === 0 ? 0 : deadline + this.passed(tick) * interval - now, interval };
  }

  /** How many intervals have begun since the deadline. */
  private passed(tick: number): number {
    return Math.floor((this.timeAt(tick) - this.deadline) / this.interval) + 1;
  }

  private start(alarms: AlarmQueue, deadline: number): void {
    const queue = this.queue(alarms);
    queue.remove(this);
    this.deadline = deadline > LAST_DEADLINE ? Infinity : deadline;
    if (this.deadline < Infinity) queue.add(this, this.deadline);
  }

  /** Where it is set: among the alarms of the machine, unless it goes by another clock. */
  private queue(alarms: AlarmQueue): AlarmQueue {
    return this.event.clock ?? alarms;
  }

  /** The time of its clock at this tick of the machine, which is now. */
  private timeAt(tick: number): number {
    return this.event.clock?.used ?? tick;
  }

  private info(): SignalInfo {
    return { ...ofTimer(this.event.signal, this.id, this.overrun, this.event.value), timer: this };
  }
}
