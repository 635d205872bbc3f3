/**
 * The anchor of the names log: a second file that says with how many lines the log begins, and their chained digest. A line is
 * acknowledged once the anchor covers it, so a log that is missing, cut, older or lacks lines does not begin as its anchor says.
 *
 *     {"log","lines","sum","by"}      in lines as those of the log; only appended to, but for garbage collection
 *
 * The log may have more lines: those whose writer has not appended to the anchor yet, or was killed before it did. None of them was
 * acknowledged, so that whatever a lost supply leaves behind the lines of the anchor, such as zeros, is no damage. While the log is
 * written anew, the anchor holds for the old one and the new one.
 */

import type { FileLayer } from '../file-layer.js';
import { readWhole, replaceFile, writeAll } from '../file-layer.js';
import { encodeLine, parseLine, readLines } from './name-lines.js';
import type { LogPrefix, NameState } from './name-state.js';

export class Anchor {
  private lines = 0;

  constructor(
    private readonly files: FileLayer,
    readonly path: string,
    private readonly token: string,
  ) {}

  /** What it says; undefined where there is no file. */
  read(): LogPrefix[] | undefined {
    const bytes = readWhole(this.files, this.path);
    if (!bytes) return this.files.status(this.path) ? [] : undefined;
    const prefixes: LogPrefix[] = [];
    readLines(bytes, 0, ({ text }) => {
      const prefix = text === undefined ? undefined : parseLine(text);
      if (isPrefix(prefix)) prefixes.push(prefix);
    });
    return prefixes;
  }

  /** Says that a log begins with these lines, which lie on the disk. Durable when it returns. */
  append(prefix: LogPrefix): void {
    const file = this.files.open(this.path, 'append');
    try {
      writeAll(this.files, file, this.encode(prefix));
      this.files.sync(file);
    } finally {
      this.files.close(file);
    }
  }

  /** Says that only, and nothing of other logs. Durable when it returns: what is appended then must not be lost with the file. */
  replace(prefix: LogPrefix): void {
    replaceFile(this.files, this.path, `${this.path}.${this.token}.new`, this.encode(prefix));
  }

  private encode(prefix: LogPrefix): Buffer {
    return encodeLine({ ...prefix, by: `${this.token}:${this.lines++}` });
  }
}

function isPrefix(line: object | undefined): line is LogPrefix {
  const { log, lines, sum } = (line ?? {}) as Partial<Record<keyof LogPrefix, unknown>>;
  return typeof log === 'string' && Number.isSafeInteger(lines) && (lines as number) >= 0 && typeof sum === 'string';
}

/** What shows that a log is not whole, in words; undefined where it begins as its anchor says. `said` was read before the log was. */
export function lossOf(said: readonly LogPrefix[] | undefined, state: NameState, isThere: boolean): string | undefined {
  const { log, lines } = state.prefix;
  if (!isThere) return 'the file is missing';
  if (!said) return 'the file that shows whether it is whole, names.anchor, is missing';
  const own = said.filter((prefix) => prefix.log === log);
  if (own.length === 0) return 'it is another log than the one that names.anchor is for';
  const most = Math.max(...own.map((prefix) => prefix.lines));
  if (lines < most) return `it has ${lines} of at least ${most} lines`;
  return own.every((prefix) => state.beginsWith(prefix)) ? undefined : 'lines of it are missing or altered';
}
