import { LinuxErrno, LinuxError } from '../errno.js';
import { textOfBytes } from '../files/byte-text.js';

/** What Linux reads of a first line: BINPRM_BUF_SIZE. */
export const LINE_BYTES = 256;

/** The interpreter of a script and its argument, if it has one; undefined for what is no script. Throws LinuxError ENOEXEC. */
export function interpreterOf(start: Uint8Array): string[] | undefined {
  const text = textOfBytes(start);
  if (!text.startsWith('#!')) return undefined;
  const end = text.indexOf('\n');
  // A first line that is longer is cut, where its interpreter at least is whole.
  const line = (end < 0 ? text : text.slice(0, end)).slice(2).replace(/\0.*$/s, '');
  const match = /^[ \t]*([^ \t]+)(?:[ \t]+(.*?))?[ \t]*$/s.exec(line);
  if (!match || (end < 0 && match[2] === undefined && start.length === LINE_BYTES))
    throw new LinuxError(LinuxErrno.ENOEXEC);
  return match[2] ? [match[1]!, match[2]] : [match[1]!];
}
