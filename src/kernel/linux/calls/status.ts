import type { CallResult } from '../../calls/call.js';
import { signed32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, failed } from '../errno.js';
import {
  AT_EACCESS,
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_NO_AUTOMOUNT,
  AT_SYMLINK_NOFOLLOW,
  fileOf,
  inodeAt,
} from '../files/arguments.js';
import { MAY_EXECUTE, MAY_READ, MAY_WRITE } from '../files/constants.js';
import { realCredentials, requireAccess } from '../files/credentials.js';
import { FILE_SYSTEM, isOfDisk, type Inode } from '../files/tree/inode.js';
import { NANOSECONDS } from '../timespec.js';
import { putFields } from '../user-data.js';

const { EINVAL } = LinuxErrno;

const STAT_BYTES = 144;
const STATX_BYTES = 256;
const STATFS_BYTES = 120;
const BLOCK_BYTES = 4096;
const HERE = BigInt(AT_FDCWD);

/** STATX_ bits of what is known of each file: include/uapi/linux/stat.h. */
const STATX_BASIC_STATS = 0x7ff;
const STATX_RESERVED = 0x8000_0000;
const AT_STATX_SYNC_TYPE = 0x6000;

/** A device number with the major number 0: include/linux/kdev_t.h "new_encode_dev". */
function deviceOfMinor(minor: number): number {
  return (minor & 0xff) + 2 ** 20 * Math.floor(minor / 256);
}

/** struct stat: arch/x86/include/uapi/asm/stat.h. */
function putStat(context: LinuxContext, address: bigint, inode: Inode): bigint {
  return putFields(context, address, STAT_BYTES, (view) => {
    const put64 = (at: number, field: number | bigint): void => view.setBigUint64(at, BigInt(field), true);
    put64(0, deviceOfMinor(inode.fileSystem));
    put64(8, inode.number);
    put64(16, inode.links);
    view.setUint32(24, inode.mode, true);
    view.setUint32(28, inode.owner, true);
    view.setUint32(32, inode.group, true);
    put64(40, inode.device);
    put64(48, inode.size);
    put64(56, BLOCK_BYTES);
    put64(64, inode.blocks);
    [inode.accessed, inode.modified, inode.changed].forEach((time, index) => {
      const { seconds, nanoseconds } = parted(time);
      view.setBigInt64(72 + 16 * index, seconds, true);
      view.setBigInt64(80 + 16 * index, nanoseconds, true);
    });
  });
}

function parted(time: bigint): { readonly seconds: bigint; readonly nanoseconds: bigint } {
  const nanoseconds = ((time % NANOSECONDS) + NANOSECONDS) % NANOSECONDS;
  return { seconds: (time - nanoseconds) / NANOSECONDS, nanoseconds };
}

function stat(context: LinuxContext, path: bigint, buffer: bigint): CallResult {
  return putStat(context, buffer, inodeAt(context, HERE, path, 0));
}

function lstat(context: LinuxContext, path: bigint, buffer: bigint): CallResult {
  return putStat(context, buffer, inodeAt(context, HERE, path, AT_SYMLINK_NOFOLLOW));
}

function fstat(context: LinuxContext, fd: bigint, buffer: bigint): CallResult {
  return putStat(context, buffer, fileOf(context, fd).inode);
}

function newfstatat(
  context: LinuxContext,
  fd: bigint,
  path: bigint,
  buffer: bigint,
  flagsArgument: bigint,
): CallResult {
  const flags = signed32(flagsArgument);
  if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)) return failed(EINVAL);
  return putStat(context, buffer, inodeAt(context, fd, path, flags));
}

/** struct statx: include/uapi/linux/stat.h. */
function statx(
  context: LinuxContext,
  fd: bigint,
  path: bigint,
  flagsArgument: bigint,
  mask: bigint,
  buffer: bigint,
): CallResult {
  const flags = signed32(flagsArgument);
  if (mask & BigInt(STATX_RESERVED) || (flags & AT_STATX_SYNC_TYPE) === AT_STATX_SYNC_TYPE) return failed(EINVAL);
  if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE)) return failed(EINVAL);
  const inode = inodeAt(context, fd, path, flags);
  return putFields(context, buffer, STATX_BYTES, (view) => {
    const put32 = (at: number, field: number): void => view.setUint32(at, field, true);
    const put64 = (at: number, field: number): void => view.setBigUint64(at, BigInt(field), true);
    put32(0, STATX_BASIC_STATS);
    put32(4, BLOCK_BYTES);
    put32(16, inode.links);
    put32(20, inode.owner);
    put32(24, inode.group);
    view.setUint16(28, inode.mode, true);
    put64(32, inode.number);
    put64(40, inode.size);
    put64(48, inode.blocks);
    const times: readonly (readonly [number, bigint])[] = [
      [64, inode.accessed],
      [96, inode.changed],
      [112, inode.modified],
    ];
    for (const [at, time] of times) {
      const { seconds, nanoseconds } = parted(time);
      view.setBigInt64(at, seconds, true);
      put32(at + 8, Number(nanoseconds));
    }
    put32(128, inode.device >> 8);
    put32(132, inode.device & 0xff);
    put32(140, inode.fileSystem);
  });
}

function access(context: LinuxContext, path: bigint, mode: bigint): CallResult {
  return faccessat2(context, HERE, path, mode, 0n);
}

function faccessat(context: LinuxContext, fd: bigint, path: bigint, mode: bigint): CallResult {
  return faccessat2(context, fd, path, mode, 0n);
}

function faccessat2(
  context: LinuxContext,
  fd: bigint,
  path: bigint,
  modeArgument: bigint,
  flagsArgument: bigint,
): CallResult {
  const [mode, flags] = [signed32(modeArgument), signed32(flagsArgument)];
  if (mode & ~(MAY_READ | MAY_WRITE | MAY_EXECUTE)) return failed(EINVAL);
  if (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return failed(EINVAL);
  const { credentials } = context.linux.place;
  const asked = flags & AT_EACCESS ? credentials : realCredentials(credentials);
  requireAccess(inodeAt(context, fd, path, flags), asked, mode);
  return 0n;
}

/** What statfs tells of each file system: its magic number, from include/uapi/linux/magic.h, and its size in blocks. */
const MAGIC: Readonly<Record<number, number>> = {
  [FILE_SYSTEM.root]: 0xef53,
  [FILE_SYSTEM.proc]: 0x9fa0,
  [FILE_SYSTEM.sys]: 0x6265_6572,
  [FILE_SYSTEM.dev]: 0x0102_1994,
  [FILE_SYSTEM.pipe]: 0x5049_5045,
  [FILE_SYSTEM.anonymous]: 0x0904_1934,
  [FILE_SYSTEM.socket]: 0x534f_434b,
};
const BLOCKS = 0x100_0000;
const FILES = 0x10_0000;

function putStatfs(context: LinuxContext, address: bigint, { fileSystem }: Inode): bigint {
  const isDisk = isOfDisk(fileSystem);
  return putFields(context, address, STATFS_BYTES, (view) => {
    const fields = [MAGIC[isDisk ? FILE_SYSTEM.root : fileSystem] ?? 0, BLOCK_BYTES];
    const sizes = isDisk ? [BLOCKS, BLOCKS / 2, BLOCKS / 2, FILES, FILES / 2] : [0, 0, 0, 0, 0];
    const [identity, rest] = [0, [255, BLOCK_BYTES]];
    [...fields, ...sizes, identity, ...rest].forEach((field, at) => view.setBigUint64(at * 8, BigInt(field), true));
  });
}

function statfs(context: LinuxContext, path: bigint, buffer: bigint): CallResult {
  return putStatfs(context, buffer, inodeAt(context, HERE, path, 0));
}

function fstatfs(context: LinuxContext, fd: bigint, buffer: bigint): CallResult {
  return putStatfs(context, buffer, fileOf(context, fd).inode);
}

const whole = { state: 'whole', differs: '' } as const;
const same = ['path', 'buffer'];

export const STATUS_CALLS: readonly LinuxCall[] = [
  { number: 4, name: 'stat', parameters: same, perform: stat, ...whole },
  { number: 5, name: 'fstat', parameters: ['fd', 'buffer'], perform: fstat, ...whole },
  { number: 6, name: 'lstat', parameters: same, perform: lstat, ...whole },
  { number: 21, name: 'access', parameters: ['path', 'mode'], perform: access, ...whole },
  {
    ...{ number: 137, name: 'statfs', parameters: same, perform: statfs },
    ...{ state: 'part', differs: 'Sizes are always the same.' },
  },
  {
    ...{ number: 138, name: 'fstatfs', parameters: ['fd', 'buffer'], perform: fstatfs },
    ...{ state: 'part', differs: 'Sizes are always the same.' },
  },
  { number: 262, name: 'newfstatat', parameters: ['fd', ...same, 'flags'], perform: newfstatat, ...whole },
  { number: 269, name: 'faccessat', parameters: ['fd', 'path', 'mode'], perform: faccessat, ...whole },
  {
    ...{ number: 332, name: 'statx', parameters: ['fd', 'path', 'flags', 'mask', 'buffer'], perform: statx },
    ...{ state: 'part', differs: 'Without the time of birth.' },
  },
  { number: 439, name: 'faccessat2', parameters: ['fd', 'path', 'mode', 'flags'], perform: faccessat2, ...whole },
];
