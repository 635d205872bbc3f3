import type { LinuxCall } from './call.js';

/** The calls of Linux. A page loads them when a process first needs them: most of its machines have no such process. */
export interface LinuxCallTable {
  /** By number; undefined until they are loaded. */
  readonly calls: ReadonlyMap<number, LinuxCall> | undefined;
  /** Loads them. Rejects with an Error if they cannot be loaded. */
  load(): Promise<void>;
}
