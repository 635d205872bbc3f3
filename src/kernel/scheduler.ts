import type { StateWriter } from '../state-writer.js';
import type { Thread } from './thread.js';

/** A thread runs so many ticks before the next one has its turn. */
const SLICE_TICKS = 1_000_000;

/**
 * Round robin over the threads that can run. Slices are counted in ticks, not in calls of `run`, so who runs when is the
 * same however the host divides a run.
 */
export class Scheduler {
  /** The tick at which the slice of the thread that runs is over. */
  sliceEnd = 0;
  /** The first one runs. */
  private readonly runnable: Thread[] = [];
  private readonly waiting: Thread[] = [];

  /** The thread whose turn it is. */
  get running(): Thread | undefined {
    return this.runnable[0];
  }

  /** The threads that wait for something, the one that began first at the front. */
  get waiters(): readonly Thread[] {
    return this.waiting;
  }

  /** Takes up a thread that can run, behind the others. */
  add(thread: Thread): void {
    this.runnable.push(thread);
  }

  remove(thread: Thread): void {
    for (const queue of [this.runnable, this.waiting]) if (queue.includes(thread)) take(queue, thread);
  }

  /** Moves a thread among those that wait, or back among those that can run; no effect where it is there already. */
  setWaiting(thread: Thread, waits: boolean): void {
    if (this.waiting.includes(thread) === waits) return;
    const [from, to] = waits ? [this.runnable, this.waiting] : [this.waiting, this.runnable];
    take(from, thread);
    to.push(thread);
  }

  /** The last tick up to which the thread that runs need not be looked at: nobody else can ask for its turn. */
  turnEnd(end: number): number {
    const isAlone = this.runnable.length === 1 && this.waiting.length === 0;
    return isAlone ? end : Math.min(end, this.sliceEnd);
  }

  /** A thread that is alone has run up to a tick: it has had its turn again after each slice before. */
  passSlices(tick: number): void {
    if (tick > this.sliceEnd) this.sliceEnd += Math.ceil((tick - this.sliceEnd) / SLICE_TICKS) * SLICE_TICKS;
  }

  /** True where a slice is to begin: the last one is used up, or nobody has used it. */
  needsSlice(tick: number): boolean {
    return tick >= this.sliceEnd || this.runnable.length === 0;
  }

  /** Gives the next thread its turn. */
  beginSlice(tick: number): void {
    const last = this.runnable.shift();
    if (last) this.runnable.push(last);
    this.sliceEnd = tick + SLICE_TICKS;
  }

  /** Who runs, who waits, in what order. */
  writeState(out: StateWriter): void {
    out.number(this.sliceEnd);
    for (const queue of [this.runnable, this.waiting]) out.numbers(queue.map(({ tid }) => tid));
  }
}

function take(queue: Thread[], thread: Thread): void {
  queue.splice(queue.indexOf(thread), 1);
}
