import type { CallResult } from '../../calls/call.js';
import { signed32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, failed } from '../errno.js';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_FOLLOW,
  AT_SYMLINK_NOFOLLOW,
  fileOf,
  inodeAt,
  makerAt,
  pathText,
} from '../files/arguments.js';
import { bytesOfText } from '../files/byte-text.js';
import { RENAME_EXCHANGE, RENAME_NOREPLACE } from '../files/constants.js';
import { SymbolicLink, type Inode } from '../files/tree/inode.js';
import {
  makeHardLink,
  makeNode,
  makeSymbolicLink,
  removeDirectory,
  removeName,
  rename as renameIn,
} from '../files/tree/names.js';
import { isDirectLink, lookUp, type Walker } from '../files/tree/path-walk.js';
import { putBytes } from '../user-data.js';

const { EINVAL, ENOENT } = LinuxErrno;
const HERE = BigInt(AT_FDCWD);

function unlinkat(context: LinuxContext, fd: bigint, address: bigint, flagsArgument: bigint): CallResult {
  const flags = signed32(flagsArgument);
  if (flags & ~AT_REMOVEDIR) return failed(EINVAL);
  const path = pathText(context, address);
  const remove = flags & AT_REMOVEDIR ? removeDirectory : removeName;
  remove(context.system.fileSystem, makerAt(context, fd, path), path);
  return 0n;
}

function unlink(context: LinuxContext, path: bigint): CallResult {
  return unlinkat(context, HERE, path, 0n);
}

function renameat2(
  context: LinuxContext,
  fromFd: bigint,
  fromAddress: bigint,
  toFd: bigint,
  toAddress: bigint,
  flagsArgument: bigint,
): CallResult {
  const flags = signed32(flagsArgument);
  const isBoth = (flags & RENAME_EXCHANGE) !== 0 && (flags & RENAME_NOREPLACE) !== 0;
  if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE) || isBoth) return failed(EINVAL);
  const [fromPath, toPath] = [pathText(context, fromAddress), pathText(context, toAddress)];
  const from = { walker: makerAt(context, fromFd, fromPath), path: fromPath };
  // Its descriptor is looked at once the other path has been walked.
  const to = {
    path: toPath,
    get walker() {
      return makerAt(context, toFd, toPath);
    },
  };
  renameIn(context.system.fileSystem, from, to, flags);
  return 0n;
}

function renameat(context: LinuxContext, fromFd: bigint, from: bigint, toFd: bigint, to: bigint): CallResult {
  return renameat2(context, fromFd, from, toFd, to, 0n);
}

function rename(context: LinuxContext, from: bigint, to: bigint): CallResult {
  return renameat2(context, HERE, from, HERE, to, 0n);
}

function linkat(
  context: LinuxContext,
  fromFd: bigint,
  fromAddress: bigint,
  toFd: bigint,
  toAddress: bigint,
  flagsArgument: bigint,
): CallResult {
  const flags = signed32(flagsArgument);
  if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) return failed(EINVAL);
  const last = flags & AT_SYMLINK_FOLLOW ? 0 : AT_SYMLINK_NOFOLLOW;
  const inode = inodeAt(context, fromFd, fromAddress, last | (flags & AT_EMPTY_PATH));
  const path = pathText(context, toAddress);
  makeHardLink(context.system.fileSystem, makerAt(context, toFd, path), inode, path);
  return 0n;
}

function link(context: LinuxContext, from: bigint, to: bigint): CallResult {
  return linkat(context, HERE, from, HERE, to, 0n);
}

function symlinkat(context: LinuxContext, targetAddress: bigint, fd: bigint, address: bigint): CallResult {
  const [target, path] = [pathText(context, targetAddress), pathText(context, address)];
  if (target === '') return failed(ENOENT);
  makeSymbolicLink(context.system.fileSystem, makerAt(context, fd, path), target, path);
  return 0n;
}

function symlink(context: LinuxContext, target: bigint, path: bigint): CallResult {
  return symlinkat(context, target, HERE, path);
}

function readlinkat(context: LinuxContext, fd: bigint, address: bigint, buffer: bigint, size: bigint): CallResult {
  const room = signed32(size);
  if (room <= 0) return failed(EINVAL);
  const path = pathText(context, address);
  const inode =
    path === '' ? emptyLink(context, fd) : lookUp(context.system.fileSystem, makerAt(context, fd, path), path, 'keep');
  const target = targetOf(context, inode, makerAt(context, HERE, '/'));
  if (target === undefined) return failed(path === '' ? ENOENT : EINVAL);
  const bytes = bytesOfText(target).subarray(0, room);
  putBytes(context, buffer, bytes);
  return BigInt(bytes.length);
}

/** Without a path, a descriptor may stand for a symbolic link itself. */
function emptyLink(context: LinuxContext, fd: bigint): Inode {
  return signed32(fd) === AT_FDCWD ? context.linux.place.directory : fileOf(context, fd).inode;
}

function targetOf({ system }: LinuxContext, inode: Inode, walker: Walker): string | undefined {
  if (inode instanceof SymbolicLink) return inode.target;
  return isDirectLink(inode) ? inode.text(system.fileSystem, walker) : undefined;
}

function readlink(context: LinuxContext, path: bigint, buffer: bigint, size: bigint): CallResult {
  return readlinkat(context, HERE, path, buffer, size);
}

function mknodat(context: LinuxContext, fd: bigint, address: bigint, mode: bigint): CallResult {
  const path = pathText(context, address);
  makeNode(context.system.fileSystem, makerAt(context, fd, path), path, Number(mode & 0xffffn));
  return 0n;
}

function mknod(context: LinuxContext, path: bigint, mode: bigint): CallResult {
  return mknodat(context, HERE, path, mode);
}

const whole = { state: 'whole', differs: '' } as const;
const noDevices = { state: 'part', differs: 'Devices are refused.' } as const;
const fromTo = ['fromFd', 'from', 'toFd', 'to'];

export const PATH_CALLS: readonly LinuxCall[] = [
  { number: 82, name: 'rename', parameters: ['from', 'to'], perform: rename, ...whole },
  { number: 86, name: 'link', parameters: ['from', 'to'], perform: link, ...whole },
  { number: 87, name: 'unlink', parameters: ['path'], perform: unlink, ...whole },
  { number: 88, name: 'symlink', parameters: ['target', 'path'], perform: symlink, ...whole },
  { number: 89, name: 'readlink', parameters: ['path', 'buffer', 'size'], perform: readlink, ...whole },
  { number: 133, name: 'mknod', parameters: ['path', 'mode', 'device'], perform: mknod, ...noDevices },
  { number: 259, name: 'mknodat', parameters: ['fd', 'path', 'mode', 'device'], perform: mknodat, ...noDevices },
  { number: 263, name: 'unlinkat', parameters: ['fd', 'path', 'flags'], perform: unlinkat, ...whole },
  { number: 264, name: 'renameat', parameters: fromTo, perform: renameat, ...whole },
  { number: 265, name: 'linkat', parameters: [...fromTo, 'flags'], perform: linkat, ...whole },
  { number: 266, name: 'symlinkat', parameters: ['target', 'fd', 'path'], perform: symlinkat, ...whole },
  { number: 267, name: 'readlinkat', parameters: ['fd', 'path', 'buffer', 'size'], perform: readlinkat, ...whole },
  {
    ...{ number: 316, name: 'renameat2', parameters: [...fromTo, 'flags'], perform: renameat2 },
    ...{ state: 'part', differs: 'Without RENAME_WHITEOUT.' },
  },
];
