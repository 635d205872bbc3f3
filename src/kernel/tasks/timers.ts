import { OrderedList } from '../ordered-list.js';
import type { Thread } from './thread.js';
import { derived, schema, value } from '../../state/schema.js';

interface Timer {
  readonly thread: Thread;
  readonly deadline: number;
  /** Of two with the same deadline, the smaller number is due first. */
  readonly number: number;
}

/** The threads that wait until a tick, by that tick; of those with the same one, the first to wait is the first. */
export class Timers {
  static readonly state = schema(
    'timers',
    Timers,
    {
      ascending: derived('from the timers'),
      byThread: derived('from the timers'),
      made: value,
    },
    {
      isPart: true,
      computed: [
        { name: 'timers', read: ({ ascending }) => [...ascending], write: (timers, list) => timers.refill(list) },
      ],
    },
  );

  private readonly ascending = new OrderedList<Timer>((a, b) => a.deadline - b.deadline || a.number - b.number);
  private readonly byThread = new Map<Thread, Timer>();
  /** Timers made so far. */
  private made = 0;

  /** The first deadline; Infinity for none. */
  get next(): number {
    return this.ascending.first?.deadline ?? Infinity;
  }

  add(thread: Thread, deadline: number): void {
    const timer = { thread, deadline, number: this.made++ };
    this.byThread.set(thread, timer);
    this.ascending.add(timer);
  }

  private refill(timers: readonly Timer[]): void {
    for (const timer of [...this.ascending]) this.ascending.delete(timer);
    this.byThread.clear();
    for (const timer of timers) {
      this.byThread.set(timer.thread, timer);
      this.ascending.add(timer);
    }
  }

  /** No effect for a thread that has none. */
  remove(thread: Thread): void {
    const timer = this.byThread.get(thread);
    if (!timer) return;
    this.byThread.delete(thread);
    this.ascending.delete(timer);
  }

  /** The first threads whose deadlines have come, in their order, at most `most`; they keep their places. */
  due(tick: number, most: number): Thread[] {
    return this.ascending.slice(0, most).flatMap(({ thread, deadline }) => (deadline <= tick ? [thread] : []));
  }

  /** All threads that wait until a tick, and that tick. */
  *[Symbol.iterator](): Generator<Pick<Timer, 'thread' | 'deadline'>, void, undefined> {
    yield* this.ascending;
  }
}
