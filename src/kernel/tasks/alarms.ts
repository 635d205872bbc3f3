import { OrderedList } from '../ordered-list.js';
import { derived, schema, value } from '../../state/schema.js';

/** Something that happens at a tick, whatever threads do. Its class describes its state. */
export interface Alarm {
  /** Must not change while the alarm is set. */
  readonly deadline: number;
}

interface SetAlarm {
  readonly alarm: Alarm;
  readonly deadline: number;
  /** Of two with the same deadline, the smaller number is due first. */
  readonly number: number;
}

/** Alarms that are set, by their deadlines; of those with the same one, the first to be set is the first. */
export class Alarms {
  static readonly state = schema(
    'alarms',
    Alarms,
    { ascending: derived('from the alarms'), byAlarm: derived('from the alarms'), made: value },
    {
      isPart: true,
      computed: [
        { name: 'alarms', read: ({ ascending }) => [...ascending], write: (alarms, list) => alarms.refill(list) },
      ],
    },
  );

  private readonly ascending = new OrderedList<SetAlarm>((a, b) => a.deadline - b.deadline || a.number - b.number);
  private readonly byAlarm = new Map<Alarm, SetAlarm>();
  /** Alarms set so far. */
  private made = 0;

  /** The first deadline; Infinity for none. */
  get next(): number {
    return this.ascending.first?.deadline ?? Infinity;
  }

  set(alarm: Alarm): void {
    this.add({ alarm, deadline: alarm.deadline, number: this.made++ });
  }

  /** No effect on one that is not set. */
  cancel(alarm: Alarm): void {
    const entry = this.byAlarm.get(alarm);
    if (!entry) return;
    this.byAlarm.delete(alarm);
    this.ascending.delete(entry);
  }

  /** Takes out the first of those whose deadlines have come, at most `most`. */
  take(tick: number, most: number): Alarm[] {
    const due = this.ascending.slice(0, most).filter(({ deadline }) => deadline <= tick);
    for (const { alarm } of due) this.cancel(alarm);
    return due.map(({ alarm }) => alarm);
  }

  private add(entry: SetAlarm): void {
    this.byAlarm.set(entry.alarm, entry);
    this.ascending.add(entry);
  }

  private refill(entries: readonly SetAlarm[]): void {
    for (const entry of [...this.ascending]) this.ascending.delete(entry);
    this.byAlarm.clear();
    for (const entry of entries) this.add(entry);
  }
}
