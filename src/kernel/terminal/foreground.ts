import type { Process } from '../tasks/process.js';
import type { ProcessTable } from '../tasks/process-table.js';

/** The exit code of a process that Ctrl-C has ended: 128 and the number of SIGINT. */
export const EXIT_INTERRUPTED = 128 + 2;

/** Who a person at the terminal has to do with. */
export interface Foreground {
  readonly process: Process;
  /** The host has started it, and it waits for no other process. */
  readonly isFirst: boolean;
}

/**
 * The first process that the host has started; and as long as one of its threads waits for ever for the end of another
 * process, that one, and so on. Undefined where no process of the host's is left.
 */
export function foregroundOf(processes: ProcessTable): Foreground | undefined {
  const first = processes.live().find(({ description }) => description.parent === 0);
  if (!first) return undefined;
  let process = first;
  for (const seen = new Set<Process>(); !seen.has(process);) {
    seen.add(process);
    process = awaitedForEver(processes, process) ?? process;
  }
  return { process, isFirst: process === first };
}

function awaitedForEver(processes: ProcessTable, { threads }: Process): Process | undefined {
  for (const { pending } of threads) {
    const { wait, answer } = pending ?? {};
    if (!wait || answer !== undefined || wait.deadline < Infinity) continue;
    const key = wait.for;
    if (typeof key === 'object' && key.kind === 'process') return processes.find(key.number);
  }
  return undefined;
}
