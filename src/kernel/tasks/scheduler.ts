import type { Alarm } from './alarms.js';
import { Deadlines } from './deadlines.js';
import type { Thread } from './thread.js';
import { schema, value } from '../../state/schema.js';

/** A thread runs so many ticks before the next one has its turn. */
const SLICE_TICKS = 1_000_000;
/** The kernel's work for it uses up so many, a unit of effort, that none keeps the others waiting for long. */
const SLICE_TICKS_PER_EFFORT = 250;

/**
 * Round robin over the threads that can run, and who waits until when. Slices are counted in ticks, not in calls of `run`,
 * so who runs when is the same however the host divides a run.
 */
export class Scheduler {
  static readonly state = schema(
    'scheduler',
    Scheduler,
    {
      switches: value,
      turn: value,
      sliceEnd: value,
      lastTid: value,
      ready: value,
      timers: value,
      readers: value,
      listeners: value,
      held: value,
      alarms: value,
    },
    { isPart: true },
  );

  /** Number of context switches. */
  switches = 0;
  private turn: Thread | undefined;
  /** The tick at which the slice of the thread that runs is over. */
  private sliceEnd = 0;
  private lastTid = 0;
  /** Those that can run, and do not, in the order of their turns. */
  private readonly ready: Thread[] = [];
  private readonly timers = new Deadlines<Thread>();
  /** Those that wait for input, in the order in which they began to: they ask again at the start of each slice. */
  private readonly readers = new Set<Thread>();
  /** Those that are woken when there is input: they do not ask. */
  private readonly listeners = new Set<Thread>();
  /** Those that could run, but whose processes are stopped. */
  private readonly held = new Set<Thread>();

  /** What happens at a tick besides. */
  readonly alarms = new Deadlines<Alarm>();

  /** The thread whose turn it is. */
  get running(): Thread | undefined {
    return this.turn;
  }

  /** The threads that wait for input, the one that began first at the front. */
  get waitingForInput(): ReadonlySet<Thread> {
    return this.readers;
  }

  /** Whether input would wake somebody who does not ask for it. */
  get awaitsInput(): boolean {
    return this.listeners.size > 0;
  }

  /** The first tick at which a thread gives up waiting; Infinity for none. */
  get nextDeadline(): number {
    return Math.min(this.timers.next, this.alarms.next);
  }

  /** Adds a runnable thread at the end of the queue. */
  add(thread: Thread): void {
    this.ready.push(thread);
  }

  /** Forgets a thread. */
  remove(thread: Thread): void {
    if (this.turn === thread) this.turn = undefined;
    else take(this.ready, thread);
    this.forgetWait(thread);
    this.held.delete(thread);
  }

  /** Forgets threads, at the cost of looking once at all. */
  removeAll(threads: ReadonlySet<Thread>): void {
    if (this.turn && threads.has(this.turn)) this.turn = undefined;
    const left = this.ready.filter((thread) => !threads.has(thread));
    this.ready.length = 0;
    for (const thread of left) this.ready.push(thread);
    for (const thread of threads) {
      this.forgetWait(thread);
      this.held.delete(thread);
    }
  }

  /** A thread that can run does not, until it is released. */
  hold(thread: Thread): void {
    this.remove(thread);
    this.held.add(thread);
  }

  /** A thread that was held can run again, behind the others. No effect on others. */
  release(thread: Thread): void {
    if (this.held.delete(thread)) this.ready.push(thread);
  }

  /** Makes the running thread wait, until a tick or indefinitely. */
  wait(thread: Thread, deadline: number, forInput: boolean): void {
    if (this.turn === thread) this.turn = undefined;
    else take(this.ready, thread);
    if (deadline < Infinity) this.timers.add(thread, deadline);
    if (forInput) this.readers.add(thread);
  }

  /** A thread that waits is woken by input too. */
  awaitInput(thread: Thread): void {
    this.listeners.add(thread);
  }

  /** Makes a waiting thread runnable, at the end of the queue. */
  wake(thread: Thread): void {
    this.forgetWait(thread);
    this.ready.push(thread);
  }

  /** The first threads whose deadlines have come, in their order, at most `most`; they still wait. */
  due(tick: number, most: number): Thread[] {
    return this.timers.due(tick, most);
  }

  /** The tick up to which the running thread keeps its turn: until then no other can become runnable. */
  turnEnd(end: number): number {
    const isAlone = this.ready.length === 0 && this.readers.size === 0 && this.listeners.size === 0;
    return Math.min(end, this.nextDeadline, isAlone ? Infinity : this.sliceEnd);
  }

  /** A thread that is alone has run up to a tick: it has had its turn again after each slice before. */
  passSlices(tick: number): void {
    if (tick > this.sliceEnd) this.sliceEnd += Math.ceil((tick - this.sliceEnd) / SLICE_TICKS) * SLICE_TICKS;
  }

  /** Returns true if a slice is due: the last one is used up, or no thread has it. */
  needsSlice(tick: number): boolean {
    return this.turn === undefined || tick >= this.sliceEnd;
  }

  /** Gives the next thread its turn: the one that ran, where there is no other. */
  beginSlice(tick: number): void {
    if (this.turn) this.ready.push(this.turn);
    this.turn = this.ready.shift();
    // If no thread runs, the number of calls by the host leaves no trace.
    this.sliceEnd = this.turn ? tick + SLICE_TICKS : 0;
    if (!this.turn || this.turn.tid === this.lastTid) return;
    this.switches++;
    this.lastTid = this.turn.tid;
  }

  /** Gives a thread that can run its turn before all others. */
  giveTurn(thread: Thread, tick: number): void {
    if (this.turn === thread) return;
    const place = this.ready.indexOf(thread);
    if (place < 0) throw new RangeError(`thread ${thread.tid} cannot run`);
    this.ready.splice(place, 1);
    this.ready.unshift(thread);
    this.beginSlice(tick);
  }

  /** The thread that runs gives up the rest of its slice. */
  yield(tick: number): void {
    this.sliceEnd = tick;
  }

  /** The kernel has worked for the thread that runs. */
  shortenSlice(effort: number): void {
    if (this.turn) this.sliceEnd -= Math.ceil(effort * SLICE_TICKS_PER_EFFORT);
  }

  private forgetWait(thread: Thread): void {
    this.timers.remove(thread);
    this.readers.delete(thread);
    this.listeners.delete(thread);
  }
}

function take(queue: Thread[], thread: Thread): void {
  const index = queue.indexOf(thread);
  if (index >= 0) queue.splice(index, 1);
}
