import { schema, value } from '../../state/schema.js';

/** Something that happens at a tick, whatever threads do. Its class describes its state. */
export interface Alarm {
  /** Must not change while the alarm is set. */
  readonly deadline: number;
}

/** Alarms that are set, in the order in which they were. */
export class Alarms {
  static readonly state = schema('alarms', Alarms, { alarms: value, first: value }, { isPart: true });

  private readonly alarms = new Set<Alarm>();
  private first = Infinity;

  /** The first deadline; Infinity for none. */
  get next(): number {
    return this.first;
  }

  set(alarm: Alarm): void {
    this.alarms.add(alarm);
    this.first = Math.min(this.first, alarm.deadline);
  }

  /** No effect on one that is not set. */
  cancel(alarm: Alarm): void {
    if (this.alarms.delete(alarm)) this.findFirst();
  }

  /** Takes out those whose deadlines have come. */
  take(tick: number): Alarm[] {
    const due = [...this.alarms].filter(({ deadline }) => deadline <= tick);
    for (const alarm of due) this.alarms.delete(alarm);
    this.findFirst();
    return due.sort((a, b) => a.deadline - b.deadline);
  }

  private findFirst(): void {
    this.first = Infinity;
    for (const { deadline } of this.alarms) this.first = Math.min(this.first, deadline);
  }
}
