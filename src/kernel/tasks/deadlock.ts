import type { ProcessTable } from './process-table.js';
import type { Thread } from './thread.js';

/** Where the threads are found that others wait for. */
interface Threads {
  readonly processes: ProcessTable;
  findThread(tid: number): Thread | undefined;
  /** True where some thread waits for the end of this one, or of its process. */
  isAwaited(thread: Thread): boolean;
}

/**
 * True where all of `targets` wait for ever for the end of threads and processes that in their turn wait so for `waiter`,
 * directly or over others: a wait of `waiter` for their end would never come to its own.
 */
export function wouldDeadlock(threads: Threads, waiter: Thread, targets: readonly Thread[]): boolean {
  // A circle would lead over somebody who waits for the waiter, and those who do are few: chains are not followed in vain.
  if (!threads.isAwaited(waiter)) return false;
  // Those that were looked at count as stuck: a circle without a way out is one.
  const stuck = new Set([waiter]);
  const toLookAt = [...targets];
  for (let thread; (thread = toLookAt.pop());) {
    if (stuck.has(thread)) continue;
    const awaited = awaitedForEver(threads, thread);
    if (!awaited) return false;
    stuck.add(thread);
    for (const next of awaited) toLookAt.push(next);
  }
  return true;
}

/** The threads that all have to end before a thread goes on; undefined where something else can make it go on, too. */
function awaitedForEver({ processes, findThread }: Threads, { pending }: Thread): readonly Thread[] | undefined {
  const { wait, answer } = pending ?? {};
  if (!wait || answer !== undefined || wait.deadline < Infinity) return undefined;
  if (typeof wait.for !== 'object' || wait.for.kind === 'word') return undefined;
  const { kind, number } = wait.for;
  if (kind === 'process') return processes.find(number)?.threads;
  const thread = findThread(number);
  return thread && [thread];
}
