import { LinuxError, LinuxErrno } from '../../errno.js';
import {
  MAY_EXECUTE,
  MAY_WRITE,
  PATH_MAX,
  PERMISSION_BITS,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFREG,
  S_IFSOCK,
  S_ISGID,
  S_ISVTX,
} from '../constants.js';
import { ownsFile, requireAccess, type Credentials } from '../credentials.js';
import type { FileSystem } from '../file-system.js';
import {
  IN_ATTRIB,
  IN_CREATE,
  IN_DELETE,
  IN_MOVED_FROM,
  IN_MOVED_TO,
  IN_MOVE_SELF,
  cookieOf,
  tellFile,
  tellName,
} from '../notify/watch.js';
import { moveName, takeName } from '../notify/open-name.js';
import { TreeDirectory, isDirectory, type Directory } from './directory.js';
import type { Inode } from './inode.js';
import { lookUpName, walk, walkToName, type Found, type Walker } from './path-walk.js';

/** Who makes names, and with which permissions at most. */
export interface Maker extends Walker {
  readonly umask: number;
}

/** A name that is to be made, in a directory that may have it. */
interface NewName {
  readonly directory: TreeDirectory;
  readonly name: string;
}

/** A name that is to be taken away. */
interface OldName extends NewName {
  readonly inode: Inode;
}

/** mkdir(2). */
export function makeDirectory(files: FileSystem, maker: Maker, path: string, mode: number): void {
  const { directory, name } = newName(files, maker, path, true);
  const file = ownedBy(directory, maker, S_IFDIR | (mode & ~maker.umask & (0o777 | S_ISVTX)));
  const made = files.makeDirectory(directory, name, file);
  touch(files, directory);
  tellName(files, { directory, name }, made, { mask: IN_CREATE });
}

/** mknod(2) of files, named pipes and sockets; devices are refused. */
export function makeNode(files: FileSystem, maker: Maker, path: string, mode: number): void {
  const type = mode & ~PERMISSION_BITS & 0o170000;
  if (type === S_IFDIR) throw new LinuxError(LinuxErrno.EPERM);
  if (![0, S_IFREG, S_IFIFO, S_IFSOCK].includes(type)) throw new LinuxError(LinuxErrno.EPERM);
  const { directory, name } = newName(files, maker, path, false);
  makeNodeAt(files, maker, { directory, name }, mode);
}

/** A file, a named pipe or a socket at a name that is free. */
export function makeNodeAt(files: FileSystem, maker: Maker, { directory, name }: NewName, mode: number): Inode {
  const type = mode & 0o170000 & ~PERMISSION_BITS || S_IFREG;
  const file = ownedBy(directory, maker, type | (mode & PERMISSION_BITS & ~maker.umask));
  const make = type === S_IFREG ? files.makeFile.bind(files) : files.makeSpecial.bind(files);
  const made = make(directory, name, file);
  touch(files, directory);
  tellName(files, { directory, name }, made, { mask: IN_CREATE });
  return made;
}

/** symlink(2). */
export function makeSymbolicLink(files: FileSystem, maker: Maker, target: string, path: string): void {
  if (target.length >= PATH_MAX) throw new LinuxError(LinuxErrno.ENAMETOOLONG);
  const { directory, name } = newName(files, maker, path, false);
  const made = files.makeLink(directory, name, target, ownedBy(directory, maker, S_IFLNK));
  touch(files, directory);
  tellName(files, { directory, name }, made, { mask: IN_CREATE });
}

/** link(2) of a file that was found. */
export function makeHardLink(files: FileSystem, maker: Maker, inode: Inode, path: string): void {
  const found = walk(files, maker, path, 'name');
  const { directory, name } = freeName(found, false);
  if (directory.fileSystem !== inode.fileSystem) throw new LinuxError(LinuxErrno.EXDEV);
  requireMaking(directory, maker.credentials);
  if (isDirectory(inode)) throw new LinuxError(LinuxErrno.EPERM);
  if (inode.id === 0 || inode.links === 0) throw new LinuxError(LinuxErrno.ENOENT);
  files.requireRoom();
  files.attach(directory, name, inode);
  inode.links++;
  inode.changed = files.now;
  touch(files, directory);
  tellFile(files, inode, IN_ATTRIB);
  tellName(files, { directory, name }, inode, { mask: IN_CREATE });
}

/** unlink(2). */
export function removeName(files: FileSystem, walker: Walker, path: string): void {
  const found = walk(files, walker, path, 'name');
  if (found.kind !== 'name') throw new LinuxError(LinuxErrno.EISDIR);
  if (!found.inode) throw new LinuxError(LinuxErrno.ENOENT);
  const isOfDirectory = isDirectory(found.inode);
  if (found.hasSlash) throw new LinuxError(isOfDirectory ? LinuxErrno.EISDIR : LinuxErrno.ENOTDIR);
  const old = removable(found, walker.credentials, false);
  if (files.isMount(old.directory, old.inode)) throw new LinuxError(LinuxErrno.EBUSY);
  takeAway(files, old);
  old.inode.links--;
  old.inode.changed = files.now;
  tellFile(files, old.inode, IN_ATTRIB);
  takeName(files, old.inode, old);
  files.giveUp(old.inode);
  tellName(files, old, old.inode, { mask: IN_DELETE });
}

/** rmdir(2). */
export function removeDirectory(files: FileSystem, walker: Walker, path: string): void {
  const found = walk(files, walker, path, 'name');
  const errors = { 'dot dot': LinuxErrno.ENOTEMPTY, dot: LinuxErrno.EINVAL, root: LinuxErrno.EBUSY };
  if (found.kind !== 'name') throw new LinuxError(errors[found.kind]);
  if (!found.inode) throw new LinuxError(LinuxErrno.ENOENT);
  const { directory, name, inode } = removable(found, walker.credentials, true);
  if (files.isMount(directory, inode)) throw new LinuxError(LinuxErrno.EBUSY);
  requireEmpty(files, inode);
  takeAway(files, { directory, name, inode });
  directory.links--;
  endDirectory(files, inode);
  files.giveUp(inode);
  tellName(files, { directory, name }, inode, { mask: IN_DELETE });
}

/** rename(2) and renameat2(2), each path from where its walker is. */
export function rename(
  files: FileSystem,
  from: { readonly walker: Walker; readonly path: string },
  to: { readonly walker: Walker; readonly path: string },
  flags: number,
): void {
  const { credentials } = from.walker;
  const oldPlace = walkToName(files, from.walker, from.path);
  const newPlace = walkToName(files, to.walker, to.path);
  if (oldPlace.directory.fileSystem !== newPlace.directory.fileSystem) throw new LinuxError(LinuxErrno.EXDEV);
  if (oldPlace.kind !== 'name') throw new LinuxError(LinuxErrno.EBUSY);
  const isExchange = (flags & RENAME_EXCHANGE) !== 0;
  if (newPlace.kind !== 'name') throw new LinuxError(flags & RENAME_NOREPLACE ? LinuxErrno.EEXIST : LinuxErrno.EBUSY);
  const oldFound = lookUpName(files, oldPlace);
  if (!oldFound.inode) throw new LinuxError(LinuxErrno.ENOENT);
  const newFound = lookUpName(files, newPlace);
  requireRenamable(files, oldFound, newFound, flags);
  const isOfDirectory = isDirectory(oldFound.inode);
  if (oldFound.inode === newFound.inode) return;
  const old = removable(oldFound, credentials, isOfDirectory);
  const target = newFound.inode
    ? removable(newFound, credentials, isExchange ? isDirectory(newFound.inode) : isOfDirectory)
    : undefined;
  const place = target ?? { directory: treeOf(newFound.directory), name: newFound.name };
  if (!target) requireMaking(place.directory, credentials);
  if (place.directory !== old.directory) {
    if (isOfDirectory) requireAccess(old.inode, credentials, MAY_WRITE);
    if (isExchange && isDirectory(target?.inode)) requireAccess(target.inode, credentials, MAY_WRITE);
  }
  const isBusy = ({ directory, inode }: OldName): boolean => files.isMount(directory, inode);
  if (isBusy(old) || (target && isBusy(target))) throw new LinuxError(LinuxErrno.EBUSY);
  if (isExchange) exchange(files, old, target!);
  else move(files, old, place, target);
}

/** The errors of what is renamed to what, before permissions are asked. */
function requireRenamable(files: FileSystem, old: Found, target: Found, flags: number): void {
  if (flags & RENAME_NOREPLACE && target.inode) throw new LinuxError(LinuxErrno.EEXIST);
  const isExchange = (flags & RENAME_EXCHANGE) !== 0;
  if (isExchange && !target.inode) throw new LinuxError(LinuxErrno.ENOENT);
  if (isExchange && !isDirectory(target.inode) && target.hasSlash) throw new LinuxError(LinuxErrno.ENOTDIR);
  if (!isDirectory(old.inode) && (old.hasSlash || (!isExchange && target.hasSlash)))
    throw new LinuxError(LinuxErrno.ENOTDIR);
  if (isDirectory(old.inode) && isWithin(files, target.directory, old.inode)) throw new LinuxError(LinuxErrno.EINVAL);
  if (isDirectory(target.inode) && isWithin(files, old.directory, target.inode))
    throw new LinuxError(isExchange ? LinuxErrno.EINVAL : LinuxErrno.ENOTEMPTY);
}

function move(files: FileSystem, old: OldName, place: NewName, target: OldName | undefined): void {
  if (target && isDirectory(target.inode)) requireEmpty(files, target.inode);
  if (!target) files.requireRoom();
  if (target) {
    takeAway(files, target);
    if (isDirectory(target.inode)) {
      place.directory.links--;
      endDirectory(files, target.inode);
    } else {
      target.inode.links--;
      target.inode.changed = files.now;
    }
  }
  takeAway(files, old);
  files.attach(place.directory, place.name, old.inode);
  if (isDirectory(old.inode)) {
    old.directory.links--;
    place.directory.links++;
  }
  old.inode.changed = files.now;
  touch(files, place.directory);
  moveName(files, old.inode, old, place);
  tellMove(files, old, place, target?.inode);
  if (!target) return;
  if (!isDirectory(target.inode)) takeName(files, target.inode, place);
  files.giveUp(target.inode);
}

/** Tells of a name that has moved, over another file if there was one. */
function tellMove(files: FileSystem, { directory, name, inode }: OldName, to: NewName, over?: Inode): void {
  const cookie = cookieOf(files, directory, to.directory);
  tellName(files, { directory, name }, inode, { mask: IN_MOVED_FROM, cookie });
  tellName(files, to, inode, { mask: IN_MOVED_TO, cookie });
  if (over) tellFile(files, over, IN_ATTRIB);
  tellFile(files, inode, IN_MOVE_SELF);
}

function exchange(files: FileSystem, old: OldName, target: OldName): void {
  takeAway(files, old);
  takeAway(files, target);
  files.attach(target.directory, target.name, old.inode);
  files.attach(old.directory, old.name, target.inode);
  const difference = Number(isDirectory(old.inode)) - Number(isDirectory(target.inode));
  old.directory.links -= difference;
  target.directory.links += difference;
  for (const { inode } of [old, target]) inode.changed = files.now;
  for (const [from, to] of [
    [old, target],
    [target, old],
  ] as const) {
    moveName(files, from.inode, from, to);
    tellMove(files, from, to);
  }
}

/** A name for something new, which is free. Throws EEXIST where it is not, and EACCES. */
function newName(files: FileSystem, maker: Maker, path: string, isOfDirectory: boolean): NewName {
  const place = freeName(walk(files, maker, path, 'name'), isOfDirectory);
  requireMaking(place.directory, maker.credentials);
  return place;
}

/** Throws EEXIST where a name is taken; ENOENT for a slash behind a name that is not to be a directory's. */
function freeName({ kind, inode, hasSlash, directory, name }: Found, isOfDirectory: boolean): NewName {
  if (kind !== 'name' || inode) throw new LinuxError(LinuxErrno.EEXIST);
  if (hasSlash && !isOfDirectory) throw new LinuxError(LinuxErrno.ENOENT);
  return { directory: treeOf(directory), name };
}

/** Throws EACCES where nothing may be made in a directory, ENOENT where that was removed. */
export function requireMaking(directory: Directory, credentials: Credentials): void {
  if (directory.name === undefined) throw new LinuxError(LinuxErrno.ENOENT);
  requireAccess(directory, credentials, MAY_WRITE | MAY_EXECUTE);
}

/** A directory whose names can be changed. Throws EPERM for others, such as those of /proc. */
export function treeOf(directory: Directory): TreeDirectory {
  if (directory instanceof TreeDirectory) return directory;
  throw new LinuxError(LinuxErrno.EPERM);
}

/** The name of a file that may be taken away, as a directory's or as another one's. */
function removable({ directory, name, inode }: Found, credentials: Credentials, asDirectory: boolean): OldName {
  const place = treeOf(directory);
  requireAccess(place, credentials, MAY_WRITE | MAY_EXECUTE);
  const isSticky = (place.mode & S_ISVTX) !== 0;
  if (isSticky && !ownsFile(credentials, place) && !ownsFile(credentials, inode!))
    throw new LinuxError(LinuxErrno.EPERM);
  if (asDirectory && !isDirectory(inode)) throw new LinuxError(LinuxErrno.ENOTDIR);
  if (!asDirectory && isDirectory(inode)) throw new LinuxError(LinuxErrno.EISDIR);
  return { directory: place, name, inode: inode! };
}

function requireEmpty(files: FileSystem, inode: Inode): void {
  if (!(inode as TreeDirectory).isEmpty(files)) throw new LinuxError(LinuxErrno.ENOTEMPTY);
}

/** Whether a directory is another one, or lies in it. */
function isWithin(files: FileSystem, directory: Directory, other: Directory): boolean {
  for (let at = directory; ; at = at.parent(files)) {
    if (at === other) return true;
    if (at === at.parent(files)) return false;
  }
}

function takeAway(files: FileSystem, { directory, name, inode }: OldName): void {
  files.detach(directory, name, inode);
  touch(files, directory);
}

/** A directory that was removed holds its parent for as long as somebody has it: `..` leads there. */
function endDirectory(files: FileSystem, inode: Inode): void {
  const directory = inode as TreeDirectory;
  files.hold(directory.parent(files));
  directory.name = undefined;
  inode.links = 0;
  inode.changed = files.now;
}

function touch(files: FileSystem, directory: Directory): void {
  directory.modified = files.now;
  directory.changed = directory.modified;
}

/** Owner, group and mode of a file that is made in a directory: one with the bit of the group gives its group on. */
export function ownedBy(
  directory: TreeDirectory,
  { credentials }: Pick<Maker, 'credentials'>,
  mode: number,
): { readonly mode: number; readonly owner: number; readonly group: number } {
  const givesGroup = (directory.mode & S_ISGID) !== 0;
  const group = givesGroup ? directory.group : credentials.group;
  const isOfDirectory = (mode & 0o170000) === S_IFDIR;
  return { mode: givesGroup && isOfDirectory ? mode | S_ISGID : mode, owner: credentials.user, group };
}
