import { schema, value } from '../../../state/schema.js';
import type { AlarmQueue, RingingAlarm } from '../signals/ringing.js';

const NONE: readonly RingingAlarm[] = [];

/** The time in which a thread has run, or the threads of a process, and the alarms that go by it. */
export class RunClock implements AlarmQueue {
  /** @internal */
  static readonly state = schema('run clock', RunClock, { used: value, alarms: value });

  /** In ticks. */
  used = 0;
  /** Those that are set, in the order in which they were. */
  private readonly alarms: RingingAlarm[] = [];

  /** Ticks that may pass until an alarm rings. */
  get left(): number {
    return this.alarms.reduce((least, { deadline }) => Math.min(least, Math.max(1, deadline - this.used)), Infinity);
  }

  add(alarm: RingingAlarm): void {
    this.alarms.push(alarm);
  }

  /** No effect on one that is not set. */
  remove(alarm: RingingAlarm): void {
    const index = this.alarms.indexOf(alarm);
    if (index >= 0) this.alarms.splice(index, 1);
  }

  /** Time has passed. Takes out the alarms that are to ring. */
  pass(ticks: number): readonly RingingAlarm[] {
    this.used += ticks;
    if (this.alarms.length === 0) return NONE;
    const due = this.alarms.filter(({ deadline }) => deadline <= this.used).sort((a, b) => a.deadline - b.deadline);
    for (const alarm of due) this.remove(alarm);
    return due;
  }
}
