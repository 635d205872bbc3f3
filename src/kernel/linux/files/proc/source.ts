import type { FileTable } from '../file-table.js';
import type { TracedMemory } from '../../tracing/traced-memory.js';
import type { Place } from '../place.js';

/** What /proc tells of a process. */
export interface ProcProcess {
  readonly pid: number;
  readonly files: FileTable;
  readonly place: Place;
  /** The path of its program, absolute and without symbolic links. */
  readonly program: string;
  /** Strings, each with its NUL. */
  readonly commandLine: Uint8Array;
  readonly environment: Uint8Array;
  /** The auxiliary vector of its program. */
  readonly auxiliary: Uint8Array;
  readonly memory: TracedMemory;
  /** Identifies the program that it runs: another object after execve. */
  readonly run: object;
  readonly isAlive: boolean;
  /** Numbers of its threads. */
  readonly threads: readonly number[];
  /** The text of a file of its directory: status, stat, maps and so on; undefined where there is no such file. */
  text(name: string): string | undefined;
}

/** What /proc is made of. */
export interface ProcSource {
  /** Ascending. */
  readonly pids: readonly number[];
  process(pid: number): ProcProcess | undefined;
  /** The text of a file that is about no process, by its path below /proc; undefined where there is no such file. */
  text(path: string): string | undefined;
}
