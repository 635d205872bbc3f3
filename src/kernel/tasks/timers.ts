import { partitionPoint } from '../../sorted.js';
import type { StateWriter } from '../../state/state-writer.js';
import type { Thread } from './thread.js';

interface Timer {
  readonly thread: Thread;
  readonly deadline: number;
}

/** The threads that wait until a tick, by that tick; of those with the same one, the first to wait is the first. */
export class Timers {
  /** The last one is due first, so that it is taken at no cost. */
  private readonly descending: Timer[] = [];

  /** The first deadline; Infinity for none. */
  get next(): number {
    return this.descending.at(-1)?.deadline ?? Infinity;
  }

  add(thread: Thread, deadline: number): void {
    const { descending } = this;
    const at = partitionPoint(descending.length, (index) => descending[index]!.deadline > deadline);
    descending.splice(at, 0, { thread, deadline });
  }

  /** No effect for a thread that has none. */
  remove(thread: Thread): void {
    const index = this.descending.findIndex((timer) => timer.thread === thread);
    if (index >= 0) this.descending.splice(index, 1);
  }

  /** The threads whose deadlines have come, in their order; they keep their places. */
  due(tick: number): Thread[] {
    const found: Thread[] = [];
    for (let at = this.descending.length - 1; at >= 0 && this.descending[at]!.deadline <= tick; at--)
      found.push(this.descending[at]!.thread);
    return found;
  }

  writeState(out: StateWriter): void {
    out.number(this.descending.length);
    for (const { thread, deadline } of this.descending) out.number(thread.tid).number(deadline);
  }
}
