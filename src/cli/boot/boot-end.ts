import { writeToStderr } from '../../host/console/host-output.js';
import { boardEnd, type RecordedEnd } from '../../index.js';
import { EXIT_LIMIT } from '../failure.js';
import type { BootEnd } from './board-run.js';

/** The exit code of a run that ended, and what there is to say about it. */
export interface BootResult {
  readonly exitCode: number;
  readonly why?: string;
}

/** Prints why the run ended, unless the kernel ended it by its exit port. Returns the exit code. */
export function reportEnd(end: BootEnd): number {
  const { exitCode, why } = resultOf(end);
  if (why !== undefined) writeToStderr(`bd0: ${why}`);
  return exitCode;
}

/** How a run ended, for its recording. */
export function recordedBootEnd(end: BootEnd): Omit<RecordedEnd, 'tick'> {
  const { exitCode, why } = resultOf(end);
  if (end.kind === 'exit') return { what: `the kernel ended the run with exit code ${exitCode}`, exitCode };
  if (end.kind === 'quit') return { what: 'stopped by Ctrl-A x', exitCode: undefined };
  return { what: why ?? `ended by signal ${exitCode - 128}`, exitCode: undefined };
}

export function resultOf(end: BootEnd): BootResult {
  switch (end.kind) {
    case 'exit':
      return { exitCode: end.code };
    case 'reset':
    case 'off':
    case 'halted':
      return boardEnd(end);
    case 'idle':
      return { exitCode: EXIT_LIMIT, why: 'the processor waits for an interrupt, and none will come' };
    case 'limit':
      return { exitCode: EXIT_LIMIT, why: 'stopped: instructions (--max-instructions)' };
    case 'time':
      return { exitCode: EXIT_LIMIT, why: `stopped: ${end.what}` };
    case 'signal':
      return { exitCode: 128 + end.signal };
    case 'quit':
      return { exitCode: 0 };
  }
}
