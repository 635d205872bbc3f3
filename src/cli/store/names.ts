/**
 * Names and pins: a log of proposals that is only appended to. Each line proposes that a name stand for `to` if it stands
 * for `from`; the order of the lines in the file decides which ones hold, so that two processes need no lock: both
 * append, both read what they appended, and both see who came first.
 *
 *     \n CRC-32 of the rest, 8 digits ‖ space ‖ {"name","from","to","by"} or {"pin","on","by"} or {"torn":[from,to],"by"} ‖ \n
 *
 * A line that a full disk or a lost supply has cut off has no end. The next who appends says so by a `torn` line. Any other
 * line that is not what its CRC says is damage, and then no name is answered: it might be the wrong one.
 */

import type { NameStore } from '../../vmo/record-store.js';
import { Failure } from '../failure.js';
import { crc32 } from './crc32.js';
import { DamagedStoreError, StoreWriteError } from './errors.js';
import { type FileLayer, readAt, replaceFile, writeAll } from './file-layer.js';

const NAME_BYTES_MAX = 255;
const ID = /^[0-9a-f]{64}$/;
const NEWLINE = 10;

interface NameProposal {
  readonly name: string;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly by: string;
}

interface PinLine {
  readonly pin: string;
  readonly on: boolean;
  readonly by: string;
}

interface TornLine {
  readonly torn: readonly [number, number];
  readonly by: string;
}

type Line = NameProposal | PinLine | TornLine;

/** A line that cannot be read. */
interface BadLine {
  readonly offset: number;
  readonly endOffset: number;
}

/** Throws Failure for what is no name: 1 to 255 bytes of UTF-8, parts with `/` between them, no control characters. */
export function requireName(name: string): void {
  const refuse = (why: string): never => {
    throw new Failure(`${JSON.stringify(name)} is not a name: ${why}`);
  };
  const bytes = Buffer.byteLength(name);
  if (bytes < 1 || bytes > NAME_BYTES_MAX) refuse(`it has ${bytes} bytes, not 1 to ${NAME_BYTES_MAX}`);
  if (/[\p{Cc}\p{Cs}]/u.test(name)) refuse('it has control characters or half a character');
  if (name.split('/').some((part) => ['', '.', '..'].includes(part))) refuse('a part is empty, . or ..');
  if (ID.test(name)) refuse('it looks like an identity');
}

/** The names and pins of a store, as this process and others change them. */
export class NameLog implements NameStore {
  private readonly names = new Map<string, string>();
  private readonly pinned = new Set<string>();
  private bad: BadLine[] = [];
  private identity: string | undefined;
  /** Bytes read so far. */
  private readTo = 0;
  private proposals = 0;
  /** Own proposals that did not hold. */
  private readonly lost = new Set<string>();
  private failure: StoreWriteError | undefined;

  /** `token` names this opening of the store. `beforeChange` makes durable what a name is to stand for, or throws. */
  constructor(
    private readonly files: FileLayer,
    private readonly path: string,
    private readonly token: string,
    private readonly beforeChange: (id: string | undefined) => void,
  ) {}

  get(name: string): string | undefined {
    this.refresh();
    return this.names.get(name);
  }

  entries(): [string, string][] {
    this.refresh();
    return [...this.names].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  pins(): string[] {
    this.refresh();
    return [...this.pinned].sort();
  }

  compareAndSwap(name: string, expected: string | undefined, next: string | undefined): boolean {
    requireName(name);
    for (const id of [expected, next]) if (id !== undefined) requireId(id);
    if (this.get(name) !== expected) return false;
    const by = this.nextProposal();
    this.append({ name, from: expected, to: next, by }, next);
    return !this.lost.delete(by);
  }

  /** Pins an identity, or takes its pin away. Answers whether that changed anything. */
  setPin(id: string, on: boolean): boolean {
    requireId(id);
    this.refresh();
    if (this.pinned.has(id) === on) return false;
    this.append({ pin: id, on, by: this.nextProposal() }, on ? id : undefined);
    return true;
  }

  /** Writes the log anew as what holds now, where most of it is history. Nobody else may write meanwhile. */
  compact(): void {
    this.refresh();
    const lines: Line[] = [...this.names].map(([name, to]) => ({ name, to, by: this.nextProposal() }));
    for (const pin of this.pinned) lines.push({ pin, on: true, by: this.nextProposal() });
    const bytes = Buffer.concat(lines.map(encodeLine));
    if (bytes.length * 2 >= this.readTo) return;
    try {
      replaceFile(this.files, this.path, `${this.path}.new`, bytes);
    } catch (error) {
      throw new StoreWriteError(this.path, error);
    }
  }

  /** Lines that are damaged. */
  damage(): readonly BadLine[] {
    this.readNew();
    return this.bad;
  }

  private nextProposal(): string {
    return `${this.token}:${this.proposals++}`;
  }

  private refresh(): void {
    this.readNew();
    const [bad] = this.bad;
    if (bad)
      throw new DamagedStoreError(
        this.path,
        bad.offset,
        'names cannot be trusted; content can still be read by its id',
      );
  }

  private append(line: Line, id: string | undefined): void {
    if (this.failure) throw this.failure;
    this.beforeChange(id);
    try {
      const file = this.files.open(this.path, 'append');
      try {
        const end = this.files.size(file);
        const torn: Line[] = this.readTo < end ? [{ torn: [this.readTo, end], by: this.nextProposal() }] : [];
        writeAll(this.files, file, Buffer.concat([...torn, line].map(encodeLine)));
        this.files.sync(file);
        if (this.identity === undefined) this.files.syncDirectory(this.path.slice(0, this.path.lastIndexOf('/')));
      } finally {
        this.files.close(file);
      }
    } catch (error) {
      throw (this.failure = new StoreWriteError(this.path, error));
    }
    this.refresh();
  }

  /** Reads what was appended since; all of it where the file is another one. */
  private readNew(): void {
    const status = this.files.status(this.path);
    if (status?.identity !== this.identity) this.forget(status?.identity);
    if (!status || status.size <= this.readTo) return;
    const file = this.files.open(this.path, 'read');
    try {
      const bytes = readAt(this.files, file, this.readTo, status.size - this.readTo);
      this.readTo += this.readLines(bytes, this.readTo);
    } finally {
      this.files.close(file);
    }
  }

  private forget(identity: string | undefined): void {
    this.names.clear();
    this.pinned.clear();
    this.bad = [];
    this.readTo = 0;
    this.identity = identity;
  }

  /** Takes in all whole lines. Answers how many bytes they are: one without an end is left, unless only the end is wrong. */
  private readLines(bytes: Uint8Array, offset: number): number {
    let at = 0;
    while (at < bytes.length) {
      const end = bytes.indexOf(NEWLINE, at);
      const text = bytes.subarray(at, end < 0 ? bytes.length : end);
      const line = decodeLine(text) ?? (end < 0 ? decodeLine(text.subarray(0, -1)) : undefined);
      if (line) this.take(line);
      else if (end < 0) return at;
      else if (text.length > 0) this.bad.push({ offset: offset + at, endOffset: offset + end });
      at = end < 0 ? bytes.length : end + 1;
    }
    return at;
  }

  private take(line: Line): void {
    if ('torn' in line) {
      const [from, to] = line.torn;
      this.bad = this.bad.filter(({ offset, endOffset }) => offset < from || endOffset > to);
    } else if ('pin' in line) {
      if (line.on) this.pinned.add(line.pin);
      else this.pinned.delete(line.pin);
    } else if (this.names.get(line.name) !== line.from) {
      if (line.by.startsWith(`${this.token}:`)) this.lost.add(line.by);
    } else if (line.to === undefined) this.names.delete(line.name);
    else this.names.set(line.name, line.to);
  }
}

function requireId(id: string): void {
  if (!ID.test(id)) throw new Failure(`${JSON.stringify(id)} is not an identity: 64 hexadecimal digits`);
}

function encodeLine(line: Line): Buffer {
  const text = JSON.stringify(line);
  return Buffer.from(`\n${checksum(Buffer.from(text))} ${text}\n`);
}

function decodeLine(bytes: Uint8Array): Line | undefined {
  const text = Buffer.from(bytes).toString();
  const json = text.slice(9);
  return text[8] === ' ' && text.slice(0, 8) === checksum(bytes.subarray(9)) ? (JSON.parse(json) as Line) : undefined;
}

function checksum(bytes: Uint8Array): string {
  return crc32(bytes).toString(16).padStart(8, '0');
}
