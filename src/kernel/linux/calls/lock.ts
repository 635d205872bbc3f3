import { PENDING, type CallResult } from '../../calls/call.js';
import { signed32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, failed } from '../errno.js';
import { usableFileOf } from '../files/arguments.js';
import { FileLocks, type RangeLock } from '../files/locks.js';
import type { OpenFile } from '../files/open/open-file.js';
import type { Inode } from '../files/tree/inode.js';
import { putFields, viewAt } from '../user-data.js';

const { EAGAIN, EBADF, EINVAL, ENOLCK } = LinuxErrno;

/** include/uapi/asm-generic/fcntl.h */
export const F_GETLK = 5;
const F_SETLK = 6;
export const F_SETLKW = 7;
export const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
export const F_OFD_SETLKW = 38;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;
const FLOCK_BYTES = 32;

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

/** Locks that one file may have. */
const LOCKS_MAX = 4096;

/** struct flock, with where it is. */
interface AskedLock extends RangeLock {
  readonly type: number;
  readonly address: bigint;
}

/** F_GETLK, F_SETLK, F_SETLKW and those of open files. */
export function fcntlLock(context: LinuxContext, file: OpenFile, command: number, address: bigint): CallResult {
  const asked = lockAt(context, file, command >= F_OFD_GETLK, address);
  if (!asked) return failed(EINVAL);
  if (command === F_GETLK || command === F_OFD_GETLK) return tellConflict(context, file, asked);
  if (asked.type === F_RDLCK && !file.isReadable) return failed(EBADF);
  if (asked.type === F_WRLCK && !file.isWritable) return failed(EBADF);
  if (asked.type === F_UNLCK) return unlock(context, file.inode, asked);
  const locks = locksOf(context, file.inode);
  if (locks.conflict(asked))
    return command === F_SETLK || command === F_OFD_SETLK ? failed(EAGAIN) : waitForLock(context, locks);
  if (locks.count >= LOCKS_MAX) return failed(ENOLCK);
  const { type: _, address: __, ...lock } = asked;
  locks.set(lock);
  context.system.fileSystem.wake(locks.number);
  return 0n;
}

function lockAt(context: LinuxContext, file: OpenFile, isOfFile: boolean, address: bigint): AskedLock | undefined {
  const view = viewAt(context, address, FLOCK_BYTES);
  const [type, whence] = [view.getInt16(0, true), view.getInt16(2, true)];
  if (type < F_RDLCK || type > F_UNLCK || whence < 0 || whence > 2) return undefined;
  if (isOfFile && view.getInt32(24, true) !== 0) return undefined;
  const base = whence === 0 ? 0 : whence === 1 ? file.position : file.inode.size;
  const start = base + Number(view.getBigInt64(8, true));
  const length = Number(view.getBigInt64(16, true));
  const [from, end] = length < 0 ? [start + length, start] : [start, length === 0 ? Infinity : start + length];
  if (from < 0) return undefined;
  const owner = isOfFile ? file : context.linux.files;
  const pid = isOfFile ? -1 : context.linux.pid;
  return { type, address, start: from, end, isExclusive: type === F_WRLCK, owner, pid };
}

function tellConflict(context: LinuxContext, { inode }: OpenFile, asked: AskedLock): CallResult {
  if (asked.type === F_UNLCK) return failed(EINVAL);
  const found = inode.locks?.conflict(asked);
  const before = viewAt(context, asked.address, FLOCK_BYTES);
  return putFields(context, asked.address, FLOCK_BYTES, (view) => {
    for (let at = 0; at < FLOCK_BYTES; at++) view.setUint8(at, before.getUint8(at));
    view.setInt16(0, found ? (found.isExclusive ? F_WRLCK : F_RDLCK) : F_UNLCK, true);
    if (!found) return;
    view.setInt16(2, 0, true);
    view.setBigInt64(8, BigInt(found.start), true);
    view.setBigInt64(16, found.end === Infinity ? 0n : BigInt(found.end - found.start), true);
    view.setInt32(24, found.pid, true);
  });
}

function unlock({ system }: LinuxContext, inode: Inode, asked: AskedLock): CallResult {
  const { locks } = inode;
  if (!locks) return 0n;
  locks.clear(asked);
  system.fileSystem.wake(locks.number);
  if (locks.isEmpty) inode.locks = undefined;
  return 0n;
}

function flock(context: LinuxContext, fd: bigint, operationArgument: bigint): CallResult {
  const { system } = context;
  const file = usableFileOf(context, fd);
  const operation = signed32(operationArgument);
  const kind = operation & ~LOCK_NB;
  if (kind === LOCK_UN) {
    file.inode.locks?.unlockWhole(file);
    if (file.inode.locks) system.fileSystem.wake(file.inode.locks.number);
    return 0n;
  }
  if (kind !== LOCK_SH && kind !== LOCK_EX) return failed(EINVAL);
  const locks = locksOf(context, file.inode);
  if (locks.lockWhole(file, kind === LOCK_EX)) {
    system.fileSystem.wake(locks.number);
    return 0n;
  }
  return operation & LOCK_NB ? failed(EAGAIN) : waitForLock(context, locks);
}

function locksOf({ system }: LinuxContext, inode: Inode): FileLocks {
  return (inode.locks ??= new FileLocks(system.fileSystem.takeNumber()));
}

function waitForLock({ pending }: LinuxContext, { number }: FileLocks): CallResult {
  pending.wait = { deadline: Infinity, for: { kind: 'file', number }, late: undefined };
  return PENDING;
}

export const LOCK_CALLS: readonly LinuxCall[] = [
  {
    ...{ number: 73, name: 'flock', parameters: ['fd', 'operation'], perform: flock },
    ...{ state: 'whole', differs: '' },
  },
];
