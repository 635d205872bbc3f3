/** Inodes of /proc and /sys, which are made when they are looked up. */
import type { FileSystem } from '../file-system.js';
import { Directory, type Tree } from './directory.js';
import { FILE_SYSTEM, type InodeAttributes, type InodeIdentity } from './inode.js';
import { numberOfPath } from './path-number.js';

type MadeTree = 'proc' | 'sys';

/** The identity of an inode by its path below /proc or /sys. */
export function madeIdentity(tree: MadeTree, path: string): InodeIdentity {
  return { id: 0, number: numberOfPath(`/${tree}${path}`), fileSystem: FILE_SYSTEM[tree] };
}

export function madeAttributes(mode: number, links = 1): InodeAttributes {
  return { mode, owner: 0, group: 0, links, time: 0n };
}

/** The names in a directory, '' or `/1/fd`, that lead to the given paths. */
export function namesBelow(directory: string, paths: readonly string[]): readonly string[] {
  const start = `${directory}/`;
  const inside = paths.filter((path) => path.startsWith(start));
  return [...new Set(inside.map((path) => path.slice(start.length).split('/')[0]!))];
}

/** A directory by its path below /proc or /sys: '' or `/1/fd`. */
export abstract class MadeDirectory extends Directory {
  protected abstract readonly tree: MadeTree;

  constructor(
    protected readonly path: string,
    identity: InodeIdentity,
    mode: number,
  ) {
    super(identity, madeAttributes(mode, 2));
  }

  get name(): string {
    return this.path === '' ? this.tree : this.path.slice(this.path.lastIndexOf('/') + 1);
  }

  parent(tree: Tree): Directory {
    const files = tree as FileSystem;
    if (this.path === '') return files.root;
    const above = this.path.slice(0, this.path.lastIndexOf('/'));
    return above === '' ? files[this.tree] : this.at(above);
  }

  /** The directory at another path of the same tree. */
  protected abstract at(path: string): Directory;
}
