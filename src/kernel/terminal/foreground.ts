import type { Process } from '../tasks/process.js';
import type { ProcessTable } from '../tasks/process-table.js';

/** The exit code of a process that Ctrl-C ended: 128 plus the number of SIGINT. */
export const EXIT_INTERRUPTED = 128 + 2;

/** How a terminal treats what is typed, where a program of Linux is in the foreground: as its settings say. */
export interface TerminalRules {
  /** Input is read in lines, which are edited and echoed. */
  readonly isLines: boolean;
  /** Keys that send signals when they are typed, read or not. */
  readonly signalKeys: readonly number[];
  /** Ctrl-S and Ctrl-Q suspend and resume output. */
  readonly obeysFlowControl: boolean;
  /** One of these keys was typed. Returns false where nobody takes signals. */
  raise(key: number): boolean;
  /** What is shown of an echo. */
  shown(echo: Uint8Array, key: number): Uint8Array;
}

/** The process that the terminal's keys are meant for. */
export interface Foreground {
  readonly process: Process;
  /** The host started it, and it waits for no other process. */
  readonly isFirst: boolean;
  /** Of a program of Linux. */
  readonly rules?: TerminalRules | undefined;
}

/**
 * The first process that the host started; while one of its threads waits without a deadline for another process to end,
 * that one, and so on. Undefined if no process of the host's is left.
 */
export function foregroundOf(processes: ProcessTable, rules?: TerminalRules): Foreground | undefined {
  const first = processes.live().find(({ description }) => description.parent === 0);
  if (!first) return undefined;
  if (first.linux) return { process: first, isFirst: false, rules };
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
