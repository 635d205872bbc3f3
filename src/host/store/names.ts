/**
 * Names and pins: a log of proposals that is only appended to. Each line proposes that a name stand for `to` if it stands
 * for `from`; the order of the lines in the file decides which ones hold, so that two processes need no lock: both
 * append, both read what they appended, and both see which line came first.
 *
 *     {"log","by"}                              begins a log
 *     {"name","from","to","kind","seen","by"}
 *     {"pin","on","kind","by"}
 *     {"torn":[from,to],"by"}
 *
 * Name-lines.ts describes the lines, anchor.ts what shows that none is missing. A line that a full disk or a lost supply has cut off
 * has no end; the next writer says so by a `torn` line. Any other line that is not what its CRC says is damage: where the other copy
 * is whole, nothing is lost. Where it is not, a name may stand for what it stood for before; the next proposal that was made
 * behind the damage says what it stood for then.
 */

import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import type { ContentKind, NameStore, Reference } from '../../vmo/records/record-store.js';
import { HostError } from '../failure.js';
import { type Anchor, lossOf } from './name-log/anchor.js';
import { StoreWriteError } from './errors.js';
import { type FileLayer, readAt, readWhole, replaceFile, writeAll } from './file-layer.js';
import { encodeLine, type Line } from './name-log/name-lines.js';
import { type BadLine, type LogPrefix, NameState } from './name-log/name-state.js';
import type { Reserve } from './reserve.js';

const NAME_BYTES_MAX = 255;
/** Some 4 million lines, of which garbage collection leaves those that count. */
const LOG_BYTES_MAX = 2 ** 31;
const ID = /^[0-9a-f]{64}$/;

/** A name with what it stands for. */
export interface NamedReference extends Reference {
  readonly name: string;
}

/** What the log needs from its store. */
export interface NameLogOwner {
  /** Names this opening of the store. */
  readonly token: string;
  /** Shows whether the log is whole; undefined in a store of an earlier version. */
  readonly anchor: Anchor | undefined;
  /** Makes room for a line on a full disk. */
  readonly reserve: Reserve;
  /** Whether the store holds anything at all. */
  hasRecords(): boolean;
  /** Makes durable what a name is to stand for, or throws. */
  beforeChange(reference: Reference | undefined): void;
  /** What an identity is for which an earlier version has written no kind; undefined where that cannot be read. */
  kindOf(id: string): ContentKind | undefined;
}

/** Throws HostError for an invalid name. A name has 1 to 255 bytes of UTF-8, parts separated by `/`, no control characters. */
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
  private state = new NameState();
  private identity: string | undefined;
  private proposals = 0;
  /** Whether the names of the files are known to be on the disk. */
  private isInDirectory = false;
  private failure: StoreWriteError | undefined;
  /** What shows that lines are missing, in words. */
  private lostLines: string | undefined;

  constructor(
    private readonly files: FileLayer,
    readonly path: string,
    private readonly owner: NameLogOwner,
  ) {}

  get(name: string): string | undefined {
    this.readNew();
    return this.state.names.get(name)?.id;
  }

  /** The reference of a name; undefined if there is no such name. */
  reference(name: string): Reference | undefined {
    this.readNew();
    const { id, kind } = this.state.names.get(name) ?? {};
    return id === undefined ? undefined : { id, kind: kind ?? this.kindOf(id) };
  }

  entries(): [string, string][] {
    return this.references().map(({ name, id }) => [name, id]);
  }

  /** All names, ascending, with what they stand for. */
  references(): NamedReference[] {
    this.readNew();
    const named = [...this.state.names].flatMap(([name, { id, kind }]): NamedReference[] =>
      id === undefined ? [] : [{ name, id, kind: kind ?? this.kindOf(id) }],
    );
    return named.sort(({ name: a }, { name: b }) => (a < b ? -1 : 1));
  }

  pins(): string[] {
    return this.pinnedReferences().map(({ id }) => id);
  }

  /** The pinned references, by ascending identity. */
  pinnedReferences(): Reference[] {
    this.readNew();
    const pinned = [...this.state.pinned].map(([id, kind]): Reference => ({ id, kind: kind ?? this.kindOf(id) }));
    return pinned.sort(({ id: a }, { id: b }) => (a < b ? -1 : 1));
  }

  compareAndSwap(name: string, expected: string | undefined, next: Reference | undefined): boolean {
    requireName(name);
    for (const id of [expected, next?.id]) if (id !== undefined) requireId(id);
    if (this.get(name) !== expected) return false;
    const by = this.nextLine();
    this.append({ name, from: expected, to: next?.id, kind: next?.kind, seen: this.state.readTo, by }, next);
    return !this.state.refused.has(by);
  }

  /** Pins what a reference is for, or removes the pin of its identity. Returns whether that changed anything. */
  setPin({ id, kind }: Reference, on: boolean): boolean {
    requireId(id);
    this.readNew();
    if (on ? this.state.pinned.get(id) === kind : !this.state.pinned.has(id)) return false;
    this.append({ pin: id, on, kind: on ? kind : undefined, by: this.nextLine() }, on ? { id, kind } : undefined);
    return true;
  }

  /** Begins a log in a store that is being made. Others may do the same at the same time. */
  begin(anchor: Anchor): void {
    // That the files are there is made durable together with `format`.
    this.readDurably(this.write([{ log: newLogName(), by: this.nextLine() }], false));
    anchor.append(this.state.prefix);
  }

  /** Begins an anchor for the log of an earlier version, and writes down what names and pins stand for as far as can be read. */
  upgrade(anchor: Anchor): void {
    this.readNew();
    const lines: Line[] = this.identity === undefined ? [{ log: newLogName(), by: this.nextLine() }] : [];
    for (const [name, { id, kind }] of this.state.names) {
      const found = id === undefined ? undefined : (kind ?? this.owner.kindOf(id));
      if (found === kind) continue;
      lines.push({ name, from: id, to: id, kind: found, seen: this.state.readTo, by: this.nextLine() });
    }
    for (const [pin, known] of this.state.pinned) {
      const kind = known ?? this.owner.kindOf(pin);
      if (kind !== known) lines.push({ pin, on: true, kind, by: this.nextLine() });
    }
    this.readDurably(lines.length > 0 ? this.write(lines) : 0);
    anchor.replace(this.state.prefix);
  }

  /** Rewrites the log without its history, if that is most of it and nothing is damaged. No other process may write. */
  compact(): void {
    if (this.loss() !== undefined || this.damage().length > 0) return;
    const { anchor } = this.owner;
    const bytes = this.encodeState([]);
    if (bytes.length * 2 < this.state.readTo) this.replace(bytes);
    else if (anchor && (anchor.read()?.length ?? 0) > 1) {
      this.guarded(this.path, () => this.readDurably(0));
      this.guarded(anchor.path, () => anchor.replace(this.state.prefix));
    }
  }

  /**
   * Rewrites a damaged log with its current state and the names `recovered`. The old log and its anchor are moved to `quarantine`.
   * No other process may write. Returns their new paths.
   */
  repair(quarantine: string, recovered: readonly NamedReference[]): string[] {
    const { token, anchor } = this.owner;
    const kept: string[] = [];
    for (const path of [this.path, ...(anchor ? [anchor.path] : [])]) {
      const bytes = readWhole(this.files, path);
      if (!bytes) continue;
      const copy = `${quarantine}/${path.slice(path.lastIndexOf('/') + 1)}-${token}`;
      this.guarded(copy, () => replaceFile(this.files, copy, `${copy}.new`, bytes));
      kept.push(copy);
    }
    this.replace(this.encodeState(recovered));
    return kept;
  }

  /** Lines that are damaged. */
  damage(): readonly BadLine[] {
    this.readNew();
    if (this.state.bad.length === 0) return [];
    const said = this.owner.anchor?.read();
    const lines = said?.filter(({ log }) => log === this.state.prefix.log).map(({ lines }) => lines) ?? [];
    const most = Math.max(...lines);
    const isWhole = lines.length > 0 && this.state.prefix.lines >= most;
    return isWhole ? this.state.badWithin(most) : this.state.bad;
  }

  /** How it is known that lines are missing, in words; undefined if the log seems complete. */
  loss(): string | undefined {
    this.readAnew();
    return this.lostLines;
  }

  /** What a user should know of damage; undefined where there is none. */
  get warning(): string | undefined {
    const damage = this.damage();
    const badLine = damage.find(({ hasCopy }) => !hasCopy);
    const isLost = badLine !== undefined || this.lostLines !== undefined;
    const first = badLine ?? (isLost ? undefined : damage[0]);
    const place = first ? `at byte ${first.offset}` : this.lostLines && `(${this.lostLines})`;
    if (place === undefined) return undefined;
    const effect = isLost ? 'names may be missing or refer to older content' : 'no name is lost';
    return `'${this.path}' is damaged ${place}: ${effect}; bd0 vmo verify shows more`;
  }

  private nextLine(): string {
    return `${this.owner.token}:${this.proposals++}`;
  }

  private kindOf(id: string): ContentKind {
    return this.owner.kindOf(id) ?? 'file';
  }

  /** A new log of what holds, and of `more` names. */
  private encodeState(more: readonly NamedReference[]): Buffer {
    const lines: Line[] = [{ log: newLogName(), by: this.nextLine() }];
    for (const { name, id, kind } of [...this.references(), ...more])
      lines.push({ name, to: id, kind, seen: 0, by: this.nextLine() });
    for (const { id, kind } of this.pinnedReferences()) lines.push({ pin: id, on: true, kind, by: this.nextLine() });
    return Buffer.concat(lines.map(encodeLine));
  }

  /** Replaces the log by another one. In the meantime, the anchor is valid for both. */
  private replace(bytes: Uint8Array): void {
    const { anchor, token } = this.owner;
    const state = new NameState();
    state.read(bytes);
    if (anchor) this.guarded(anchor.path, () => anchor.append(state.prefix));
    this.guarded(this.path, () => replaceFile(this.files, this.path, `${this.path}.${token}.new`, bytes));
    if (anchor) this.guarded(anchor.path, () => anchor.replace(state.prefix));
    this.readAnew();
  }

  private append(line: Line, reference: Reference | undefined): void {
    if (this.failure) throw this.failure;
    const { owner } = this;
    owner.beforeChange(reference);
    try {
      this.guarded(this.path, () => this.readDurably(owner.reserve.use(() => this.write([line]))));
      const { anchor } = owner;
      // While lines are missing the anchor stays as it is, and goes on showing that.
      if (anchor && this.lostLines === undefined)
        this.guarded(anchor.path, () => owner.reserve.use(() => anchor.append(this.state.prefix)));
      // The process that made the files may have been killed before it synchronised their directory.
      if (!this.isInDirectory) this.guarded(this.path, () => this.files.syncDirectory(dirname(this.path)));
      this.isInDirectory = true;
    } catch (error) {
      if (error instanceof StoreWriteError) this.failure = error;
      throw error;
    }
  }

  /**
   * Appends lines, which lie on the disk when it returns. What was cut off before them, or damaged before anything there had been
   * acknowledged, is called torn. Returns how many bytes of the log lie on the disk.
   */
  private write(lines: readonly Line[], isFirst = this.identity === undefined): number {
    const acknowledged = this.damage();
    const file = this.files.open(this.path, 'append');
    try {
      const end = this.files.size(file);
      const { readTo } = this.state;
      const cut = this.state.bad.filter((bad) => !acknowledged.includes(bad));
      const ranges = cut.map(({ offset, endOffset }): [number, number] => [offset, endOffset]);
      if (readTo < end) ranges.push([readTo, end]);
      const torn = ranges.map((torn): Line => ({ torn, by: this.nextLine() }));
      writeAll(this.files, file, Buffer.concat([...torn, ...lines].map(encodeLine)));
      const written = this.files.size(file);
      this.files.sync(file);
      if (isFirst) this.files.syncDirectory(this.path.slice(0, this.path.lastIndexOf('/')));
      return written;
    } finally {
      this.files.close(file);
    }
  }

  /**
   * Reads what was appended since. The log lies on the disk up to byte `durableTo`; lines behind that, which another process has just
   * appended, do when it returns, since the anchor is about to say that they are there.
   */
  private readDurably(durableTo: number): void {
    this.readNew();
    if (this.state.readTo <= durableTo) return;
    const file = this.files.open(this.path, 'append');
    try {
      this.files.sync(file);
    } finally {
      this.files.close(file);
    }
  }

  private guarded<T>(path: string, write: () => T): T {
    try {
      return write();
    } catch (error) {
      throw error instanceof HostError ? error : new StoreWriteError(path, error);
    }
  }

  /** Reads what was appended since; all of it where the file is another one, or has become shorter. */
  private readNew(): void {
    const status = this.files.status(this.path);
    const isSame = status?.identity === this.identity && (status?.size ?? 0) >= this.state.readTo;
    if (!isSame) this.readAnew();
    else if (status && status.size > this.state.readTo) this.readOn(status.size);
  }

  /** Reads all of it, and compares it with its anchor, which is read first: the log never has less than that says. */
  private readAnew(): void {
    const { anchor } = this.owner;
    for (let said = anchor?.read(), isSteady = false; !isSteady;) {
      const status = this.files.status(this.path);
      this.identity = status?.identity;
      this.readAll(status?.size ?? 0, false);
      this.lostLines = this.lossAgainst(said, status !== undefined);
      // The log may have been written anew between the two.
      const now = this.lostLines === undefined ? said : anchor?.read();
      isSteady = JSON.stringify(now) === JSON.stringify(said);
      said = now;
      if (isSteady && this.lostLines !== undefined) this.readAll(status?.size ?? 0, true);
    }
  }

  private lossAgainst(said: readonly LogPrefix[] | undefined, isThere: boolean): string | undefined {
    if (this.owner.anchor) return lossOf(said, this.state, isThere);
    return isThere || !this.owner.hasRecords() ? undefined : 'the file is missing';
  }

  private readAll(size: number, isIncomplete: boolean): void {
    this.state = new NameState(isIncomplete);
    if (size > 0) this.readOn(size);
  }

  private readOn(size: number): void {
    if (size > LOG_BYTES_MAX) throw new HostError(`'${this.path}' has ${size} bytes, more than any log of names; move it away, then bd0 vmo verify --repair`, 'damaged'); // prettier-ignore
    const file = this.files.open(this.path, 'read');
    try {
      const { readTo } = this.state;
      this.state.read(readAt(this.files, file, readTo, size - readTo));
    } finally {
      this.files.close(file);
    }
  }
}

/** A unique name for a log. */
function newLogName(): string {
  return randomBytes(8).toString('hex');
}

function requireId(id: string): void {
  if (!ID.test(id)) throw new HostError(`${JSON.stringify(id)} is not an identity: 64 hexadecimal digits`, 'invalid');
}
