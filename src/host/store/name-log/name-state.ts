/** What the lines of a names log add up to. */

import { createHash } from 'node:crypto';
import type { ContentKind } from '../../../vmo/records/record-store.js';
import { type Line, type LineCopy, type NameProposal, parseLine, readLines } from './name-lines.js';

/** A line that cannot be read. */
export interface BadLine {
  readonly offset: number;
  readonly endOffset: number;
  /** The first bytes there, as text. */
  readonly text: string;
  /** Whether its other copy can be read. */
  hasCopy: boolean;
}

/** What a name stands for, and where in the log that was said. */
export interface NameValue {
  readonly id: string | undefined;
  readonly kind: ContentKind | undefined;
  readonly offset: number;
}

/** Some first lines of a log: how many, and their chained digest. */
export interface LogPrefix {
  /** Names the log: `LogLine.log`; empty for one that an earlier version began. */
  readonly log: string;
  readonly lines: number;
  /** 64 digits. */
  readonly sum: string;
}

/** The last line that was read, of which the other copy may follow: it has as many bytes. */
interface LastLine {
  readonly by: string | undefined;
  readonly bad: BadLine | undefined;
  readonly bytes: number;
  copies: number;
}

const NO_LINES = '0'.repeat(64);
const BAD_TEXT_BYTES = 512;

/** The names and pins after the lines read so far. */
export class NameState {
  readonly names = new Map<string, NameValue>();
  readonly pinned = new Map<string, ContentKind | undefined>();
  /** Proposals that did not hold, by what their writers called them. */
  readonly refused = new Set<string>();
  bad: BadLine[] = [];
  /** Bytes read so far. */
  readTo = 0;
  private log = '';
  /** By number of lines, their chained digest, and where the last of them begins. */
  private readonly sums = [NO_LINES];
  private readonly offsets = [-1];
  /** The lines that were read: a second copy says nothing new. */
  private readonly taken = new Set<string>();
  private last: LastLine | undefined;

  /**
   * `isIncomplete`: lines are known to be missing, so a proposal may have held even though what it replaced is not there any more.
   */
  constructor(private readonly isIncomplete = false) {}

  /** All lines read so far. */
  get prefix(): LogPrefix {
    return { log: this.log, lines: this.sums.length - 1, sum: this.sums.at(-1)! };
  }

  /** Whether the log begins with these lines. */
  beginsWith({ log, lines, sum }: LogPrefix): boolean {
    return this.log === log && this.sums[lines] === sum;
  }

  /** Damage among the first so many lines, or before them; that behind them is none: no line there was acknowledged. */
  badWithin(lines: number): readonly BadLine[] {
    const last = this.offsets[lines] ?? Infinity;
    return this.bad.filter(({ offset }) => offset < last);
  }

  /** Reads what follows `readTo`. */
  read(bytes: Uint8Array): void {
    this.readTo += readLines(bytes, this.readTo, (copy) => {
      const line = copy.text === undefined ? undefined : (parseLine(copy.text) as Line | undefined);
      if (line) this.readWhole(copy, line, copy.text!);
      else this.readBad(copy);
    });
  }

  private readWhole({ offset, bytes }: LineCopy, line: Line, text: string): void {
    const { last } = this;
    if (last?.by === line.by) last.copies++;
    else {
      const isSecond = this.isSecondCopy(bytes.length) && last?.bad !== undefined;
      if (isSecond) last.bad.hasCopy = true;
      this.last = { by: line.by, bad: undefined, bytes: bytes.length, copies: isSecond ? 2 : 1 };
    }
    if (this.taken.has(line.by)) return;
    this.taken.add(line.by);
    this.sums.push(createHash('sha256').update(this.sums.at(-1)!).update(text).digest('hex'));
    this.offsets.push(offset);
    this.take(line, offset);
  }

  private readBad({ offset, bytes }: LineCopy): void {
    const isSecond = this.isSecondCopy(bytes.length);
    const hasCopy = isSecond && this.last?.by !== undefined;
    const bad = {
      offset,
      endOffset: offset + bytes.length,
      text: Buffer.from(bytes.subarray(0, BAD_TEXT_BYTES)).toString(),
      hasCopy,
    };
    this.bad.push(bad);
    this.last = { by: undefined, bad, bytes: bytes.length, copies: isSecond ? 2 : 1 };
  }

  /** Whether a line of so many bytes, of which one copy at least is damaged, is the second of the one before it. */
  private isSecondCopy(bytes: number): boolean {
    return this.last?.copies === 1 && this.last.bytes === bytes;
  }

  private take(line: Line, offset: number): void {
    if ('torn' in line) {
      const [from, to] = line.torn;
      this.bad = this.bad.filter(({ offset, endOffset }) => offset < from || endOffset > to);
    } else if ('log' in line) this.log ||= line.log;
    else if ('pin' in line) {
      if (line.on) this.pinned.set(line.pin, line.kind);
      else this.pinned.delete(line.pin);
    } else if (this.holds(line)) this.names.set(line.name, { id: line.to, kind: line.kind, offset });
    else this.refused.add(line.by);
  }

  /** Whether a name stands for `from`, as far as can be read; or did when the proposal was made, by lines that are lost. */
  private holds({ name, from, seen }: NameProposal): boolean {
    const value = this.names.get(name);
    const since = value?.offset ?? -1;
    if (value?.id === from) return true;
    if (since >= seen) return false;
    return this.isIncomplete || this.bad.some(({ offset }) => since < offset && offset < seen);
  }
}
