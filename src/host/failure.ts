/** Errors of the host library: one line that says what, where and what to do, with a code for programs. */

import { getSystemErrorMap } from 'node:util';

/**
 * The kind of a failure:
 *
 * - `not-found`: no file, name or identity of that name
 * - `no-store`: the directory holds no store, or one of another version
 * - `not-runnable`: an image that is no regular file, or cannot be read
 * - `busy`: another process holds the store, and did not let go in time
 * - `invalid`: a name, identity, listing, file or directory that is not of the required form
 * - `ambiguous`: the beginning of several identities
 * - `damaged`: content that the store must have is missing or altered
 * - `system`: the operating system refused; the message says why
 */
export type HostErrorCode =
  'not-found' | 'no-store' | 'not-runnable' | 'busy' | 'invalid' | 'ambiguous' | 'damaged' | 'system';

/** A failure that the caller can do something about. `message` is one line. */
export class HostError extends Error {
  override readonly name: string = 'HostError';

  constructor(
    message: string,
    readonly code: HostErrorCode,
  ) {
    super(message);
  }
}

/** An error of the operating system under Node, such as ENOENT. */
export interface SystemError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  /** The file, where it is known. */
  path?: string | undefined;
}

/** Whether Node threw it for the operating system. */
export function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string';
}

/** Reasons that Node words for programmers. */
const REASONS: Readonly<Record<string, string>> = { EISDIR: 'it is a directory', EBADF: 'it is not open' };

/** The operating system's words for an error: `no such file or directory`. */
export function systemReason(error: SystemError): string {
  return REASONS[error.code] ?? getSystemErrorMap().get(error.errno)?.[1] ?? error.message;
}

/** What was tried, by the name of the system call. */
const ACTIONS: Readonly<Record<string, string>> = {
  scandir: 'list',
  mkdir: 'make the directory',
  unlink: 'delete',
  rename: 'replace',
  stat: 'look at',
  fstat: 'look at',
  fsync: 'write',
};

/** An error of the operating system as one line: what could not be done, to which file, and why. */
export function describeSystemError(error: SystemError): string {
  const { syscall, path } = error;
  if (path === undefined) return `${syscall} failed: ${systemReason(error)}`;
  return `cannot ${ACTIONS[syscall] ?? syscall} '${path}': ${systemReason(error)}`;
}

/** The HostError for a failed action on a file: `not-found` for ENOENT, else `code`. Any other error is returned as it is. */
export function fileFailure(doing: string, path: string, error: unknown, code: HostErrorCode = 'system'): unknown {
  if (!isSystemError(error)) return error;
  return new HostError(
    `cannot ${doing} '${path}': ${systemReason(error)}`,
    error.code === 'ENOENT' ? 'not-found' : code,
  );
}

/** Does something to a file. Throws the HostError of `fileFailure` where the operating system refuses. */
export function onFile<T>(doing: string, path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw fileFailure(doing, path, error);
  }
}
