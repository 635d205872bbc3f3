/** What is still to be done so that files of the host become what programs have made of them, step by step during a run. */

import { S_IFDIR, S_IFMT } from './constants.js';
import {
  hasChanged,
  inOrder,
  isChangedOnHost,
  isOfType,
  versionAt,
  versionOf,
  type ChangedFile,
  type FileAspect,
  type FileVersion,
} from './changes.js';
import type { FileSystem } from './file-system.js';
import { TreeDirectory } from './tree/directory.js';
import { RegularFile, isOfDisk, type Inode } from './tree/inode.js';
import type { LinuxRoot } from './tree/linux-root.js';
import { numberOfPath } from './tree/path-number.js';

/** What a mirror compares. */
export interface MirrorOptions {
  /** Absolute, without a slash at its end: '' for `/`. */
  readonly path: string;
  /** What is brought to the files of the programs, as it is now. */
  readonly now: LinuxRoot;
}

/** A name at or below which `now` differs from what programs have made. */
export interface MirrorChange extends ChangedFile {
  /** Whether it is another file than the one that stood there, rather than the same one with other bytes. */
  readonly isReplaced: boolean;
  readonly entries: readonly MirrorChange[];
}

/** What differs now. */
export interface MirrorStep {
  readonly change: MirrorChange;
  /** Whether the machine may yet read what it found at a path. */
  isNeeded(path: string): boolean;
  /** Takes note that `now` was changed so, apart from the changes that failed. */
  settle(failed: ReadonlySet<ChangedFile>): void;
}

/** What `now` has of a file, as far as the mirror has brought it there. */
interface Mirrored {
  readonly number: number;
  /** Differs where the file may have changed since. */
  readonly mark: string;
  readonly children: Map<string, Mirrored>;
}

const GONE: Mirrored = { number: 0, mark: 'gone', children: new Map() };

/** Follows the changes of programs at a path, and remembers what was done about them. Costs little where nothing has changed. */
export class FileMirror {
  private known: Mirrored | undefined;

  constructor(
    private readonly files: FileSystem,
    private readonly options: MirrorOptions,
  ) {}

  /**
   * What differs at present; undefined for nothing. At the end of a run, `isLast` takes up what lies in shared memory, and lets the
   * path itself be gone.
   */
  next(isLast = false): MirrorStep | undefined {
    if (isLast) this.files.settleShared();
    const found = this.find();
    if (found === 'unknown' || (!found && !isLast)) return undefined;
    const { path } = this.options;
    const finder = new DifferenceFinder(this.files, this.options);
    const place = { path, name: path.slice(path.lastIndexOf('/') + 1) };
    const { change, node } = finder.at(found, place, this.known);
    if (!change) {
      this.known = node;
      return undefined;
    }
    return {
      change,
      isNeeded: neededOf(this.files),
      settle: (failed) => {
        this.known = failed.has(change) ? undefined : node;
        for (const { parent, name } of finder.madeOf(failed)) parent.children.delete(name);
      },
    };
  }

  /** The file at the path; undefined where it is gone. */
  private find(): Inode | 'unknown' | undefined {
    let at: Inode = this.files.root;
    for (const name of this.options.path.split('/').slice(1)) {
      if (!(at instanceof TreeDirectory)) return undefined;
      const id = at.knownNames.get(name);
      if (id === undefined) return at.removedNames.has(name) ? undefined : 'unknown';
      at = this.files.inode(id);
    }
    return at;
  }
}

interface Place {
  readonly path: string;
  readonly name: string;
}

interface Difference {
  readonly change: MirrorChange | undefined;
  readonly node: Mirrored;
}

class DifferenceFinder {
  private readonly made = new Map<ChangedFile, { readonly parent: Mirrored; readonly name: string }>();

  constructor(
    private readonly files: FileSystem,
    private readonly options: MirrorOptions,
  ) {}

  /** `isNew`: there can be nothing at the place. */
  at(inode: Inode | undefined, place: Place, known: Mirrored | undefined, isNew = false): Difference {
    if (!inode) return this.gone(place, known);
    if (!isOfDisk(inode.fileSystem)) return { change: undefined, node: GONE };
    if (inode instanceof TreeDirectory) return this.directory(inode, place, known, isNew);
    const { number } = inode;
    const mark = markOf(inode);
    const isMapped = inode instanceof RegularFile && inode.content.isMappedToWrite;
    if (known?.number === number && known.mark === mark && !isMapped) return { change: undefined, node: known };
    const before = isNew ? undefined : versionAt(this.options.now, place.path);
    const after = versionOf(this.files, this.files.found, inode, place.path);
    const isReplaced = number !== (known?.number ?? numberOfPath(place.path));
    const differs = before ? this.differences({ before, after, inode, isReplaced, known }) : [];
    const entries = this.removedBelow(before, place.path);
    return {
      change: ifChanged({ name: place.name, before, after, differs, entries, isReplaced }),
      node: { number, mark, children: new Map() },
    };
  }

  /** Where the changes stand that are those of a set. */
  *madeOf(changes: ReadonlySet<ChangedFile>): Generator<{ readonly parent: Mirrored; readonly name: string }> {
    for (const change of changes) {
      const made = this.made.get(change);
      if (made) yield made;
    }
  }

  private differences({
    before,
    after,
    inode,
    isReplaced,
    known,
  }: {
    readonly before: FileVersion;
    readonly after: FileVersion;
    readonly inode: Inode;
    readonly isReplaced: boolean;
    readonly known: Mirrored | undefined;
  }): FileAspect[] {
    if ((before.mode ^ after.mode) & S_IFMT) return ['kind'];
    if (before.target !== after.target) return ['target'];
    if (!(inode instanceof RegularFile)) return [];
    const { content } = inode;
    const isOther = isReplaced || known !== undefined || content.isChanged || content.isMappedToWrite;
    // The host has another file there by now, which the programs have not changed.
    if (!isOther && isChangedOnHost(this.options.now, inode)) return [];
    return [...(isOther ? ['content' as const] : []), ...(before.mode === after.mode ? [] : ['mode' as const])];
  }

  private gone({ path, name }: Place, known: Mirrored | undefined): Difference {
    const before = known === GONE ? undefined : versionAt(this.options.now, path);
    if (!before) return { change: undefined, node: GONE };
    const entries = this.removedBelow(before, path);
    return { change: { name, before, after: undefined, differs: [], entries, isReplaced: true }, node: GONE };
  }

  private directory(
    directory: TreeDirectory,
    { path, name }: Place,
    last: Mirrored | undefined,
    isNew: boolean,
  ): Difference {
    const { number } = directory;
    const node: Mirrored = { number, mark: markOf(directory), children: new Map() };
    const known = last?.number === number ? last : undefined;
    const after = versionOf(this.files, this.files.found, directory, path);
    const isSettled = known?.mark === node.mark;
    const before = isSettled ? after : isNew ? undefined : versionAt(this.options.now, path);
    const wasDirectory = isOfType(before, S_IFDIR);
    const entries: MirrorChange[] = wasDirectory ? [] : this.removedBelow(before, path);
    const take = (child: string, { change, node: made }: Difference): void => {
      node.children.set(child, made);
      if (!change) return;
      entries.push(change);
      this.made.set(change, { parent: node, name: child });
    };
    const at = (child: string): Place => ({ path: `${path}/${child}`, name: child });
    for (const [child, id] of directory.knownNames)
      take(child, this.at(this.files.inode(id), at(child), known?.children.get(child), !wasDirectory));
    const isAtItsPlace = directory.rootPath === path;
    const untouched = isAtItsPlace ? [] : this.untouchedOf(directory);
    for (const child of untouched) {
      const source = `${directory.rootPath!}/${child}`;
      take(child, this.foundAt(source, at(child), known?.children.get(child), !wasDirectory));
    }
    const there = new Set([...directory.knownNames.keys(), ...untouched]);
    if (wasDirectory)
      for (const child of this.namesBefore(directory, path, known))
        if (!there.has(child)) take(child, this.gone(at(child), known?.children.get(child)));
    const isMode = wasDirectory && before!.mode !== after.mode;
    const differs: FileAspect[] = before && !wasDirectory ? ['kind'] : isMode ? ['mode'] : [];
    const isReplaced = before !== undefined && !wasDirectory;
    return { change: ifChanged({ name, before, after, differs, entries: inOrder(entries), isReplaced }), node };
  }

  /** Names that may have to go: those that the mirror has made, and those that the programs have found. */
  private namesBefore(directory: TreeDirectory, path: string, known: Mirrored | undefined): ReadonlySet<string> {
    const made = known ? known.children.keys() : [];
    if (directory.rootPath === path) return new Set([...made, ...directory.removedNames]);
    if (known) return new Set(made);
    const listed = this.options.now.list(path);
    return new Set(typeof listed === 'number' ? [] : listed.map(({ name }) => name));
  }

  /** Names that a directory has of its root, which nobody has looked up. */
  private untouchedOf(directory: TreeDirectory): readonly string[] {
    if (directory.rootPath === undefined) return [];
    const listed = this.files.found.list(directory.rootPath);
    if (typeof listed === 'number') return [];
    const isLeft = (name: string): boolean => !directory.knows(name) && !directory.removedNames.has(name);
    return listed.map(({ name }) => name).filter(isLeft);
  }

  /** What the machine found at a path, as something that has come to a place with its directory. */
  private foundAt(source: string, { path, name }: Place, known: Mirrored | undefined, isNew: boolean): Difference {
    const number = numberOfPath(source);
    const after = versionAt(this.files.found, source);
    if (!after) return { change: undefined, node: GONE };
    if (known?.number === number) return { change: undefined, node: known };
    const node: Mirrored = { number, mark: 'found', children: new Map() };
    const before = isNew ? undefined : versionAt(this.options.now, path);
    const entries = [...this.removedBelow(before, path)];
    if (isOfType(after, S_IFDIR)) {
      const listed = this.files.found.list(source);
      for (const { name: child } of typeof listed === 'number' ? [] : listed) {
        const place = { path: `${path}/${child}`, name: child };
        const { change, node: made } = this.foundAt(`${source}/${child}`, place, undefined, true);
        node.children.set(child, made);
        if (!change) continue;
        entries.push(change);
        this.made.set(change, { parent: node, name: child });
      }
    }
    const differs: FileAspect[] = before ? ['kind'] : [];
    return { change: { name, before, after, differs, entries: inOrder(entries), isReplaced: true }, node };
  }

  /** All that `now` has below a path, as removed. */
  private removedBelow(before: FileVersion | undefined, path: string): MirrorChange[] {
    if (!isOfType(before, S_IFDIR)) return [];
    const listed = this.options.now.list(path);
    if (typeof listed === 'number') return [];
    return listed.flatMap(({ name }) => this.gone({ path: `${path}/${name}`, name }, undefined).change ?? []);
  }
}

function ifChanged(change: MirrorChange): MirrorChange | undefined {
  return hasChanged(change) ? change : undefined;
}

/** Differs where a file may have been changed in between. */
function markOf({ changed, mode, size }: Inode): string {
  return `${changed}:${mode}:${size}`;
}

/** Whether programs may yet read what was found at a path: it is the content of a file, or lies in a directory that was moved. */
function neededOf(files: FileSystem): (path: string) => boolean {
  const sources = new Set<string>();
  const moved: string[] = [];
  for (const inode of files.known) {
    if (inode instanceof RegularFile && inode.content.rootFile) sources.add(inode.content.rootFile.path);
    if (!(inode instanceof TreeDirectory) || inode.rootPath === undefined) continue;
    if (files.pathOf(inode) !== (inode.rootPath || '/')) moved.push(`${inode.rootPath}/`);
  }
  return (path) => sources.has(path) || moved.some((above) => path.startsWith(above));
}
