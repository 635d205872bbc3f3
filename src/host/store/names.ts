/**
 * Names and pins: a log of proposals that is only appended to. Each line proposes that a name stand for `to` if it stands
 * for `from`; the order of the lines in the file decides which ones hold, so that two processes need no lock: both
 * append, both read what they appended, and both see who came first.
 *
 *     \n CRC-32 of the rest, 8 digits ‖ space ‖ JSON ‖ \n       each line stands there twice, one right after the other
 *
 *     {"name","from","to","kind","seen","by"}   `seen`: bytes of the log that had been read when the name was found to stand for `from`
 *     {"pin","on","kind","by"}
 *     {"torn":[from,to],"by"}
 *
 * `kind` is `file` or `tree`. Lines of earlier versions have none: `DiskStore.kindOf` says what those stand for.
 *
 * A line that a full disk or a lost supply has cut off has no end. The next who appends says so by a `torn` line. Any other
 * line that is not what its CRC says is damage: where the other copy is whole, nothing is lost. Where it is not, a name may
 * stand for what it stood for before; the next proposal that was made behind the damage says what it stood for then.
 */

import { crc32 } from 'node:zlib';
import type { ContentKind, NameStore, Reference } from '../../vmo/records/record-store.js';
import { HostError } from '../failure.js';
import { StoreWriteError } from './errors.js';
import { type FileLayer, readAt, readWhole, replaceFile, writeAll } from './file-layer.js';

const NAME_BYTES_MAX = 255;
const ID = /^[0-9a-f]{64}$/;
const NEWLINE = 10;

interface NameProposal {
  readonly name: string;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly kind?: ContentKind | undefined;
  readonly seen: number;
  readonly by: string;
}

interface PinLine {
  readonly pin: string;
  readonly on: boolean;
  readonly kind?: ContentKind | undefined;
  readonly by: string;
}

interface TornLine {
  readonly torn: readonly [number, number];
  readonly by: string;
}

type Line = NameProposal | PinLine | TornLine;

/** A line that cannot be read. */
export interface BadLine {
  readonly offset: number;
  readonly endOffset: number;
  /** What stands there. */
  readonly text: string;
  /** Whether its other copy can be read. */
  hasCopy: boolean;
}

/** What a name stands for, and where in the log that was said. */
interface NameState {
  readonly id: string | undefined;
  readonly kind: ContentKind | undefined;
  readonly offset: number;
}

/** A name with what it stands for. */
export interface NamedReference extends Reference {
  readonly name: string;
}

/** The last line that was read, of which the other copy may follow: it has as many bytes. */
interface LastLine {
  readonly by: string | undefined;
  readonly bad: BadLine | undefined;
  readonly bytes: number;
  copies: number;
}

/** Throws HostError for what is no name: 1 to 255 bytes of UTF-8, parts with `/` between them, no control characters. */
export function requireName(name: string): void {
  const refuse = (why: string): never => {
    throw new HostError(`${JSON.stringify(name)} is not a name: ${why}`, 'invalid');
  };
  const bytes = Buffer.byteLength(name);
  if (bytes < 1 || bytes > NAME_BYTES_MAX) refuse(`it has ${bytes} bytes, not 1 to ${NAME_BYTES_MAX}`);
  if (/[\p{Cc}\p{Cs}]/u.test(name)) refuse('it has control characters or half a character');
  if (name.split('/').some((part) => ['', '.', '..'].includes(part))) refuse('a part is empty, . or ..');
  if (ID.test(name)) refuse('it looks like an identity');
}

/** The names and pins of a store, as this process and others change them. */
export class NameLog implements NameStore {
  private readonly names = new Map<string, NameState>();
  private readonly pinned = new Map<string, ContentKind | undefined>();
  private bad: BadLine[] = [];
  private last: LastLine | undefined;
  /** The lines that were read, each by what its writer called it: the second copy says nothing new. */
  private readonly taken = new Set<string>();
  private identity: string | undefined;
  /** Bytes read so far. */
  private readTo = 0;
  private proposals = 0;
  /** Own proposals that did not hold. */
  private readonly lost = new Set<string>();
  private failure: StoreWriteError | undefined;

  /**
   * `token` names this opening of the store. `beforeChange` makes durable what a name is to stand for, or throws. `kindOf` tells
   * what an identity is for which an earlier version has written no kind.
   */
  constructor(
    private readonly files: FileLayer,
    private readonly path: string,
    private readonly token: string,
    private readonly beforeChange: (id: string | undefined) => void,
    private readonly kindOf: (id: string) => ContentKind,
  ) {}

  get(name: string): string | undefined {
    this.readNew();
    return this.names.get(name)?.id;
  }

  /** What a name stands for; undefined where there is no such name. */
  reference(name: string): Reference | undefined {
    this.readNew();
    const { id, kind } = this.names.get(name) ?? {};
    return id === undefined ? undefined : { id, kind: kind ?? this.kindOf(id) };
  }

  entries(): [string, string][] {
    return this.references().map(({ name, id }) => [name, id]);
  }

  /** All names, ascending, with what they stand for. */
  references(): NamedReference[] {
    this.readNew();
    const named = [...this.names].flatMap(([name, { id, kind }]): NamedReference[] =>
      id === undefined ? [] : [{ name, id, kind: kind ?? this.kindOf(id) }],
    );
    return named.sort(({ name: a }, { name: b }) => (a < b ? -1 : 1));
  }

  pins(): string[] {
    return this.pinnedReferences().map(({ id }) => id);
  }

  /** What is pinned, by ascending identities. */
  pinnedReferences(): Reference[] {
    this.readNew();
    const pinned = [...this.pinned].map(([id, kind]): Reference => ({ id, kind: kind ?? this.kindOf(id) }));
    return pinned.sort(({ id: a }, { id: b }) => (a < b ? -1 : 1));
  }

  compareAndSwap(name: string, expected: string | undefined, next: Reference | undefined): boolean {
    requireName(name);
    for (const id of [expected, next?.id]) if (id !== undefined) requireId(id);
    if (this.get(name) !== expected) return false;
    const by = this.nextProposal();
    this.append({ name, from: expected, to: next?.id, kind: next?.kind, seen: this.readTo, by }, next?.id);
    return !this.lost.delete(by);
  }

  /** Pins what a reference is for, or removes the pin of its identity. Returns whether that changed anything. */
  setPin({ id, kind }: Reference, on: boolean): boolean {
    requireId(id);
    this.readNew();
    if (on ? this.pinned.get(id) === kind : !this.pinned.has(id)) return false;
    this.append({ pin: id, on, kind: on ? kind : undefined, by: this.nextProposal() }, on ? id : undefined);
    return true;
  }

  /** Writes the log anew as what holds now, where most of it is history, and nothing damaged. Nobody else may write meanwhile. */
  compact(): void {
    if (this.damage().length > 0) return;
    const bytes = this.encodeState();
    if (bytes.length * 2 < this.readTo) this.replace(bytes);
  }

  /** Writes a damaged log anew as what holds now, and keeps it as it was at `quarantine`. Nobody else may write meanwhile. */
  repair(quarantine: string): void {
    const bytes = this.encodeState();
    const old = readWhole(this.files, this.path) ?? new Uint8Array(0);
    replaceFile(this.files, quarantine, `${quarantine}.new`, old);
    this.replace(bytes);
  }

  /** Lines that are damaged. */
  damage(): readonly BadLine[] {
    this.readNew();
    return this.bad;
  }

  /** What a user should know of damage; undefined where there is none. */
  get warning(): string | undefined {
    const damage = this.damage();
    if (damage.length === 0) return undefined;
    const isLost = damage.some(({ hasCopy }) => !hasCopy);
    const effect = isLost ? 'names may be missing, or stand for what they stood for before' : 'no name is lost';
    return `'${this.path}' is damaged at byte ${damage[0]!.offset}: ${effect}; bd0 vmo verify tells more`;
  }

  private nextProposal(): string {
    return `${this.token}:${this.proposals++}`;
  }

  /** What holds, as a log. */
  private encodeState(): Buffer {
    const lines: Line[] = this.references().map(({ name, id, kind }) => ({
      ...{ name, to: id, kind },
      ...{ seen: 0, by: this.nextProposal() },
    }));
    for (const { id, kind } of this.pinnedReferences())
      lines.push({ pin: id, on: true, kind, by: this.nextProposal() });
    return Buffer.concat(lines.map(encodeLine));
  }

  private replace(bytes: Uint8Array): void {
    try {
      replaceFile(this.files, this.path, `${this.path}.new`, bytes);
    } catch (error) {
      throw new StoreWriteError(this.path, error);
    }
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
    this.readNew();
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
    this.taken.clear();
    this.bad = [];
    this.last = undefined;
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
      if (line) this.read(line, offset + at, text.length);
      else if (end < 0) return at;
      else if (text.length > 0) this.readBad(offset + at, text);
      at = end < 0 ? bytes.length : end + 1;
    }
    return at;
  }

  private read(line: Line, offset: number, bytes: number): void {
    const { last } = this;
    if (last?.by === line.by) last.copies++;
    else {
      const isSecond = this.isSecondCopy(bytes) && last?.bad !== undefined;
      if (isSecond) last.bad.hasCopy = true;
      this.last = { by: line.by, bad: undefined, bytes, copies: isSecond ? 2 : 1 };
    }
    if (this.taken.has(line.by)) return;
    this.taken.add(line.by);
    this.take(line, offset);
  }

  private readBad(offset: number, text: Uint8Array): void {
    const isSecond = this.isSecondCopy(text.length);
    const hasCopy = isSecond && this.last?.by !== undefined;
    const bad = { offset, endOffset: offset + text.length, text: Buffer.from(text).toString(), hasCopy };
    this.bad.push(bad);
    this.last = { by: undefined, bad, bytes: text.length, copies: isSecond ? 2 : 1 };
  }

  /** Whether a line of so many bytes, of which one copy at least is damaged, is the second of the one before it. */
  private isSecondCopy(bytes: number): boolean {
    return this.last?.copies === 1 && this.last.bytes === bytes;
  }

  private take(line: Line, offset: number): void {
    if ('torn' in line) {
      const [from, to] = line.torn;
      this.bad = this.bad.filter(({ offset, endOffset }) => offset < from || endOffset > to);
    } else if ('pin' in line) {
      if (line.on) this.pinned.set(line.pin, line.kind);
      else this.pinned.delete(line.pin);
    } else if (this.holds(line)) this.names.set(line.name, { id: line.to, kind: line.kind, offset });
    else if (line.by.startsWith(`${this.token}:`)) this.lost.add(line.by);
  }

  /** Whether a name stands for `from`, as far as can be read; or did when the proposal was made, by what is damaged now. */
  private holds({ name, from, seen }: NameProposal): boolean {
    const state = this.names.get(name);
    const since = state?.offset ?? -1;
    return state?.id === from || this.bad.some(({ offset }) => since < offset && offset < seen && since < seen);
  }
}

function requireId(id: string): void {
  if (!ID.test(id)) throw new HostError(`${JSON.stringify(id)} is not an identity: 64 hexadecimal digits`, 'invalid');
}

function encodeLine(line: Line): Buffer {
  const text = JSON.stringify(line);
  return Buffer.from(`\n${checksum(Buffer.from(text))} ${text}\n`.repeat(2));
}

function decodeLine(bytes: Uint8Array): Line | undefined {
  const text = Buffer.from(bytes).toString();
  const json = text.slice(9);
  return text[8] === ' ' && text.slice(0, 8) === checksum(bytes.subarray(9)) ? (JSON.parse(json) as Line) : undefined;
}

function checksum(bytes: Uint8Array): string {
  return crc32(bytes).toString(16).padStart(8, '0');
}
