import type { ProcessTable } from './process-table.js';
import type { Thread } from './thread.js';

/** Where the threads are found that others wait for. */
interface Threads {
  readonly processes: ProcessTable;
  findThread(tid: number): Thread | undefined;
}

/**
 * True where all of `targets` wait for ever for the end of threads and processes that in their turn wait so for `waiter`,
 * directly or over others: a wait of `waiter` for their end would never come to its own.
 */
export function wouldDeadlock(threads: Threads, waiter: Thread, targets: readonly Thread[]): boolean {
  // Those that are looked at already count as stuck: a circle without a way out is one.
  const stuck = new Set([waiter]);
  const isStuck = (thread: Thread): boolean => {
    if (stuck.has(thread)) return true;
    const awaited = awaitedForEver(threads, thread);
    if (!awaited) return false;
    stuck.add(thread);
    return awaited.every(isStuck);
  };
  return targets.every(isStuck);
}

/** The threads that all have to end before a thread goes on; undefined where something else can make it go on, too. */
function awaitedForEver({ processes, findThread }: Threads, { pending }: Thread): readonly Thread[] | undefined {
  const { wait, answer } = pending ?? {};
  if (!wait || answer !== undefined || wait.deadline < Infinity) return undefined;
  const [kind, number] = wait.for?.split(' ') ?? [];
  if (kind === 'process') return processes.find(Number(number))?.threads;
  if (kind !== 'thread') return undefined;
  const thread = findThread(Number(number));
  return thread && [thread];
}
