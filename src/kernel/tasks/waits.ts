import type { Process } from './process.js';
import type { Scheduler } from './scheduler.js';
import type { Thread, Wait } from './thread.js';
import { WaitQueues, type WaitKey } from './wait-queues.js';
import { outside, schema, value } from '../../state/schema.js';

/** What threads wait for, and how they come to run again. */
export class Waits {
  static readonly state = schema(
    'waits',
    Waits,
    { queues: value, scheduler: outside('described by the kernel') },
    { isPart: true },
  );

  private readonly queues = new WaitQueues();

  constructor(private readonly scheduler: Scheduler) {}

  /** Makes a runnable thread wait. */
  begin(thread: Thread, wait: Wait): void {
    this.scheduler.wait(thread, wait.deadline, wait.for === 'input');
    if (wait.wantsInput) this.scheduler.awaitInput(thread);
    if (wait.for && wait.for !== 'input') this.queues.add(wait.for, thread);
  }

  /** Cancels a thread's wait, if any. */
  forget(thread: Thread): void {
    const key = thread.pending?.wait?.for;
    if (key && key !== 'input') this.queues.remove(key, thread);
  }

  /** Returns true if some thread waits for the end of this one or of its process. */
  isAwaited({ tid, process }: Thread): boolean {
    return (
      this.queues.has({ kind: 'thread', number: tid }) || this.queues.has({ kind: 'process', number: process.pid })
    );
  }

  /** Lets a thread that waits, if it does, make its call once more when it runs: a signal has come, which may end its process. */
  interrupt(thread: Thread, ends = false): void {
    const { pending } = thread;
    if (!pending?.wait || (pending.wait.isFirm && !ends) || pending.answer !== undefined) return;
    this.forget(thread);
    pending.wait = undefined;
    this.scheduler.wake(thread);
  }

  /** Wakes at most `count` waiting threads in FIFO order. Returns how many. */
  wake(key: WaitKey, answer: bigint, count: number): number {
    const threads = this.queues.take(key, count);
    for (const thread of threads) this.answerLater(thread, answer);
    return threads.length;
  }

  /** Lets at most `count` of those that wait for something wait for something else. Returns how many. */
  requeue(from: WaitKey, to: WaitKey, count: number): number {
    const threads = this.queues.take(from, count);
    for (const thread of threads) {
      const { pending } = thread;
      pending!.wait = { ...pending!.wait!, for: to };
      this.queues.add(to, thread);
    }
    return threads.length;
  }

  /** Wakes all threads that wait for something: their calls are made again when they run. */
  wakeAgain(key: WaitKey): void {
    for (const thread of this.queues.take(key)) {
      thread.pending!.wait = undefined;
      this.scheduler.wake(thread);
    }
  }

  /** Answers those that wait for the end of a process. Its code is kept for its parent, unless a thread of that is one of them. */
  tellEnd({ pid }: Process, exitCode: number, parent: Process | undefined): void {
    const told = this.answerAll({ kind: 'process', number: pid }, exitCode);
    if (!told.some(({ process }) => process === parent) && !parent?.linux) parent?.endedChildren.add(pid, exitCode);
  }

  /** Answers those that wait for the end of a thread. Its code is kept for its process, unless a thread of that is one of them. */
  tellThreadEnd({ tid, process }: Thread, code: number): void {
    const told = this.answerAll({ kind: 'thread', number: tid }, code);
    if (!told.some((waiter) => waiter.process === process)) process.endedThreads.add(tid, code);
  }

  /**
   * Wakes at most `most` threads whose deadlines have passed, in their order; `again` repeats a call that has to check its
   * condition once more. Returns how many.
   */
  passDeadlines(tick: number, most: number, again: (thread: Thread) => void): number {
    const due = this.scheduler.due(tick, most);
    for (const thread of due) {
      // A repeated call may have ended its process, and with it others of these threads.
      if (thread.process.end) continue;
      const wait = thread.pending?.wait;
      // What became of the others may have woken it.
      if (!wait) continue;
      const { late } = wait;
      if (late === undefined) {
        this.forget(thread);
        again(thread);
        continue;
      }
      this.forget(thread);
      this.answerLater(thread, late);
    }
    return due.length;
  }

  private answerAll(key: WaitKey, code: number): readonly Thread[] {
    const threads = this.queues.take(key);
    for (const thread of threads) this.answerLater(thread, BigInt(code));
    return threads;
  }

  /** Makes a waiting thread runnable; its call returns when it runs. */
  private answerLater(thread: Thread, answer: bigint): void {
    thread.pending!.answer = answer;
    this.scheduler.wake(thread);
  }
}
