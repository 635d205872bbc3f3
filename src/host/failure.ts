/** What ends a command of bd0 without a result, and how it is told: one line that says what, where and what to do. */

import { getSystemErrorMap } from 'node:util';

/** Exit codes of bd0's own. A guest's are 0 to 255; 128 + n stands for a signal, in Linux's numbers. */
export const EXIT_LIMIT = 124;
export const EXIT_FAILED = 125;
export const EXIT_NOT_RUNNABLE = 126;
export const EXIT_NOT_FOUND = 127;

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

/** An error of the operating system under Node, such as ENOENT. */
interface SystemError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
}

export function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string';
}

/** What the operating system said, in words: `no such file or directory`. */
export function systemReason(error: SystemError): string {
  return getSystemErrorMap().get(error.errno)?.[1] ?? error.message;
}

/** The failure of something done to a file: 127 where there is none, else `exitCode`. Any other error stays as it is. */
export function fileFailure(doing: string, path: string, error: unknown, exitCode: number = EXIT_FAILED): unknown {
  if (!isSystemError(error)) return error;
  const code = error.code === 'ENOENT' ? EXIT_NOT_FOUND : exitCode;
  return new Failure(`cannot ${doing} '${path}': ${systemReason(error)}`, code);
}

/** The line that tells an error, and the exit code that goes with it. */
export function describeError(error: unknown): { line: string; exitCode: number } {
  if (error instanceof Failure) return { line: `bd0: ${oneLine(error.message)}`, exitCode: error.exitCode };
  if (isSystemError(error))
    return { line: `bd0: ${error.syscall} failed: ${systemReason(error)}`, exitCode: EXIT_FAILED };
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const advice = 'this is a fault of bd0; --log-level debug shows where';
  return { line: `bd0: ${oneLine(what)} (${advice})`, exitCode: EXIT_FAILED };
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}
