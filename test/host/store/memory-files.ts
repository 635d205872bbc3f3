/** Files in memory, which know what lies on the disk, and keep a log of all changes to be cut anywhere. */
import type { FileLayer, FileStatus, OpenMode } from '../../../src/host/store/file-layer.js';

interface Inode {
  readonly number: number;
  bytes: Uint8Array;
  length: number;
  /** Bytes that would survive a lost supply. */
  syncedLength: number;
  /** Where the last write begins. */
  lastWrite: number;
  modifiedMs: number;
}

/**
 * What a lost supply takes along of what was not synchronised: bytes of files; the second half of them; the first half, in the place of
 * which zeros stand; all changes of names in directories, too; new names, but not that others were taken away; the name that was first
 * put in the place of another, but not those after it; or all but the last write, which the disk had preferred: zeros stand for the
 * rest.
 */
export type Lost =
  'nothing' | 'bytes' | 'half' | 'first half' | 'bytes and names' | 'new names' | 'first name' | 'early bytes';

/** A change, in the words of FileLayer. */
export type Change =
  | { readonly kind: 'create'; readonly path: string }
  | { readonly kind: 'write'; readonly path: string; readonly bytes: Uint8Array }
  | { readonly kind: 'sync'; readonly path: string; readonly site: string }
  | { readonly kind: 'rename'; readonly path: string; readonly to: string }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'makeDirectory'; readonly path: string }
  | { readonly kind: 'syncDirectory'; readonly path: string; readonly site: string };

/** The lines of the store from which it is called, the nearest two. */
function site(): string {
  const frames = new Error().stack!.split('\n').filter((line) => /src\/host\/store\//.test(line));
  return frames.filter((line) => !line.includes('guarded')).slice(0, 2).map((line) => /[^/]+:\d+(?=:\d+\)?$)/.exec(line)?.[0]).join(' of '); // prettier-ignore
}

function systemError(code: string, errno: number, syscall: string): Error {
  return Object.assign(new Error(`${code}: ${syscall}`), { code, errno, syscall });
}

export class MemoryFiles implements FileLayer {
  /** Everything that was changed, in its order. */
  readonly changes: Change[] = [];
  /** Bytes that the disk still takes. */
  room = Infinity;
  private readonly files = new Map<string, Inode>();
  private readonly directories = new Map<string, number>();
  /** By directory, the names that would survive a lost supply. */
  private readonly syncedNames = new Map<string, Map<string, Inode>>();
  /** By directory, what was put in the place of another since its names were synchronised, in that order. */
  private readonly replacedNames = new Map<string, Set<string>>();
  private readonly open_ = new Map<number, { inode: Inode; path: string }>();
  private descriptors = 3;
  private inodes = 0;
  private clock = 0;

  open(path: string, mode: OpenMode): number {
    let inode = this.files.get(path);
    if (mode === 'read' ? !inode : mode === 'create' && inode)
      throw systemError(inode ? 'EEXIST' : 'ENOENT', inode ? -17 : -2, 'open');
    if (!inode) {
      if (this.room === 0) throw systemError('ENOSPC', -28, 'open');
      inode = {
        number: ++this.inodes,
        bytes: new Uint8Array(64),
        length: 0,
        syncedLength: 0,
        lastWrite: 0,
        modifiedMs: 0,
      };
      this.files.set(path, inode);
      this.touch(path);
      this.changes.push({ kind: 'create', path });
    }
    this.open_.set(++this.descriptors, { inode, path });
    return this.descriptors;
  }

  close(file: number): void {
    if (!this.open_.delete(file)) throw systemError('EBADF', -9, 'close');
  }

  read(file: number, target: Uint8Array, position: number): number {
    const { inode } = this.opened(file);
    const part = inode.bytes.subarray(Math.min(position, inode.length), inode.length).subarray(0, target.length);
    target.set(part);
    return part.length;
  }

  write(file: number, bytes: Uint8Array): number {
    const { inode, path } = this.opened(file);
    if (this.room === 0 && bytes.length > 0) throw systemError('ENOSPC', -28, 'write');
    const part = bytes.slice(0, this.room);
    this.room -= part.length;
    append(inode, part);
    inode.modifiedMs = ++this.clock;
    this.changes.push({ kind: 'write', path, bytes: part });
    return part.length;
  }

  sync(file: number): void {
    const { inode, path } = this.opened(file);
    inode.syncedLength = inode.length;
    this.changes.push({ kind: 'sync', path, site: site() });
  }

  size(file: number): number {
    return this.opened(file).inode.length;
  }

  status(path: string): FileStatus | undefined {
    const inode = this.files.get(path);
    if (inode) return { identity: String(inode.number), size: inode.length, modifiedMs: inode.modifiedMs };
    const modifiedMs = this.directories.get(path);
    return modifiedMs === undefined ? undefined : { identity: path, size: 0, modifiedMs };
  }

  list(directory: string): string[] {
    const names = [...this.files.keys(), ...this.directories.keys()].filter((path) => parentOf(path) === directory);
    return names.map((path) => path.slice(directory.length + 1));
  }

  links(): string[] {
    return [];
  }

  makeDirectory(path: string): void {
    if (this.directories.has(path)) return;
    this.directories.set(path, 0);
    this.changes.push({ kind: 'makeDirectory', path });
  }

  rename(from: string, to: string): void {
    const inode = this.files.get(from);
    if (!inode) throw systemError('ENOENT', -2, 'rename');
    this.files.delete(from);
    this.files.set(to, inode);
    this.touch(to);
    this.replacedNames.set(parentOf(to), (this.replacedNames.get(parentOf(to)) ?? new Set<string>()).add(to));
    this.changes.push({ kind: 'rename', path: from, to });
  }

  remove(path: string): void {
    if (!this.files.delete(path)) return;
    this.touch(path);
    this.changes.push({ kind: 'remove', path });
  }

  syncDirectory(path: string): void {
    const names = [...this.files].filter(([name]) => parentOf(name) === path);
    this.syncedNames.set(path, new Map(names));
    this.replacedNames.delete(path);
    this.changes.push({ kind: 'syncDirectory', path, site: site() });
  }

  /** Makes a change of another log. */
  apply(change: Change): void {
    const file = (): number => this.open(change.path, 'append');
    if (change.kind === 'create') this.close(file());
    else if (change.kind === 'rename') this.rename(change.path, change.to);
    else if (change.kind === 'write' || change.kind === 'sync') {
      const opened = file();
      if (change.kind === 'sync') this.sync(opened);
      else this.write(opened, change.bytes);
      this.close(opened);
    } else this[change.kind](change.path);
  }

  /** The files of which bytes would not survive a lost supply. */
  unsynchronised(): string[] {
    return [...this.files].filter(([, { length, syncedLength }]) => length > syncedLength).map(([path]) => path);
  }

  /**
   * The same files, on their own from now on; with `lost`, as a lost supply would leave them. The disk writes files in any order: with
   * `only`, bytes of that one are lost, and of no other.
   */
  copy(lost: Lost = 'nothing', only?: string): MemoryFiles {
    const copy = new MemoryFiles();
    copy.clock = this.clock;
    for (const directory of this.directories.keys()) copy.directories.set(directory, 0);
    const synced = new Map([...this.syncedNames.values()].flatMap((names) => [...names]));
    const there = lost === 'bytes and names' ? synced : new Map(this.files);
    // What was put in the place of something else is there or is not, but something is.
    if (lost === 'first name')
      for (const [directory, replaced] of this.replacedNames) {
        const [first] = [...replaced].filter((path) => this.files.has(path) && synced.has(path));
        if (first !== undefined && parentOf(first) === directory) there.set(first, synced.get(first)!);
      }
    const names = lost === 'new names' ? [...synced].filter(([path]) => this.files.has(path)) : [...there];
    for (const [path, inode] of names) {
      const { length, bytes } = left(inode, only === undefined || only === path ? lost : 'nothing');
      const { modifiedMs } = inode;
      copy.files.set(path, { number: ++copy.inodes, bytes, length, syncedLength: length, lastWrite: length, modifiedMs }); // prettier-ignore
    }
    for (const directory of copy.directories.keys()) copy.syncDirectory(directory);
    copy.changes.length = 0;
    return copy;
  }

  /** The paths of all files. */
  paths(): string[] {
    return [...this.files.keys()].sort();
  }

  /** The bytes of a file, to be changed. */
  bytesOf(path: string): Uint8Array {
    const inode = this.files.get(path)!;
    return inode.bytes.subarray(0, inode.length);
  }

  private touch(path: string): void {
    this.directories.set(parentOf(path), ++this.clock);
  }

  private opened(file: number): { inode: Inode; path: string } {
    const opened = this.open_.get(file);
    if (!opened) throw systemError('EBADF', -9, 'use');
    return opened;
  }
}

/** What is left of the bytes of a file. */
function left({ bytes, length, syncedLength, lastWrite }: Inode, lost: Lost): { length: number; bytes: Uint8Array } {
  const half = (syncedLength + length) >> 1;
  const kept = lost === 'half' ? half : ['bytes', 'bytes and names'].includes(lost) ? syncedLength : length;
  const copy = bytes.slice(0, Math.max(64, kept));
  const zeroTo = lost === 'first half' ? half : lost === 'early bytes' ? lastWrite : syncedLength;
  copy.fill(0, syncedLength, Math.max(syncedLength, zeroTo));
  return { length: kept, bytes: copy };
}

function append(inode: Inode, bytes: Uint8Array): void {
  const length = inode.length + bytes.length;
  if (length > inode.bytes.length) {
    const larger = new Uint8Array(2 * length);
    larger.set(inode.bytes.subarray(0, inode.length));
    inode.bytes = larger;
  }
  inode.bytes.set(bytes, inode.length);
  inode.lastWrite = inode.length;
  inode.length = length;
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}
