import type { Process } from '../tasks/process.js';
import type { ProcessTable } from '../tasks/process-table.js';

/** The exit code of a process that Ctrl-C ended: 128 plus the number of SIGINT. */
export const EXIT_INTERRUPTED = 128 + 2;

/** The process that the terminal's keys are meant for. */
export interface Foreground {
  readonly process: Process;
  /** The host started it, and it waits for no other process. */
  readonly isFirst: boolean;
}

/**
 * The first process that the host started; while one of its threads waits without a deadline for another process to end,
 * that one, and so on. Undefined if no process of the host's is left.
 */
export function foregroundOf(processes: ProcessTable): Foreground | undefined {
  const first = processes.live().find(({ description }) => description.parent === 0);
  if (!first) return undefined;
  let process = first;
  for (const seen = new Set<Process>(); !seen.has(process);) {
    seen.add(process);
    process = awaitedIndefinitely(processes, process) ?? process;
  }
  return { process, isFirst: process === first };
}

function awaitedIndefinitely(processes: ProcessTable, { threads }: Process): Process | undefined {
  for (const { pending } of threads) {
    const { wait, answer } = pending ?? {};
    if (!wait || answer !== undefined || wait.deadline < Infinity) continue;
    const key = wait.for;
    if (typeof key === 'object' && key.kind === 'process') return processes.find(key.number);
  }
  return undefined;
}
