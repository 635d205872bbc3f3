import type { WorkMeter } from '../work-meter.js';
import { Process } from './process.js';
import type { ProcessTable } from './process-table.js';
import { Thread } from './thread.js';

/** What a look at a thread takes, in units of effort. */
const THREAD_EFFORT = 0.1;

/** Where the threads are found that others wait for. */
interface Threads {
  readonly processes: ProcessTable;
  findThread(tid: number): Thread | undefined;
  /** True where some thread waits for the end of this one, or of its process. */
  isAwaited(thread: Thread): boolean;
  /** Where the work is counted. */
  readonly work: WorkMeter;
}

/**
 * Returns true if all of `targets` wait without a deadline for the end of threads and processes that wait, directly or
 * through others, for the end of `waiter`: if `waiter` waited for them, none would ever end.
 */
export function wouldDeadlock(threads: Threads, waiter: Thread, targets: readonly Thread[]): boolean {
  // A circle leads through a thread that waits for `waiter`, which is rare: most calls follow no chain.
  if (!threads.isAwaited(waiter)) return false;
  // Threads already visited count as stuck: a circle without a way out is a deadlock.
  const stuck = new Set([waiter]);
  const toLookAt = [...targets];
  const processes = new Set<Process>();
  for (let thread; (thread = toLookAt.pop());) {
    if (stuck.has(thread)) continue;
    threads.work.add(THREAD_EFFORT);
    const awaited = awaitedForEver(threads, thread);
    if (!awaited) return false;
    stuck.add(thread);
    if (awaited instanceof Thread) toLookAt.push(awaited);
    else if (!processes.has(awaited)) for (const next of awaited.threads) toLookAt.push(next);
    if (awaited instanceof Process) processes.add(awaited);
  }
  return true;
}

/** What has to end before a thread goes on; undefined where something else can make it go on, too. */
function awaitedForEver(threads: Threads, { pending }: Thread): Thread | Process | undefined {
  const { wait, answer } = pending ?? {};
  if (!wait || answer !== undefined || wait.deadline < Infinity) return undefined;
  if (typeof wait.for !== 'object' || wait.for === undefined) return undefined;
  const { kind, number } = wait.for;
  if (kind === 'process') return threads.processes.find(number);
  return kind === 'thread' ? threads.findThread(number) : undefined;
}
