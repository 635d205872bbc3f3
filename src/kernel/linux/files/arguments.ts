/** What arguments of calls about files mean. */
import { PENDING, type CallResult } from '../../calls/call.js';
import { signed32, type LinuxContext } from '../call.js';
import { LinuxErrno, LinuxError, failed } from '../errno.js';
import { textOfBytes } from './byte-text.js';
import { O_NONBLOCK, O_PATH, PATH_MAX } from './constants.js';
import { CONSOLE_NUMBER } from './open/console-file.js';
import type { NamedFile } from './notify/watch.js';
import type { OpenFile } from './open/open-file.js';
import type { Inode } from './tree/inode.js';
import type { Maker } from './tree/names.js';
import { walk } from './tree/path-walk.js';

/** Stands for the current directory, where a descriptor of a directory is asked for. */
export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;
export const AT_EACCESS = 0x200;
export const AT_SYMLINK_FOLLOW = 0x400;
export const AT_NO_AUTOMOUNT = 0x800;
export const AT_EMPTY_PATH = 0x1000;

/** The open file of a descriptor. Throws EBADF. */
export function fileOf({ linux }: LinuxContext, fd: bigint): OpenFile {
  return linux.files.get(signed32(fd));
}

/** As `fileOf`, for calls that O_PATH does not do for. Throws EBADF. */
export function usableFileOf(context: LinuxContext, fd: bigint): OpenFile {
  const file = fileOf(context, fd);
  if (file.flags & O_PATH) throw new LinuxError(LinuxErrno.EBADF);
  return file;
}

/** The path at an address, '' among them. Throws EFAULT, ENAMETOOLONG. */
export function pathText({ memory }: LinuxContext, address: bigint): string {
  const bytes = memory.readString(address, PATH_MAX - 1);
  if (bytes === undefined) throw new LinuxError(LinuxErrno.EFAULT);
  if (bytes === 'too long') throw new LinuxError(LinuxErrno.ENAMETOOLONG);
  return textOfBytes(bytes);
}

/** Who looks a path up: from the current directory, or from the file of a descriptor. Throws EBADF. */
export function makerAt(context: LinuxContext, directoryFd: bigint, path: string): Maker {
  const { pid, place } = context.linux;
  const { directory, root, umask, credentials } = place;
  // An empty path is refused without a look at the descriptor.
  const isHere = path === '' || path.startsWith('/') || signed32(directoryFd) === AT_FDCWD;
  return { start: isHere ? directory : fileOf(context, directoryFd).inode, root, umask, credentials, pid };
}

/** The inode that a descriptor and a path stand for, as the AT_ flags have it. Throws LinuxError. */
export function inodeAt(context: LinuxContext, directoryFd: bigint, address: bigint, flags: number): Inode {
  return namedAt(context, directoryFd, address, flags).inode;
}

/** As `inodeAt`, with the name that the file was found by. */
export function namedAt(context: LinuxContext, directoryFd: bigint, address: bigint, flags: number): NamedFile {
  const path = pathText(context, address);
  if (path === '' && flags & AT_EMPTY_PATH) {
    if (signed32(directoryFd) === AT_FDCWD) return { inode: context.linux.place.directory };
    return fileOf(context, directoryFd);
  }
  const last = flags & AT_SYMLINK_NOFOLLOW ? 'keep' : 'follow';
  const found = walk(context.system.fileSystem, makerAt(context, directoryFd, path), path, last);
  const { inode, directory, name } = found;
  if (!inode) throw new LinuxError(LinuxErrno.ENOENT);
  return { inode, knownAs: { directory, name } };
}

/**
 * A call that cannot go on with a file waits until that may have changed, and is made again; EAGAIN for O_NONBLOCK. It answers 0
 * after `patience` ticks, unless there is something to read by then.
 */
export function waitFor(
  { pending, now, system }: LinuxContext,
  file: OpenFile,
  patience = Infinity,
  number = file.numbers[0]!,
): CallResult {
  if (file.flags & O_NONBLOCK) return failed(LinuxErrno.EAGAIN);
  const wantsInput = number === CONSOLE_NUMBER;
  const hasSome = (file.readableBytes(system.fileSystem) ?? 0) > 0;
  const late = patience < Infinity && !hasSome ? 0n : undefined;
  pending.wait = { deadline: now + patience, for: { kind: 'file', number }, late, wantsInput };
  return PENDING;
}
