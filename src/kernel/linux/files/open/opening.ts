import { LinuxError, LinuxErrno } from '../../errno.js';
import {
  MAY_EXECUTE,
  MAY_READ,
  MAY_WRITE,
  O_ACCMODE,
  O_APPEND,
  O_ASYNC,
  O_CREAT,
  O_DIRECT,
  O_DIRECTORY,
  O_EXCL,
  O_LARGEFILE,
  O_NOATIME,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_TMPFILE,
  O_TRUNC,
  S_IFLNK,
  S_IFREG,
} from '../constants.js';
import { useName } from '../notify/open-name.js';
import { IN_MODIFY, IN_OPEN, tellNamed, tellOpened } from '../notify/watch.js';
import { ownsFile, requireAccess } from '../credentials.js';
import type { FileSystem, NewFile } from '../file-system.js';
import { isDirectory } from '../tree/directory.js';
import { RegularFile, type Inode } from '../tree/inode.js';
import { makeNodeAt, ownedBy, requireMaking, treeOf, type Maker } from '../tree/names.js';
import { walk, type Found } from '../tree/path-walk.js';
import { OpenDirectory } from './directory.js';
import type { OpenedName, OpenFile } from './open-file.js';
import { PathFile } from './path-file.js';
import { OpenRegularFile, resize } from './regular.js';

/** What an open file keeps of the flags that it was opened with. */
const KEPT_FLAGS =
  O_ACCMODE | O_APPEND | O_NONBLOCK | O_DIRECT | O_LARGEFILE | O_NOATIME | O_ASYNC | O_DIRECTORY | O_NOFOLLOW;

/** The access that each value of O_ACCMODE asks for; 3 asks for both and gives neither. */
const ACCESS = [MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE];

/** Opens a file of another kind than directories and regular files. Throws ENXIO where it cannot be opened. */
export type OpenSpecial = (inode: Inode, flags: number, place: OpenedName) => OpenFile;

/** open(2): an open file without a descriptor, and not held by anything yet. Throws LinuxError. */
export function openPath(
  files: FileSystem,
  maker: Maker,
  path: string,
  { flags, mode }: { readonly flags: number; readonly mode: number },
  openSpecial: OpenSpecial,
): OpenFile {
  if ((flags & O_TMPFILE) === O_TMPFILE) return openNameless(files, maker, path, flags, mode);
  if (flags & O_PATH) return openAsPath(files, maker, path, flags);
  const isNew = (flags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL);
  const last = isNew ? 'name' : flags & O_NOFOLLOW ? 'keep' : 'follow';
  const found = walk(files, maker, path, last, (flags & O_CREAT) !== 0);
  const made = flags & O_CREAT ? makeMissing(files, maker, found, mode) : undefined;
  const inode = made ?? found.inode;
  if (!inode) throw new LinuxError(LinuxErrno.ENOENT);
  if (!made) requireOpenable(inode, maker, found, flags);
  const place = { directory: found.directory, name: found.name };
  const isCut = inode instanceof RegularFile && (flags & O_TRUNC) !== 0 && !made;
  if (isCut) resize(files, inode, 0);
  const file = openInode(files, inode, flags, place, openSpecial);
  if (isCut) tellNamed(files, file, IN_MODIFY);
  return file;
}

/** Opens a file that was found, without checking permissions. */
export function openInode(
  files: FileSystem,
  inode: Inode,
  flags: number,
  place: OpenedName,
  openSpecial: OpenSpecial,
): OpenFile {
  const kept = flags & KEPT_FLAGS;
  const file = isDirectory(inode)
    ? new OpenDirectory(inode, kept, place)
    : inode instanceof RegularFile
      ? new OpenRegularFile(inode, kept, place)
      : openSpecial(inode, kept, place);
  files.hold(file.inode);
  if (file instanceof OpenRegularFile || file instanceof OpenDirectory) {
    file.knownAs = useName(files, inode, place);
    tellOpened(files, file, IN_OPEN);
  }
  return file;
}

/** The file that O_CREAT makes; undefined where there is one. */
function makeMissing(files: FileSystem, maker: Maker, found: Found, mode: number): Inode | undefined {
  const { inode, directory, name } = found;
  if (inode) return undefined;
  requireMaking(directory, maker.credentials);
  return makeNodeAt(files, maker, { directory: treeOf(directory), name }, S_IFREG | (mode & 0o7777));
}

/** The errors of a file that is there, in their order: do_open and may_open of fs/namei.c. */
function requireOpenable(inode: Inode, { credentials }: Maker, { hasSlash }: Found, flags: number): void {
  if (flags & O_CREAT) {
    if (flags & O_EXCL) throw new LinuxError(LinuxErrno.EEXIST);
    if (isDirectory(inode)) throw new LinuxError(LinuxErrno.EISDIR);
  }
  if ((flags & O_DIRECTORY || hasSlash) && !isDirectory(inode)) throw new LinuxError(LinuxErrno.ENOTDIR);
  if (inode.type === S_IFLNK) throw new LinuxError(LinuxErrno.ELOOP);
  const wanted = ACCESS[flags & O_ACCMODE]! | (flags & O_TRUNC ? MAY_WRITE : 0);
  if (isDirectory(inode) && wanted & MAY_WRITE) throw new LinuxError(LinuxErrno.EISDIR);
  requireAccess(inode, credentials, wanted);
  if (flags & O_NOATIME && !ownsFile(credentials, inode)) throw new LinuxError(LinuxErrno.EPERM);
}

/** O_PATH: the file itself is not opened. */
function openAsPath(files: FileSystem, maker: Maker, path: string, flags: number): OpenFile {
  const found = walk(files, maker, path, flags & O_NOFOLLOW ? 'keep' : 'follow');
  const { inode, directory, name } = found;
  if (!inode) throw new LinuxError(LinuxErrno.ENOENT);
  if (flags & O_DIRECTORY && !isDirectory(inode)) throw new LinuxError(LinuxErrno.ENOTDIR);
  files.hold(inode);
  return new PathFile(inode, O_PATH | (flags & (O_DIRECTORY | O_NOFOLLOW)), { directory, name });
}

/** Opens a new file that is in no directory, and tells a name of it that nobody finds. */
export function openNamelessFile(
  files: FileSystem,
  attributes: NewFile,
  { flags, name }: { readonly flags: number; readonly name: string },
): { readonly file: OpenFile; readonly inode: RegularFile } {
  const inode = files.makeNamelessFile(files.root, attributes);
  files.hold(inode);
  return { inode, file: new OpenRegularFile(inode, flags, { directory: files.root, name }) };
}

/** O_TMPFILE: a file in no directory. */
function openNameless(files: FileSystem, maker: Maker, path: string, flags: number, mode: number): OpenFile {
  if ((flags & O_ACCMODE) === 0) throw new LinuxError(LinuxErrno.EINVAL);
  const { inode, directory, name } = walk(files, maker, path, 'follow');
  if (!inode) throw new LinuxError(LinuxErrno.ENOENT);
  if (!isDirectory(inode)) throw new LinuxError(LinuxErrno.ENOTDIR);
  requireAccess(inode, maker.credentials, MAY_WRITE | MAY_EXECUTE);
  const tree = treeOf(inode);
  const file = files.makeNamelessFile(tree, ownedBy(tree, maker, S_IFREG | (mode & 0o7777 & ~maker.umask)));
  files.hold(file);
  return new OpenRegularFile(file, flags & (KEPT_FLAGS | O_TMPFILE), { directory, name });
}
