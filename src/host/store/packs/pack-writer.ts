import { StoreWriteError } from '../errors.js';
import { type FileLayer, writeAll } from '../file-layer.js';
import { GroupBuilder } from './group-builder.js';
import { encodeHeader, encodeMarks, HEADER_BYTES, Kind, PACK_MAGIC } from './pack-format.js';
import type { IndexedGroup, PackIndex } from './pack-index.js';

/** Bytes that gather before they are written. */
const BUFFER_BYTES = 2 ** 20;

/** Bytes after which a pack is closed and another one begun. */
const PACK_BYTES_MAX = 2 ** 26;

/** A group of which is not known yet where it will lie has an offset from here on. */
const UNWRITTEN = 2 ** 31;

/** Most groups that wait to be encoded; beyond that, `put` encodes them itself. */
const WAITING_MAX = 48;
/** Groups that may still wait after other threads were given time to encode. */
const WAITING_AFTER_EASE = 16;

/** The order of groups by kind: a node is written after the records below it. */
const ORDER: readonly Kind[] = [Kind.code, Kind.leaf, Kind.node, Kind.root];

/** A group that has no place yet, with what stands for one. */
interface UnwrittenGroup {
  readonly offset: number;
  readonly group: GroupBuilder;
}

/** Appends records to a pack of its own, in groups. It cannot be used after a failed write. */
export class PackWriter {
  private readonly file: number;
  private readonly buffer = new Uint8Array(BUFFER_BYTES);
  private filled = 0;
  /** Bytes that have been given to the file. */
  private written = 0;
  private readonly open = new Map<Kind, UnwrittenGroup>();
  private readonly waiting: UnwrittenGroup[] = [];
  private unwrittenGroups = 0;
  private readonly groups: IndexedGroup[] = [];
  private isFlushed = false;
  private isNamed = false;
  private isReleased = false;
  private failure: StoreWriteError | undefined;

  /** `onWritten` is called with the offset of a group when it is written; until then, its offset is `UNWRITTEN` or above. */
  constructor(
    private readonly files: FileLayer,
    readonly path: string,
    private readonly onWritten: (before: number, group: IndexedGroup) => void,
  ) {
    this.file = this.guarded(() => files.open(path, 'create'));
    this.buffer.set(PACK_MAGIC);
    this.filled = PACK_MAGIC.length;
  }

  get isFull(): boolean {
    return this.written + this.filled >= PACK_BYTES_MAX;
  }

  /** What it holds. */
  index(): PackIndex {
    this.finishGroups();
    return { groups: this.groups, endOffset: this.written };
  }

  /** Spares the memory of the index: nothing is appended any more. */
  forgetIndex(): void {
    this.groups.length = 0;
  }

  /** Appends the stored form of a record. Returns its group and its number in it. */
  append(kind: Kind, hash: Uint8Array, kept: Uint8Array): { offset: number; number: number } {
    if (this.failure) throw this.failure;
    if (this.open.get(kind)?.group.isFull) this.close(kind);
    let unwritten = this.open.get(kind);
    if (!unwritten) {
      unwritten = { offset: UNWRITTEN + this.unwrittenGroups++, group: new GroupBuilder(kind) };
      this.open.set(kind, unwritten);
    }
    this.isFlushed = false;
    return { offset: unwritten.offset, number: unwritten.group.add(hash, kept) };
  }

  /** What is kept of a record whose group has no place yet; undefined for one that can be read from the file. */
  unwrittenKept(offset: number, number: number): Uint8Array | undefined {
    if (offset < UNWRITTEN) {
      this.writeOut();
      return undefined;
    }
    const all = [...this.open.values(), ...this.waiting];
    return all.find((unwritten) => unwritten.offset === offset)!.group.kept(number);
  }

  /** Lets other threads encode what waits, and returns when little does. */
  async ease(most = WAITING_AFTER_EASE): Promise<void> {
    for (const { group } of this.waiting) void group.encodeAside();
    for (let first = this.waiting[0]; first && this.waiting.length > most; first = this.waiting[0]) {
      await first.group.encodeAside();
      if (this.waiting[0] === first) this.writeFirst();
    }
  }

  /** As `flush`, while other threads encode. */
  async flushAside(): Promise<void> {
    this.closeGroups();
    await this.ease(0);
    this.flush();
  }

  /** Encodes what waits, and gives it to the file. */
  finishGroups(): void {
    this.closeGroups();
    while (this.waiting.length > 0) this.writeFirst();
    this.writeOut();
  }

  /**
   * Returns once everything appended lies on the disk, and marks behind it that say so: they are written when it does, so
   * that another process which sees them may rely on it, whatever happens to this one or to the machine.
   */
  flush(): void {
    if (this.failure) throw this.failure;
    if (this.isFlushed) return;
    this.finishGroups();
    this.guarded(() => {
      this.files.sync(this.file);
      if (!this.isNamed) this.files.syncDirectory(this.path.slice(0, this.path.lastIndexOf('/')));
    });
    this.isNamed = true;
    this.write(encodeMarks());
    this.guarded(() => this.files.sync(this.file));
    this.isFlushed = true;
  }

  /** Closes the file. Whether or not the disk then says that it has not taken everything, it is closed. */
  release(): void {
    if (this.isReleased) return;
    this.isReleased = true;
    this.guarded(() => this.files.close(this.file));
  }

  private closeGroups(): void {
    this.close(Kind.root);
    this.close(Kind.code);
  }

  /** Closes the group of a kind, and before it those that it must stand behind. */
  private close(kind: Kind): void {
    const from = kind === Kind.code ? 0 : 1;
    for (const before of ORDER.slice(from, ORDER.indexOf(kind) + 1)) {
      const unwritten = this.open.get(before);
      if (unwritten) this.waiting.push(unwritten);
      this.open.delete(before);
    }
    while (this.waiting.length > WAITING_MAX) this.writeFirst();
  }

  private writeFirst(): void {
    const { group, offset: before } = this.waiting[0]!;
    const encoded = group.encode();
    const header = encodeHeader(group.kind, group.records, group.contentBytes, encoded);
    if (this.filled + HEADER_BYTES + encoded.payload.length > BUFFER_BYTES) this.writeOut();
    const written = { offset: this.written + this.filled, kind: group.kind, hashes: group.hashes.slice() };
    this.buffered(header);
    this.buffered(encoded.payload);
    this.waiting.shift();
    this.groups.push(written);
    this.onWritten(before, written);
  }

  private buffered(bytes: Uint8Array): void {
    if (this.filled + bytes.length > BUFFER_BYTES) this.writeOut();
    if (bytes.length > BUFFER_BYTES) return this.write(bytes);
    this.buffer.set(bytes, this.filled);
    this.filled += bytes.length;
  }

  private writeOut(): void {
    if (this.filled === 0) return;
    this.write(this.buffer.subarray(0, this.filled));
    this.filled = 0;
  }

  private write(bytes: Uint8Array): void {
    this.guarded(() => writeAll(this.files, this.file, bytes));
    this.written += bytes.length;
  }

  /** After the first failure of the disk nothing more is written: what it has stored is unknown. */
  private guarded<T>(perform: () => T): T {
    if (this.failure) throw this.failure;
    try {
      return perform();
    } catch (error) {
      throw (this.failure = new StoreWriteError(this.path, error));
    }
  }
}
