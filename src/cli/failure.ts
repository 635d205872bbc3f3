/** Failures of a command: the line on stderr and the exit code. */

import { describeSystemError, HostError, isSystemError, type HostErrorCode } from '../host/failure.js';

/** Exit codes of bd0 itself. A guest's are 0 to 255; 128 + n stands for a signal, in Linux's numbers. */
export const EXIT_LIMIT = 124;
export const EXIT_FAILED = 125;
export const EXIT_NOT_RUNNABLE = 126;
export const EXIT_NOT_FOUND = 127;

/** Exit codes of failures of the host library; EXIT_FAILED for all others. */
const EXIT_CODES: Partial<Readonly<Record<HostErrorCode, number>>> = {
  'not-found': EXIT_NOT_FOUND,
  'not-runnable': EXIT_NOT_RUNNABLE,
};

/** A failure that the user can do something about. `message` is one line without `bd0: ` in front of it. */
export class Failure extends Error {
  override readonly name = 'Failure';

  constructor(
    message: string,
    readonly exitCode: number = EXIT_FAILED,
  ) {
    super(message);
  }
}

/** The line on stderr for an error, and its exit code. */
export function describeError(error: unknown): { line: string; exitCode: number } {
  if (error instanceof Failure) return { line: `bd0: ${oneLine(error.message)}`, exitCode: error.exitCode };
  if (error instanceof HostError)
    return { line: `bd0: ${oneLine(error.message)}`, exitCode: EXIT_CODES[error.code] ?? EXIT_FAILED };
  if (isSystemError(error)) return { line: `bd0: ${oneLine(describeSystemError(error))}`, exitCode: EXIT_FAILED };
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const advice = 'this is a fault of bd0; --log-level debug shows where';
  return { line: `bd0: ${oneLine(what)} (${advice})`, exitCode: EXIT_FAILED };
}

/** What --json prints for a failure. */
export function failureAsJson({ line, exitCode }: { line: string; exitCode: number }): {
  error: string;
  exitCode: number;
} {
  return { error: line.replace(/^bd0: /, ''), exitCode };
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}
