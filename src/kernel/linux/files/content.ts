import { PAGE_SIZE } from '../../../bits.js';
import { schema, value, kept } from '../../../state/schema.js';
import type { VmoHandle } from '../../../vmo/handle.js';
import type { VmoStore } from '../../../vmo/store.js';
import { HOST_BYTES, type HostMemory } from '../../host-memory.js';
import { cutShared } from '../../memory/shared-memory.js';
import { LinuxError, LinuxErrno } from '../errno.js';
import { PART_BYTES as SHARED_BYTES, type SharedFilePart, type SharingHost } from './shared-file.js';
import type { LinuxRoot } from './tree/linux-root.js';

/** Bytes of a file of the root that are read from the host at once. */
const PART_BYTES = 2 ** 20;
/** Written pages that a file has besides its VMO; with more of them, a new VMO takes them up. */
const WRITTEN_PAGES_MAX = 256;

/** What contents are kept with. */
export interface ContentStore {
  readonly store: VmoStore;
  readonly hostMemory: HostMemory;
  readonly lower: LinuxRoot;
  readonly sharing: SharingHost;
}

/** The content of a file of the root, as far as it was read: what it was when it was read first. */
class RootContent {
  static readonly state = schema('root content', RootContent, {
    path: value,
    stamp: kept("the host's; its content is a part of the machine's state where that was read"),
    size: value,
    parts: value,
  });

  private readonly parts = new Map<number, VmoHandle>();

  constructor(
    readonly path: string,
    readonly stamp: string,
    readonly size: number,
  ) {}

  /** Bytes that lie within it. Throws EIO where the host has other ones by now. */
  read(at: number, target: Uint8Array, { lower }: ContentStore): void {
    for (let filled = 0; filled < target.length;) {
      const index = Math.floor((at + filled) / PART_BYTES);
      const from = at + filled - index * PART_BYTES;
      const part = this.part(index, lower);
      const length = Math.min(target.length - filled, part.length - from);
      target.set(part.read(from, length), filled);
      filled += length;
    }
  }

  /** All of it, up to a length, as a new handle. */
  whole(length: number, { store, lower }: ContentStore): VmoHandle {
    const parts: VmoHandle[] = [];
    for (let index = 0; index * PART_BYTES < length; index++) parts.push(this.part(index, lower));
    const all = store.concat(parts);
    if (all.length === length) return all;
    const cut = store.slice(all, 0, length);
    all.close();
    return cut;
  }

  close(): void {
    for (const part of this.parts.values()) part.close();
    this.parts.clear();
  }

  private part(index: number, lower: LinuxRoot): VmoHandle {
    const known = this.parts.get(index);
    if (known) return known;
    const offset = index * PART_BYTES;
    const length = Math.min(PART_BYTES, this.size - offset);
    const part = lower.read(this.path, this.stamp, offset, length);
    if (typeof part === 'number') throw new LinuxError(part);
    this.parts.set(index, part);
    return part;
  }
}

/**
 * The bytes of a regular file: a VMO, over which lie pages that were written since. A file of the root is read from there as far
 * as it is asked for, until it is written.
 */
export class FileContent {
  static readonly state = schema('file content', FileContent, {
    size: value,
    base: value,
    written: value,
    root: value,
    parts: value,
    isChanged: value,
  });

  /** In bytes. Beyond `base`, and where no page was written, they are zeros. */
  size: number;
  private base: VmoHandle | undefined;
  /** By number, of 4096 bytes. */
  private readonly written = new Map<number, Uint8Array>();
  /** What is mapped shared, by where it begins: memory has the bytes of its pages, as far as they were touched. */
  readonly parts = new Map<number, SharedFilePart>();
  /** True once it may be something else than it was when it was made. */
  isChanged = false;

  private constructor(private root: RootContent | undefined) {
    this.size = root?.size ?? 0;
  }

  static empty(): FileContent {
    return new FileContent(undefined);
  }

  static ofRoot(path: string, stamp: string, size: number): FileContent {
    return new FileContent(new RootContent(path, stamp, size));
  }

  /** The file of the root whose content it still is; undefined once it was written. */
  get rootFile(): { readonly path: string; readonly stamp: string } | undefined {
    return this.root;
  }

  /** Bytes from an offset, at most `length`, fewer at the end. */
  read(at: number, length: number, files: ContentStore): Uint8Array {
    const bytes = this.readSettled(at, length, files);
    if (this.parts.size > 0)
      forEachPiece(at, bytes.length, SHARED_BYTES, (piece, _, offset, part) =>
        this.parts.get(piece * SHARED_BYTES)?.overlay(at + offset, bytes.subarray(offset, offset + part)),
      );
    return bytes;
  }

  /** As `read`, without what only memory has. */
  private readSettled(at: number, length: number, files: ContentStore): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.size - at)));
    const below = this.root?.size ?? this.base?.length ?? 0;
    const fromBelow = bytes.subarray(0, Math.max(0, below - at));
    if (fromBelow.length > 0 && this.root) this.root.read(at, fromBelow, files);
    else if (fromBelow.length > 0) fromBelow.set(this.base!.read(at, fromBelow.length));
    if (this.written.size === 0) return bytes;
    forEachPiece(at, bytes.length, PAGE_SIZE, (page, from, offset, part) => {
      const written = this.written.get(page);
      if (written) bytes.set(written.subarray(from, from + part), offset);
    });
    return bytes;
  }

  /** Throws ENOSPC where there is no room, before anything has changed; EIO where the root's content has changed. */
  write(at: number, bytes: Uint8Array, files: ContentStore): void {
    this.requireRoom(at, bytes.length, files);
    this.leaveRoot(files);
    this.isChanged = true;
    if (at + bytes.length > this.size) this.zeroTail(this.size);
    forEachPiece(at, bytes.length, PAGE_SIZE, (page, from, offset, part) => {
      const written = bytes.subarray(offset, offset + part);
      const shared = this.partOf(page);
      if (shared) shared.write(at + offset, written);
      else this.pageToWrite(page, part === PAGE_SIZE, files).set(written, from);
    });
    this.size = Math.max(this.size, at + bytes.length);
    if (this.written.size > WRITTEN_PAGES_MAX) this.settle(files);
  }

  /** Cuts bytes off its end, or adds zeros. */
  truncate(size: number, files: ContentStore): void {
    if (size === this.size) return;
    if (size === 0) this.dropAll(files);
    this.leaveRoot(files);
    this.isChanged = true;
    const pages = Math.ceil(size / PAGE_SIZE);
    for (const page of [...this.written.keys()]) if (page >= pages) this.dropPage(page, files);
    if (size % PAGE_SIZE !== 0) this.written.get(pages - 1)?.fill(0, size % PAGE_SIZE);
    if (this.base && this.base.length > size) this.rebase(files, files.store.slice(this.base, 0, size));
    this.zeroTail(Math.min(size, this.size));
    if (size < this.size) this.cutParts(size, files);
    this.size = size;
  }

  /** Takes up what programs have written to a part that is mapped. Returns whether anything is other than before. */
  takeUp(part: SharedFilePart, files: ContentStore): boolean {
    let isOther = false;
    for (const [at, page] of part.pages()) {
      const bytes = page.subarray(0, Math.max(0, this.size - at));
      if (isEqual(bytes, this.readSettled(at, bytes.length, files))) continue;
      isOther = true;
      this.pageToWrite(at / PAGE_SIZE, true, files).set(bytes);
      if (this.written.size > WRITTEN_PAGES_MAX) this.settle(files);
    }
    this.isChanged ||= isOther;
    return isOther;
  }

  /** Takes up what programs have written to what is mapped. */
  private takeUpAll(): void {
    for (const part of this.parts.values()) part.settle();
  }

  /** Whether a mapping lets a program write it. */
  get isMappedToWrite(): boolean {
    return [...this.parts.values()].some(({ memory }) => memory.writers > 0);
  }

  private partOf(page: number): SharedFilePart | undefined {
    if (this.parts.size === 0) return undefined;
    const at = page * PAGE_SIZE;
    return this.parts.get(at - (at % SHARED_BYTES));
  }

  /** Lets memory have zeros from a size on, at which the file ends now. */
  private cutParts(size: number, files: ContentStore): void {
    for (const { start, memory } of this.parts.values()) {
      const end = Math.ceil(size / PAGE_SIZE) * PAGE_SIZE;
      if (start + SHARED_BYTES > end) cutShared(files.sharing, memory, Math.max(0, end - start));
    }
  }

  /** Programs may have written behind the end of the file, in its last page, which others never see. */
  private zeroTail(size: number): void {
    const length = (PAGE_SIZE - (size % PAGE_SIZE)) % PAGE_SIZE;
    if (length > 0) this.partOf(Math.floor(size / PAGE_SIZE))?.write(size, new Uint8Array(length));
  }

  /** What it is now, as a new handle, which the caller closes. */
  snapshot(files: ContentStore): VmoHandle {
    const { store } = files;
    this.leaveRoot(files);
    this.takeUpAll();
    this.settle(files);
    if (!this.base) return store.zeros(this.size);
    return this.base.length === this.size ? store.slice(this.base, 0, this.size) : this.extended(files);
  }

  /** Makes a VMO of the pages that were written, with what lies below. */
  settle(files: ContentStore): void {
    if (this.written.size === 0) return;
    const { size } = this;
    const base = this.extended(files);
    const patches = [...this.written].map(([page, bytes]) => ({
      offset: page * PAGE_SIZE,
      bytes: bytes.subarray(0, Math.min(PAGE_SIZE, size - page * PAGE_SIZE)),
    }));
    const made = files.store.delta(base, patches);
    base.close();
    this.rebase(files, made);
    files.hostMemory.release('writtenPage', this.written.size);
    this.written.clear();
  }

  /** Gives all of it up. */
  close(files: ContentStore): void {
    this.dropAll(files);
    this.size = 0;
  }

  private requireRoom(at: number, length: number, { store, hostMemory }: ContentStore): void {
    const pages = Math.ceil((at + length) / PAGE_SIZE) - Math.floor(at / PAGE_SIZE);
    if (store.isFull || !hostMemory.hasRoom(pages * HOST_BYTES.writtenPage)) throw new LinuxError(LinuxErrno.ENOSPC);
  }

  /** Reads what it was in the root, before it becomes something else. */
  private leaveRoot(files: ContentStore): void {
    const { root } = this;
    if (!root) return;
    this.base = root.whole(this.size, files);
    files.store.closing(() => root.close());
    this.root = undefined;
  }

  private pageToWrite(page: number, isWhole: boolean, files: ContentStore): Uint8Array {
    const known = this.written.get(page);
    if (known) return known;
    const bytes = new Uint8Array(PAGE_SIZE);
    if (!isWhole) bytes.set(this.read(page * PAGE_SIZE, PAGE_SIZE, files));
    files.hostMemory.charge('writtenPage');
    this.written.set(page, bytes);
    return bytes;
  }

  private dropPage(page: number, { hostMemory }: ContentStore): void {
    this.written.delete(page);
    hostMemory.release('writtenPage');
  }

  private dropAll(files: ContentStore): void {
    for (const page of [...this.written.keys()]) this.dropPage(page, files);
    const { root, base } = this;
    files.store.closing(() => {
      root?.close();
      base?.close();
    });
    this.root = undefined;
    this.base = undefined;
  }

  private rebase({ store }: ContentStore, base: VmoHandle): void {
    const before = this.base;
    this.base = base;
    if (before) store.closing(() => before.close());
  }

  /** The base, with zeros up to the size, as a new handle. */
  private extended({ store }: ContentStore): VmoHandle {
    const { base, size } = this;
    if (!base) return store.zeros(size);
    if (base.length === size) return store.slice(base, 0, size);
    const zeros = store.zeros(size - base.length);
    try {
      return store.concat([base, zeros]);
    } finally {
      zeros.close();
    }
  }
}

/** Calls `visit` for the part of a range in each piece: its number, where in it the part begins, where in the range, its length. */
function forEachPiece(
  at: number,
  length: number,
  pieceBytes: number,
  visit: (piece: number, from: number, offset: number, part: number) => void,
): void {
  for (let offset = 0; offset < length;) {
    const piece = Math.floor((at + offset) / pieceBytes);
    const from = at + offset - piece * pieceBytes;
    const part = Math.min(length - offset, pieceBytes - from);
    visit(piece, from, offset, part);
    offset += part;
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, index) => byte === b[index]);
}
