import type { DebugSession, Process } from '../../index.js';
import type { End } from '../run/run-loop.js';

/** The end of the program, if the session stands there. */
export function endOf({ exitCode }: DebugSession, process: Process): End {
  return exitCode === undefined ? { kind: 'left' } : { kind: 'exited', process, exitCode };
}
