import { LinuxError, LinuxErrno } from '../../errno.js';
import { LINKS_FOLLOWED_MAX, MAY_EXECUTE, NAME_MAX, PATH_MAX } from '../constants.js';
import { requireAccess, type Credentials } from '../credentials.js';
import type { FileSystem } from '../file-system.js';
import { isDirectory, type Directory } from './directory.js';
import { SymbolicLink, type Inode } from './inode.js';

/** Who looks a path up, and from where. */
export interface Walker {
  readonly credentials: Credentials;
  /** What a path without a slash at its start begins at: any file, since a descriptor may stand for it. */
  readonly start: Inode;
  /** What `/` is, which `..` does not lead out of: that of all files, if not given. */
  readonly root?: Directory | undefined;
  /** The number of the process that asks, for /proc/self. */
  readonly pid?: number;
  /** It is the path of a program that is looked up, for /proc/self/exe. */
  readonly isInProgram?: boolean;
}

/**
 * What becomes of a symbolic link that the last name of a path is: it is followed, or not unless a slash follows, or never, since
 * the name itself is what the call is about.
 */
export type LastLink = 'follow' | 'keep' | 'name';

/** Where a path leads. */
export interface Found {
  readonly directory: Directory;
  /** In the directory; '' where the path does not end with a name. */
  readonly name: string;
  /** What kind the last part of the path is. */
  readonly kind: 'name' | 'dot' | 'dot dot' | 'root';
  /** Undefined where the directory has no such name. */
  readonly inode: Inode | undefined;
  /** A slash follows the name. */
  readonly hasSlash: boolean;
}

/** A link that leads to an inode itself, as those of /proc do. */
export interface DirectLink {
  /** Throws LinuxError where it leads nowhere. */
  follow(
    files: FileSystem,
    walker: Walker,
  ): { readonly directory: Directory; readonly name: string; readonly inode: Inode };
  /** What readlink(2) tells of it. */
  text(files: FileSystem, walker: Walker): string;
}

export function isDirectLink(inode: Inode): inode is Inode & DirectLink {
  return 'follow' in inode;
}

/**
 * Looks a path up, as path_resolution(7) says. Throws LinuxError. With `creates`, it is for a file that is made where it is
 * missing: a slash behind the last name is EISDIR.
 */
export function walk(files: FileSystem, walker: Walker, path: string, last: LastLink, creates = false): Found {
  const found = walkToName(files, walker, path, last, creates);
  return last === 'name' ? lookUpName(files, found) : found;
}

/** As `walk`, but a last name that the call is about is not looked up, nor is its length. */
export function walkToName(
  files: FileSystem,
  walker: Walker,
  path: string,
  last: LastLink = 'name',
  creates = false,
): Found {
  if (path === '') throw new LinuxError(LinuxErrno.ENOENT);
  if (path.length >= PATH_MAX) throw new LinuxError(LinuxErrno.ENAMETOOLONG);
  return new Walk(files, walker, last, creates).along(path);
}

/** Looks up what `walkToName` has come to. */
export function lookUpName(files: FileSystem, found: Found): Found {
  if (found.kind !== 'name') return found;
  return { ...found, inode: lookUpIn(files, found.directory, found.name) };
}

function lookUpIn(files: FileSystem, directory: Directory, name: string): Inode | undefined {
  if (name.length > NAME_MAX) throw new LinuxError(LinuxErrno.ENAMETOOLONG);
  return directory.lookup(files, name);
}

class Walk {
  private at: Inode;
  private linksFollowed = 0;

  constructor(
    private readonly files: FileSystem,
    private readonly walker: Walker,
    private readonly last: LastLink,
    private readonly creates: boolean,
  ) {
    this.at = walker.start;
  }

  along(path: string): Found {
    let rest = path;
    for (;;) {
      if (rest.startsWith('/') && !this.isInside) this.at = this.root;
      this.isInside = true;
      rest = withoutSlashes(rest);
      const directory = this.here(rest !== '');
      if (rest === '') return { directory, name: '', kind: 'root', inode: directory, hasSlash: false };
      const end = rest.indexOf('/');
      const name = end < 0 ? rest : rest.slice(0, end);
      rest = end < 0 ? '' : rest.slice(end);
      const isLast = withoutSlashes(rest) === '';
      const next = this.step(directory, name, rest, isLast);
      if (typeof next !== 'string') return next;
      rest = next;
    }
  }

  private get root(): Directory {
    return this.walker.root ?? this.files.root;
  }

  /** False where a path, or what a symbolic link says, begins. */
  private isInside = false;

  /** The directory that it has come to, in which a name may be looked up. */
  private here(isSearched: boolean): Directory {
    const { at } = this;
    if (!isDirectory(at)) throw new LinuxError(LinuxErrno.ENOTDIR);
    if (isSearched) requireAccess(at, this.walker.credentials, MAY_EXECUTE);
    return at;
  }

  /** Goes on by a name. Returns what is left of the path, or where it leads. */
  private step(directory: Directory, name: string, rest: string, isLast: boolean): string | Found {
    const hasSlash = rest !== '';
    if (name === '.' || name === '..') {
      const to = name === '.' || directory === this.root ? directory : directory.parent(this.files);
      if (isLast) return { directory: to, name: '', kind: name === '.' ? 'dot' : 'dot dot', inode: to, hasSlash };
      this.at = to;
      return rest;
    }
    if (isLast && hasSlash && this.creates) throw new LinuxError(LinuxErrno.EISDIR);
    if (isLast && this.last === 'name') return { directory, name, kind: 'name', inode: undefined, hasSlash };
    const inode = lookUpIn(this.files, directory, name);
    const mayFollow = !isLast || this.last === 'follow' || (this.last === 'keep' && hasSlash);
    if (mayFollow && inode instanceof SymbolicLink) return this.follow(inode.target, rest);
    if (mayFollow && inode && isDirectLink(inode)) {
      this.countLink();
      const target = inode.follow(this.files, this.walker);
      if (isLast) return this.requireDirectory({ ...target, kind: 'name', hasSlash });
      this.at = target.inode;
      return rest;
    }
    if (isLast) return this.requireDirectory({ directory, name, kind: 'name', inode, hasSlash });
    if (!inode) throw new LinuxError(LinuxErrno.ENOENT);
    this.at = inode;
    return rest;
  }

  private follow(target: string, rest: string): string {
    this.countLink();
    this.isInside = false;
    return target + rest;
  }

  private countLink(): void {
    if (++this.linksFollowed > LINKS_FOLLOWED_MAX) throw new LinuxError(LinuxErrno.ELOOP);
  }

  /** A slash behind the last name wants a directory. */
  private requireDirectory(found: Found): Found {
    const { inode, hasSlash } = found;
    if (hasSlash && inode && !isDirectory(inode)) throw new LinuxError(LinuxErrno.ENOTDIR);
    return found;
  }
}

function withoutSlashes(path: string): string {
  let at = 0;
  while (path.charCodeAt(at) === 0x2f) at++;
  return path.slice(at);
}

/** The file at a path. Throws ENOENT where there is none. */
export function lookUp(files: FileSystem, walker: Walker, path: string, last: 'follow' | 'keep' = 'follow'): Inode {
  const { inode } = walk(files, walker, path, last);
  if (!inode) throw new LinuxError(LinuxErrno.ENOENT);
  return inode;
}
