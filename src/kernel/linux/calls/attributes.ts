import type { CallResult } from '../../calls/call.js';
import { signed32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, failed } from '../errno.js';
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, fileOf, namedAt, usableFileOf } from '../files/arguments.js';
import { FILE_BYTES_MAX, MAY_WRITE, PERMISSION_BITS, S_ISGID, S_ISUID, S_IXGRP } from '../files/constants.js';
import {
  CAP_CHOWN,
  isCapable,
  isInGroup,
  maySetGroup,
  ownsFile,
  permits,
  requireAccess,
  type Credentials,
} from '../files/credentials.js';
import { OpenRegularFile, resize } from '../files/open/regular.js';
import { IN_ACCESS, IN_ATTRIB, IN_MODIFY, tellNamed, tellOpened, type NamedFile } from '../files/notify/watch.js';
import { isDirectory } from '../files/tree/directory.js';
import { RegularFile, type Inode } from '../files/tree/inode.js';
import { NANOSECONDS, timeFieldsAt } from '../timespec.js';
import { viewAt } from '../user-data.js';

const { EBADF, EFBIG, EINVAL, EISDIR, EOPNOTSUPP, EPERM, EACCES, ENODEV, ESPIPE } = LinuxErrno;
const HERE = BigInt(AT_FDCWD);
const MICROSECONDS = 1_000_000n;

/** utimensat: the time now, and the time as it is. */
const UTIME_NOW = 0x3fff_ffffn;
const UTIME_OMIT = 0x3fff_fffen;

/** fallocate: include/uapi/linux/falloc.h. */
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const FALLOC_FL_ZERO_RANGE = 16;

/** Bytes of zeros that are written at once. */
const ZEROS = new Uint8Array(65536);

function changeMode({ system, linux }: LinuxContext, file: NamedFile, modeArgument: bigint): CallResult {
  const { inode } = file;
  const { credentials } = linux.place;
  if (!ownsFile(credentials, inode)) return failed(EPERM);
  let mode = Number(modeArgument) & PERMISSION_BITS;
  if (!maySetGroup(credentials, inode)) mode &= ~S_ISGID;
  inode.mode = inode.type | mode;
  inode.changed = system.fileSystem.now;
  tellNamed(system.fileSystem, file, IN_ATTRIB);
  return 0n;
}

function chmod(context: LinuxContext, path: bigint, mode: bigint): CallResult {
  return changeMode(context, namedAt(context, HERE, path, 0), mode);
}

function fchmod(context: LinuxContext, fd: bigint, mode: bigint): CallResult {
  return changeMode(context, usableFileOf(context, fd), mode);
}

function fchmodat(context: LinuxContext, fd: bigint, path: bigint, mode: bigint): CallResult {
  return changeMode(context, namedAt(context, fd, path, 0), mode);
}

function changeOwner({ system, linux }: LinuxContext, file: NamedFile, owner: bigint, group: bigint): CallResult {
  const { inode } = file;
  const { credentials } = linux.place;
  const [user, members] = [signed32(owner), signed32(group)];
  const isAllowed =
    isCapable(credentials, CAP_CHOWN) ||
    ((user === -1 || (credentials.user === inode.owner && user === inode.owner)) &&
      (members === -1 || (credentials.user === inode.owner && mayGive(credentials, inode, members))));
  const dropped = droppedBits(credentials, inode);
  if (!isAllowed || (dropped !== 0 && !ownsFile(credentials, inode))) return failed(EPERM);
  inode.mode &= ~dropped;
  if (user !== -1) inode.owner = user >>> 0;
  if (members !== -1) inode.group = members >>> 0;
  inode.changed = system.fileSystem.now;
  if (user !== -1 || members !== -1) tellNamed(system.fileSystem, file, IN_ATTRIB);
  return 0n;
}

/** The bits of its mode that a file loses when its owner is set. fs/attr.c, "setattr_should_drop_sgid" */
function droppedBits(credentials: Credentials, inode: Inode): number {
  const { mode } = inode;
  if (isDirectory(inode)) return 0;
  const keepsGroup = (mode & S_IXGRP) === 0 && maySetGroup(credentials, inode);
  return mode & (keepsGroup ? S_ISUID : S_ISUID | S_ISGID);
}

/** Whether the owner of a file may give it to a group. fs/attr.c, "chgrp_ok" */
function mayGive(credentials: Credentials, { group }: Inode, wanted: number): boolean {
  return wanted === group || isInGroup(credentials, wanted);
}

function chown(context: LinuxContext, path: bigint, owner: bigint, group: bigint): CallResult {
  return changeOwner(context, namedAt(context, HERE, path, 0), owner, group);
}

function lchown(context: LinuxContext, path: bigint, owner: bigint, group: bigint): CallResult {
  return changeOwner(context, namedAt(context, HERE, path, AT_SYMLINK_NOFOLLOW), owner, group);
}

function fchown(context: LinuxContext, fd: bigint, owner: bigint, group: bigint): CallResult {
  return changeOwner(context, usableFileOf(context, fd), owner, group);
}

function fchownat(
  context: LinuxContext,
  fd: bigint,
  path: bigint,
  owner: bigint,
  group: bigint,
  flagsArgument: bigint,
): CallResult {
  const flags = signed32(flagsArgument);
  if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return failed(EINVAL);
  return changeOwner(context, namedAt(context, fd, path, flags), owner, group);
}

/** A time that is to be set; undefined: as it is. What is invalid is refused once the file was found. */
type AskedTime = bigint | 'now' | 'invalid' | undefined;

/** Times of the last access and change. */
interface AskedTimes {
  readonly accessed: AskedTime;
  readonly modified: AskedTime;
}

const NOW: AskedTimes = { accessed: 'now', modified: 'now' };

function changeTimes({ system, linux }: LinuxContext, file: NamedFile, { accessed, modified }: AskedTimes): CallResult {
  const { inode } = file;
  if (accessed === 'invalid' || modified === 'invalid') return failed(EINVAL);
  if (accessed === undefined && modified === undefined) return 0n;
  const { credentials } = linux.place;
  if (!ownsFile(credentials, inode)) {
    if (accessed !== 'now' || modified !== 'now') return failed(EPERM);
    if (!permits(inode, credentials, MAY_WRITE)) return failed(EACCES);
  }
  const { now } = system.fileSystem;
  if (accessed !== undefined) inode.accessed = accessed === 'now' ? now : accessed;
  if (modified !== undefined) inode.modified = modified === 'now' ? now : modified;
  inode.changed = now;
  tellNamed(
    system.fileSystem,
    file,
    modified === undefined ? IN_ACCESS : accessed === undefined ? IN_MODIFY : IN_ATTRIB,
  );
  return 0n;
}

/** Two struct timespec or timeval. Throws EFAULT. */
function timesAt(context: LinuxContext, address: bigint, unitsPerSecond: bigint): AskedTimes {
  if (address === 0n) return NOW;
  const [accessed, modified] = [0n, 16n].map((at): AskedTime => {
    const { seconds, fraction } = timeFieldsAt(context, address + at);
    if (unitsPerSecond === NANOSECONDS && fraction === UTIME_NOW) return 'now';
    if (unitsPerSecond === NANOSECONDS && fraction === UTIME_OMIT) return undefined;
    if (fraction < 0n || fraction >= unitsPerSecond) return 'invalid';
    return seconds * NANOSECONDS + fraction * (NANOSECONDS / unitsPerSecond);
  });
  return { accessed, modified };
}

function utimensat(context: LinuxContext, fd: bigint, path: bigint, times: bigint, flagsArgument: bigint): CallResult {
  const flags = signed32(flagsArgument);
  const asked = timesAt(context, times, NANOSECONDS);
  if (asked.accessed === undefined && asked.modified === undefined) return 0n;
  if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return failed(EINVAL);
  if (path !== 0n) return changeTimes(context, namedAt(context, fd, path, flags), asked);
  return flags ? failed(EINVAL) : changeTimes(context, usableFileOf(context, fd), asked);
}

function futimesat(context: LinuxContext, fd: bigint, path: bigint, times: bigint): CallResult {
  const asked = timesAt(context, times, MICROSECONDS);
  if (asked.accessed === 'invalid' || asked.modified === 'invalid') return failed(EINVAL);
  return changeTimes(context, path === 0n ? fileOf(context, fd) : namedAt(context, fd, path, 0), asked);
}

function utimes(context: LinuxContext, path: bigint, times: bigint): CallResult {
  const asked = timesAt(context, times, MICROSECONDS);
  if (asked.accessed === 'invalid' || asked.modified === 'invalid') return failed(EINVAL);
  return changeTimes(context, namedAt(context, HERE, path, 0), asked);
}

function utime(context: LinuxContext, path: bigint, times: bigint): CallResult {
  const view = times === 0n ? undefined : viewAt(context, times, 16);
  const [accessed, modified] = [0, 8].map((at) => view && view.getBigInt64(at, true) * NANOSECONDS);
  return changeTimes(context, namedAt(context, HERE, path, 0), view ? { accessed, modified } : NOW);
}

function truncate(context: LinuxContext, path: bigint, length: bigint): CallResult {
  const size = BigInt.asIntN(64, length);
  if (size < 0n) return failed(EINVAL);
  const file = namedAt(context, HERE, path, 0);
  const { inode } = file;
  if (isDirectory(inode)) return failed(EISDIR);
  if (!(inode instanceof RegularFile)) return failed(EINVAL);
  requireAccess(inode, context.linux.place.credentials, MAY_WRITE);
  resize(context.system.fileSystem, inode, Number(size));
  tellNamed(context.system.fileSystem, file, IN_MODIFY);
  return 0n;
}

function ftruncate(context: LinuxContext, fd: bigint, length: bigint): CallResult {
  const size = BigInt.asIntN(64, length);
  if (size < 0n) return failed(EINVAL);
  const file = usableFileOf(context, fd);
  if (!(file instanceof OpenRegularFile) || !file.isWritable) return failed(EINVAL);
  resize(context.system.fileSystem, file.inode, Number(size));
  tellNamed(context.system.fileSystem, file, IN_MODIFY);
  return 0n;
}

function fallocate(
  context: LinuxContext,
  fd: bigint,
  modeArgument: bigint,
  offsetArgument: bigint,
  lengthArgument: bigint,
): CallResult {
  const mode = signed32(modeArgument);
  const [offset, length] = [offsetArgument, lengthArgument].map((each) => Number(BigInt.asIntN(64, each)));
  const file = usableFileOf(context, fd);
  if (offset! < 0 || length! <= 0) return failed(EINVAL);
  if (![0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE].includes(mode))
    return failed(EOPNOTSUPP);
  if (!file.isWritable) return failed(EBADF);
  if (isDirectory(file.inode)) return failed(EISDIR);
  if (!(file instanceof OpenRegularFile)) return failed(file.isSeekable ? ENODEV : ESPIPE);
  const end = offset! + length!;
  if (end > FILE_BYTES_MAX) return failed(EFBIG);
  const { content } = file.inode;
  if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) {
    const { fileSystem } = context.system;
    for (let at = offset!; at < Math.min(end, content.size); at += ZEROS.length)
      content.write(at, ZEROS.subarray(0, Math.min(ZEROS.length, Math.min(end, content.size) - at)), fileSystem);
  }
  if (!(mode & FALLOC_FL_KEEP_SIZE) && end > content.size) resize(context.system.fileSystem, file.inode, end);
  tellOpened(context.system.fileSystem, file, IN_MODIFY);
  return 0n;
}

const whole = { state: 'whole', differs: '' } as const;
const owner = ['owner', 'group'];

export const ATTRIBUTE_CALLS: readonly LinuxCall[] = [
  { number: 76, name: 'truncate', parameters: ['path', 'length'], perform: truncate, ...whole },
  { number: 77, name: 'ftruncate', parameters: ['fd', 'length'], perform: ftruncate, ...whole },
  { number: 90, name: 'chmod', parameters: ['path', 'mode'], perform: chmod, ...whole },
  { number: 91, name: 'fchmod', parameters: ['fd', 'mode'], perform: fchmod, ...whole },
  { number: 92, name: 'chown', parameters: ['path', ...owner], perform: chown, ...whole },
  { number: 93, name: 'fchown', parameters: ['fd', ...owner], perform: fchown, ...whole },
  { number: 94, name: 'lchown', parameters: ['path', ...owner], perform: lchown, ...whole },
  { number: 132, name: 'utime', parameters: ['path', 'times'], perform: utime, ...whole },
  { number: 235, name: 'utimes', parameters: ['path', 'times'], perform: utimes, ...whole },
  { number: 260, name: 'fchownat', parameters: ['fd', 'path', ...owner, 'flags'], perform: fchownat, ...whole },
  { number: 261, name: 'futimesat', parameters: ['fd', 'path', 'times'], perform: futimesat, ...whole },
  { number: 268, name: 'fchmodat', parameters: ['fd', 'path', 'mode'], perform: fchmodat, ...whole },
  { number: 280, name: 'utimensat', parameters: ['fd', 'path', 'times', 'flags'], perform: utimensat, ...whole },
  {
    ...{ number: 285, name: 'fallocate', parameters: ['fd', 'mode', 'offset', 'length'], perform: fallocate },
    ...{ state: 'part', differs: 'Without collapsing, inserting and unsharing ranges.' },
  },
];
