import type { CallResult } from '../../calls/call.js';
import { chargeBytes } from '../../calls/arguments.js';
import type { LinuxCall, LinuxContext } from '../call.js';
import { LinuxErrno, LinuxError, failed } from '../errno.js';
import { AT_FDCWD, fileOf, inodeAt, makerAt, pathText, usableFileOf } from '../files/arguments.js';
import { bytesOfText } from '../files/byte-text.js';
import { MAY_EXECUTE } from '../files/constants.js';
import { CAP_SYS_CHROOT, isCapable, requireAccess } from '../files/credentials.js';
import { OpenDirectory } from '../files/open/directory.js';
import { isDirectory, type DirectoryEntry } from '../files/tree/directory.js';
import type { Inode } from '../files/tree/inode.js';
import { makeDirectory, removeDirectory } from '../files/tree/names.js';
import { putBytes } from '../user-data.js';

const { EINVAL, ENOENT, ENOTDIR, ERANGE, EPERM } = LinuxErrno;
const HERE = BigInt(AT_FDCWD);

/** Bytes of entries that are made at once. */
const LISTED_BYTES = 65536;
const TYPE_SHIFT = 12;

/** Where fields lie in an entry, and what it is rounded to: include/linux/dirent.h. */
interface EntryFormat {
  readonly nameOffset: number;
  /** The type lies before the name, or in the last byte. */
  readonly hasTypeFirst: boolean;
}

const ENTRY_64: EntryFormat = { nameOffset: 19, hasTypeFirst: true };
const ENTRY: EntryFormat = { nameOffset: 18, hasTypeFirst: false };

function list(context: LinuxContext, fd: bigint, buffer: bigint, count: bigint, format: EntryFormat): CallResult {
  const file = usableFileOf(context, fd);
  if (!(file instanceof OpenDirectory)) return failed(ENOTDIR);
  const room = Math.min(Number(BigInt.asUintN(32, count)), LISTED_BYTES);
  const bytes = new Uint8Array(room);
  let used = 0;
  let isFull = false;
  const before = file.position;
  file.list(context.system.fileSystem, (entry, position) => {
    const length = entryBytes(entry, format);
    isFull = used + length > room;
    if (isFull) return false;
    putEntry(bytes.subarray(used, used + length), entry, position, format);
    used += length;
    return true;
  });
  if (used === 0) return isFull ? failed(EINVAL) : 0n;
  try {
    putBytes(context, buffer, bytes.subarray(0, used));
  } catch (error) {
    if (error instanceof LinuxError) file.position = before;
    throw error;
  }
  chargeBytes(context, used);
  return BigInt(used);
}

function entryBytes({ name }: DirectoryEntry, { nameOffset, hasTypeFirst }: EntryFormat): number {
  const needed = nameOffset + name.length + (hasTypeFirst ? 1 : 2);
  return Math.ceil(needed / 8) * 8;
}

function putEntry(
  bytes: Uint8Array,
  { name, number, type }: DirectoryEntry,
  position: number,
  format: EntryFormat,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setBigUint64(0, BigInt(number), true);
  view.setBigInt64(8, BigInt(position), true);
  view.setUint16(16, bytes.length, true);
  bytes.set(bytesOfText(name), format.nameOffset);
  bytes[format.hasTypeFirst ? 18 : bytes.length - 1] = type >> TYPE_SHIFT;
}

function getdents(context: LinuxContext, fd: bigint, buffer: bigint, count: bigint): CallResult {
  return list(context, fd, buffer, count, ENTRY);
}

function getdents64(context: LinuxContext, fd: bigint, buffer: bigint, count: bigint): CallResult {
  return list(context, fd, buffer, count, ENTRY_64);
}

function getcwd(context: LinuxContext, buffer: bigint, size: bigint): CallResult {
  const path = context.system.fileSystem.pathOf(context.linux.place.directory, context.linux.place.root);
  if (path === undefined) return failed(ENOENT);
  const bytes = bytesOfText(`${path}\0`);
  if (size < BigInt(bytes.length)) return failed(ERANGE);
  putBytes(context, buffer, bytes);
  return BigInt(bytes.length);
}

function moveTo(context: LinuxContext, inode: Inode): CallResult {
  if (!isDirectory(inode)) return failed(ENOTDIR);
  requireAccess(inode, context.linux.place.credentials, MAY_EXECUTE);
  context.linux.place.moveTo(inode);
  return 0n;
}

function chdir(context: LinuxContext, path: bigint): CallResult {
  return moveTo(context, inodeAt(context, HERE, path, 0));
}

function fchdir(context: LinuxContext, fd: bigint): CallResult {
  return moveTo(context, fileOf(context, fd).inode);
}

function chroot(context: LinuxContext, path: bigint): CallResult {
  const { place } = context.linux;
  const inode = inodeAt(context, HERE, path, 0);
  if (!isDirectory(inode)) return failed(ENOTDIR);
  requireAccess(inode, place.credentials, MAY_EXECUTE);
  if (!isCapable(place.credentials, CAP_SYS_CHROOT)) return failed(EPERM);
  place.changeRoot(inode);
  return 0n;
}

function mkdirat(context: LinuxContext, fd: bigint, address: bigint, mode: bigint): CallResult {
  const path = pathText(context, address);
  makeDirectory(context.system.fileSystem, makerAt(context, fd, path), path, Number(mode & 0o7777n));
  return 0n;
}

function mkdir(context: LinuxContext, path: bigint, mode: bigint): CallResult {
  return mkdirat(context, HERE, path, mode);
}

function rmdir(context: LinuxContext, address: bigint): CallResult {
  const path = pathText(context, address);
  removeDirectory(context.system.fileSystem, makerAt(context, HERE, path), path);
  return 0n;
}

const whole = { state: 'whole', differs: '' } as const;
const entries = ['fd', 'buffer', 'count'];

export const DIRECTORY_CALLS: readonly LinuxCall[] = [
  { number: 78, name: 'getdents', parameters: entries, perform: getdents, ...whole },
  { number: 79, name: 'getcwd', parameters: ['buffer', 'size'], perform: getcwd, ...whole },
  { number: 80, name: 'chdir', parameters: ['path'], perform: chdir, ...whole },
  { number: 81, name: 'fchdir', parameters: ['fd'], perform: fchdir, ...whole },
  {
    ...{ number: 161, name: 'chroot', parameters: ['path'], perform: chroot },
    ...{ state: 'part', differs: 'The dynamic linker of a program is that outside of the new root.' },
  },
  { number: 83, name: 'mkdir', parameters: ['path', 'mode'], perform: mkdir, ...whole },
  { number: 84, name: 'rmdir', parameters: ['path'], perform: rmdir, ...whole },
  {
    ...{ number: 217, name: 'getdents64', parameters: entries, perform: getdents64 },
    ...{ state: 'whole', differs: '' },
  },
  { number: 258, name: 'mkdirat', parameters: ['fd', 'path', 'mode'], perform: mkdirat, ...whole },
];
