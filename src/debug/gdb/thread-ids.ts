import { parseCount, parseWord } from './byte-strings.js';

/**
 * All processes of a machine are one process to the debugger, because they share one address space: it has their threads,
 * their images as its libraries, and this pid.
 */
export const GDB_PID = 1;

/** A thread, any thread, or all threads. */
export type ThreadSelection = number | 'any' | 'all';

/**
 * Reads `p1.2`, `p1` or `2`, where -1 means all and 0 any. Undefined if it is malformed or names another process.
 * "Packets" in the manual of gdb, appendix "Remote Protocol".
 */
export function parseThreadId(text: string): ThreadSelection | undefined {
  const parts = /^(?:p(-?[0-9a-f]+)(?:\.(-?[0-9a-f]+))?|(-?[0-9a-f]+))$/i.exec(text);
  if (!parts) return undefined;
  const [, pid, tidInProcess, tidAlone] = parts;
  if (pid !== undefined && pid !== '-1' && parseWord(pid) !== 0n && parseCount(pid) !== GDB_PID) return undefined;
  const tid = tidAlone ?? tidInProcess ?? '-1';
  if (tid === '-1') return 'all';
  const number = parseCount(tid);
  return number === 0 ? 'any' : number;
}

export function threadIdText(tid: number, isMultiprocess: boolean): string {
  const digits = tid.toString(16);
  return isMultiprocess ? `p${GDB_PID.toString(16)}.${digits}` : digits;
}
