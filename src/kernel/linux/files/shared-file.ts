import { PAGE_SIZE } from '../../../bits.js';
import { kept, schema, value } from '../../../state/schema.js';
import type { MapTarget } from '../../memory/map-target.js';
import { makeShared, type SharedMemory, type SharedOwner } from '../../memory/shared-memory.js';
import type { UserMemory } from '../../memory/user-memory.js';
import { LinuxError, LinuxErrno } from '../errno.js';
import type { FileSystem } from './file-system.js';
import type { RegularFile } from './tree/inode.js';

/** Bytes of a file that are one memory: the home of a part that is mapped has a place for so many. */
export const PART_BYTES = 2 ** 26;

/** What files that are mapped shared need from the machine. */
export interface SharingHost extends MapTarget {
  readonly memory: UserMemory;
}

/** A part of a file that is mapped shared: its pages lie in memory, and are those that read(2) and write(2) find as well. */
export class SharedFilePart implements SharedOwner {
  static readonly state = schema('shared file part', SharedFilePart, {
    inode: value,
    start: value,
    memory: value,
    files: kept('those of the machine'),
  });

  memory!: SharedMemory;

  private constructor(
    private readonly files: FileSystem,
    readonly inode: RegularFile,
    /** Where it begins in the file. */
    readonly start: number,
  ) {}

  /** The part of a file at an offset, which is made if there is none. Throws LinuxError ENOMEM, EIO. */
  static of(files: FileSystem, inode: RegularFile, offset: number): SharedFilePart {
    const start = offset - (offset % PART_BYTES);
    const { content } = inode;
    const known = content.parts.get(start);
    if (known) return known;
    const part = new SharedFilePart(files, inode, start);
    const vmo = content.snapshot(files);
    try {
      const memory = makeShared(files.sharing, PART_BYTES, part, { vmo, offset: start });
      if (!memory) throw new LinuxError(LinuxErrno.ENOMEM);
      part.memory = memory;
    } finally {
      vmo.close();
    }
    content.parts.set(start, part);
    files.hold(inode);
    return part;
  }

  get size(): number {
    return Math.max(0, this.inode.size - this.start);
  }

  /** The part that follows it in the file. */
  next(): SharedFilePart {
    return SharedFilePart.of(this.files, this.inode, this.start + PART_BYTES);
  }

  unused(): void {
    const { content } = this.inode;
    this.settle();
    content.parts.delete(this.start);
    this.files.release(this.inode);
  }

  /** The file takes up what programs have written to its memory. */
  settle(): void {
    const { inode, files } = this;
    if (!inode.content.takeUp(this, files)) return;
    inode.modified = inode.changed = files.now;
  }

  /** The pages that may differ from what the file was when the part was made, each with its offset in the file. */
  *pages(): Generator<readonly [offset: number, bytes: Uint8Array]> {
    const { region } = this.memory;
    const { memory } = this.files.sharing;
    for (const { page } of region!.changed.within(region!.start, region!.end))
      yield [this.start + page - region!.start, memory.peek(page, PAGE_SIZE)];
  }

  /** Puts the bytes that lie in memory over those of the file from an offset on, which lie in this part. */
  overlay(at: number, bytes: Uint8Array): void {
    const region = this.memory.region!;
    const from = region.start + at - this.start;
    const { memory } = this.files.sharing;
    const first = from - (from % PAGE_SIZE);
    for (const { page } of region.changed.within(first, from + bytes.length)) {
      const [begin, end] = [Math.max(page, from), Math.min(page + PAGE_SIZE, from + bytes.length)];
      bytes.set(memory.peek(begin, end - begin), begin - from);
    }
  }

  /** Writes bytes that lie in this part. Throws LinuxError ENOSPC where memory has no frame for them. */
  write(at: number, bytes: Uint8Array): void {
    const from = this.memory.region!.start + at - this.start;
    if (this.files.sharing.memory.poke(from, bytes) < bytes.length) throw new LinuxError(LinuxErrno.ENOSPC);
  }
}
