/** What programs have changed of the files that the machine found. */

import { LinuxError, LinuxErrno } from '../errno.js';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from './constants.js';
import type { FileSystem } from './file-system.js';
import { TreeDirectory } from './tree/directory.js';
import { RegularFile, SymbolicLink, isOfDisk, type Inode } from './tree/inode.js';
import type { LinuxRoot, RootStatus } from './tree/linux-root.js';
import { numberOfPath } from './tree/path-number.js';

/** What a file is at a path, before or after a run. */
export interface FileVersion {
  /** Type and permissions. */
  readonly mode: number;
  readonly owner: number;
  readonly group: number;
  readonly links: number;
  /** In bytes. */
  readonly size: number;
  /** Nanoseconds since 1970. */
  readonly modified: bigint;
  /** What a symbolic link says; '' for other files. */
  readonly target: string;
  /** The number of the device that it stands for. */
  readonly device: number;
  /** The number of its inode. A file of the root has the same one after it was renamed. */
  readonly number: number;
  /** Whether the root has its content, so that reading it may fail. */
  readonly isInRoot: boolean;
  /** Bytes of a regular file from an offset, fewer at its end. Throws LinuxError EIO where they cannot be read any more. */
  read(offset: number, length: number): Uint8Array;
}

/** What may differ between two versions of a file. */
export type FileAspect = 'kind' | 'content' | 'target' | 'mode' | 'owner' | 'time';

/** A name in a directory at which something has changed, or below which something has. */
export interface ChangedFile {
  /** A character for each byte; '' for `/`. */
  readonly name: string;
  /** Undefined where there was no such file. */
  readonly before: FileVersion | undefined;
  /** Undefined where there is none any more. */
  readonly after: FileVersion | undefined;
  /** What differs where there was one and is one; nothing for a directory that only leads to what has changed. */
  readonly differs: readonly FileAspect[];
  /** In the order of their bytes. */
  readonly entries: readonly ChangedFile[];
}

/**
 * What has changed below `/` in comparison with what `root` has now, /dev and /proc aside: all names that were added and
 * removed, with what is below them, and files whose content or attributes are others.
 */
export function changesOf(files: FileSystem, root: LinuxRoot): ChangedFile {
  return new ChangeFinder(files, root).ofDirectory(files.root, '', '');
}

class ChangeFinder {
  constructor(
    private readonly files: FileSystem,
    private readonly root: LinuxRoot,
  ) {}

  /** The changes in a directory of the root, which is still at its path. */
  ofDirectory(directory: TreeDirectory, path: string, name: string): ChangedFile {
    const before = this.before(path);
    const after = this.after(directory, path);
    const known = [...directory.knownNames].map(([child, id]) => this.ofName(`${path}/${child}`, child, id));
    const gone = [...directory.removedNames]
      .filter((child) => !directory.knows(child))
      .map((child) => this.ofName(`${path}/${child}`, child, undefined));
    return {
      ...{ name, before, after },
      differs: before ? attributesThatDiffer(before, after).filter((aspect) => aspect !== 'time') : [],
      entries: inOrder([...known, ...gone].filter(hasChanged)),
    };
  }

  private ofName(path: string, name: string, id: number | undefined): ChangedFile {
    const inode = id === undefined ? undefined : this.files.inode(id);
    if (inode && !isOfDisk(inode.fileSystem))
      return { name, before: undefined, after: undefined, differs: [], entries: [] };
    const isAtItsPlace = inode?.number === numberOfPath(path);
    if (isAtItsPlace && inode instanceof TreeDirectory) return this.ofDirectory(inode, path, name);
    const before = this.before(path);
    const after = inode && this.after(inode, path);
    const entries = inOrder([
      ...(isOfType(before, S_IFDIR) ? this.removedBelow(path) : []),
      ...(inode instanceof TreeDirectory ? this.addedBelow(inode, path) : []),
    ]);
    const differs = before && after ? this.differences(before, after, inode!, isAtItsPlace) : [];
    return { name, before, after, differs, entries };
  }

  private differences(before: FileVersion, after: FileVersion, inode: Inode, isAtItsPlace: boolean): FileAspect[] {
    if ((before.mode ^ after.mode) & S_IFMT) return ['kind'];
    const isOther = inode instanceof RegularFile && (!isAtItsPlace || inode.content.isChanged);
    // The host has another file there by now, which the programs have not changed.
    if (inode instanceof RegularFile && !isOther && isChangedOnHost(this.root, inode)) return [];
    const isContentOther = isOther && !isSameContent(before, after);
    return [
      ...(isContentOther ? ['content' as const] : []),
      ...(before.target === after.target ? [] : ['target' as const]),
      ...attributesThatDiffer(before, after).filter((aspect) => aspect !== 'time' || !isContentOther),
    ];
  }

  /** All that the root has below a path, as removed. */
  private removedBelow(path: string): ChangedFile[] {
    const entries = this.root.list(path);
    if (typeof entries === 'number') return [];
    return entries.flatMap(({ name }) => {
      const at = `${path}/${name}`;
      const before = this.before(at);
      if (!before) return [];
      const below = isOfType(before, S_IFDIR) ? this.removedBelow(at) : [];
      return [{ name, before, after: undefined, differs: [], entries: below }];
    });
  }

  /** All that is in a directory which was made, or has come from another place, as added. */
  private addedBelow(directory: TreeDirectory, path: string): ChangedFile[] {
    const known = [...directory.knownNames].map(([name, id]): ChangedFile => {
      const inode = this.files.inode(id);
      const below = inode instanceof TreeDirectory ? this.addedBelow(inode, `${path}/${name}`) : [];
      const after = this.after(inode, `${path}/${name}`);
      return { name, before: undefined, after, differs: [], entries: below };
    });
    if (directory.rootPath === undefined) return known;
    const removed = new Set(directory.removedNames);
    const untouched = this.removedBelow(directory.rootPath)
      .filter(({ name }) => !directory.knows(name) && !removed.has(name))
      .map(added);
    return [...known, ...untouched];
  }

  private before(path: string): FileVersion | undefined {
    return versionAt(this.root, path);
  }

  private after(inode: Inode, path: string): FileVersion {
    return versionOf(this.files, this.root, inode, path);
  }
}

/** What a root has at a path; undefined for nothing. */
export function versionAt(root: LinuxRoot, path: string): FileVersion | undefined {
  const status = root.status(path === '' ? '/' : path);
  return typeof status === 'number' ? undefined : versionOfRoot(root, path, status);
}

function versionOfRoot(root: LinuxRoot, path: string, status: RootStatus): FileVersion {
  const { mode, owner, group, links, size, modified, target, stamp } = status;
  return {
    ...{ mode, owner, group, links, size, modified, target, device: 0, number: numberOfPath(path), isInRoot: true },
    read: (offset, length) => readRoot(root, path, stamp, size, offset, length),
  };
}

/** What a file is now; `root` is what the machine found, past the record of what it reads. */
export function versionOf(files: FileSystem, root: LinuxRoot, inode: Inode, path: string): FileVersion {
  const { mode, owner, group, links, size, modified, device, number } = inode;
  const target = inode instanceof SymbolicLink ? inode.target : '';
  const content = inode instanceof RegularFile ? inode.content : undefined;
  const source = content?.rootFile;
  const read = (offset: number, length: number): Uint8Array => {
    if (source) return readRoot(root, source.path, source.stamp, size, offset, length);
    if (!content) throw new LinuxError(LinuxErrno.EINVAL);
    return content.read(offset, length, files);
  };
  return {
    ...{ mode, owner, group, links, size, modified, target, device, read },
    ...{ number: path === '' ? 2 : number, isInRoot: source !== undefined },
  };
}

/** Read from the host itself: it is no input of the machine. */
function readRoot(
  root: LinuxRoot,
  path: string,
  stamp: string,
  size: number,
  offset: number,
  most: number,
): Uint8Array {
  const length = Math.max(0, Math.min(most, size - offset));
  if (length === 0) return new Uint8Array(0);
  const part = root.read(path, stamp, offset, length);
  if (typeof part === 'number') throw new LinuxError(part);
  try {
    return part.read(0, length);
  } finally {
    part.close();
  }
}

/** Whether two versions of a regular file have the same bytes; false where they cannot be read. */
export function isSameContent(before: FileVersion, after: FileVersion): boolean {
  if (before.size !== after.size) return false;
  try {
    for (let at = 0; at < before.size; at += PART_BYTES)
      if (!isEqual(before.read(at, PART_BYTES), after.read(at, PART_BYTES))) return false;
    return true;
  } catch (error) {
    if (!(error instanceof LinuxError)) throw error;
    return false;
  }
}

/** Bytes that are compared at once. */
const PART_BYTES = 2 ** 20;

/** Whether a version is a file of a type. */
export function isOfType(version: FileVersion | undefined, type: number): boolean {
  return version !== undefined && (version.mode & S_IFMT) === type;
}

/** Aspects of attributes in which two versions of a file differ. */
function attributesThatDiffer(before: FileVersion, after: FileVersion): FileAspect[] {
  const isLink = isOfType(before, S_IFLNK);
  return [
    ...(before.mode === after.mode || isLink ? [] : ['mode' as const]),
    ...(before.owner === after.owner && before.group === after.group ? [] : ['owner' as const]),
    ...(before.modified === after.modified || isLink ? [] : ['time' as const]),
  ];
}

/** Whether the host has another content at the path of a file than when it was seen first. */
export function isChangedOnHost(root: LinuxRoot, { content, mode }: RegularFile): boolean {
  const source = content.rootFile;
  if (!source || (mode & S_IFMT) !== S_IFREG) return false;
  const now = root.status(source.path);
  return typeof now === 'number' || now.stamp !== source.stamp;
}

/** What a root has at a name, as something that has come there. */
function added({ name, before, entries }: ChangedFile): ChangedFile {
  return { name, before: undefined, after: before, differs: [], entries: entries.map(added) };
}

export function hasChanged({ before, after, differs, entries }: ChangedFile): boolean {
  return (before === undefined) !== (after === undefined) || differs.length > 0 || entries.length > 0;
}

export function inOrder<Change extends ChangedFile>(entries: readonly Change[]): Change[] {
  return [...entries].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
