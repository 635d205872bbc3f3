import { PENDING, type CallResult } from '../../calls/call.js';
import { signed32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, failed } from '../errno.js';
import { AT_FDCWD, fileOf, makerAt, pathText } from '../files/arguments.js';
import {
  O_APPEND,
  O_ASYNC,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECT,
  O_LARGEFILE,
  O_NOATIME,
  O_NOCTTY,
  O_NONBLOCK,
  O_PATH,
  O_TMPFILE,
  O_TRUNC,
  O_WRONLY,
} from '../files/constants.js';
import { becomeTerminal, controllingTerminal } from '../files/foreground.js';
import { openPath } from '../files/open/opening.js';
import { openSpecialOf } from '../files/open/special.js';
import { OpenSlave } from '../terminals/open-ends.js';
import { OpenPipe } from '../files/open/pipe.js';
import { FILE_SYSTEM } from '../files/tree/inode.js';
import { PipeOpening } from '../files/open/pipe-opening.js';
import { addSeals, seals } from './memory-file.js';
import { fcntlLock, F_SETLKW, F_OFD_GETLK, F_OFD_SETLKW, F_GETLK } from './lock.js';

const { EBADF, EINVAL, EPERM } = LinuxErrno;

/** Commands of fcntl: include/uapi/asm-generic/fcntl.h and uapi/linux/fcntl.h. */
const F_DUPFD = 0;
const F_GETFD = 1;
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const F_SETOWN = 8;
const F_GETOWN = 9;
const F_DUPFD_CLOEXEC = 1030;
const F_SETPIPE_SZ = 1031;
const F_GETPIPE_SZ = 1032;
const F_ADD_SEALS = 1033;
const F_GET_SEALS = 1034;
const FD_CLOEXEC = 1;
/** What F_SETFL changes. */
const SETTABLE = O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME;

const CLOSE_RANGE_UNSHARE = 2;
const CLOSE_RANGE_CLOEXEC = 4;

const PIPE_BYTES_MIN = 4096;
const PIPE_BYTES_MAX = 2 ** 20;

function openat(
  context: LinuxContext,
  directory: bigint,
  address: bigint,
  flagsArgument: bigint,
  modeArgument: bigint,
): CallResult {
  const { linux, system } = context;
  const flags = signed32(flagsArgument) | O_LARGEFILE;
  const path = pathText(context, address);
  const { pending } = context;
  if (pending.work instanceof PipeOpening) return pipeOpened(context, pending.work, flags);
  const wantsMode = (flags & (O_CREAT | O_TMPFILE)) !== 0;
  const mode = wantsMode ? Number(modeArgument & 0o7777n) : 0;
  linux.files.free();
  const { fileSystem } = system;
  const maker = makerAt(context, directory, path);
  const opener = { terminal: controllingTerminal(context), linux };
  const file = openPath(fileSystem, maker, path, { flags, mode }, openSpecialOf(fileSystem, opener));
  if (file instanceof OpenSlave && !(flags & O_NOCTTY)) becomeTerminal(context, file.terminal.settings);
  if (file instanceof OpenPipe && isNamed(file) && file.isReadable !== file.isWritable)
    return openPipe(context, file, flags);
  return BigInt(linux.files.add(file, (flags & O_CLOEXEC) !== 0));
}

/** Other pipes are opened by way of /proc/PID/fd, and do not wait. */
function isNamed({ inode }: OpenPipe): boolean {
  return inode.fileSystem !== FILE_SYSTEM.pipe;
}

/** An end of a named pipe waits until somebody opens the other one, fifo(7). */
function openPipe(context: LinuxContext, file: OpenPipe, flags: number): CallResult {
  const { linux, system, pending } = context;
  const { pipe } = file;
  system.fileSystem.wake(pipe.number);
  const isAlone = file.isReadable ? pipe.writers === 0 : pipe.readers === 0;
  if (!isAlone || (flags & O_NONBLOCK && file.isReadable))
    return BigInt(linux.files.add(file, (flags & O_CLOEXEC) !== 0));
  const opening = new PipeOpening(system.fileSystem, file);
  if (flags & O_NONBLOCK) {
    opening.close();
    return failed(LinuxErrno.ENXIO);
  }
  pending.work = opening;
  return waitToOpen(context, opening);
}

function pipeOpened(context: LinuxContext, opening: PipeOpening, flags: number): CallResult {
  if (!opening.hasPartner) return waitToOpen(context, opening);
  return BigInt(context.linux.files.add(opening.take(), (flags & O_CLOEXEC) !== 0));
}

function waitToOpen({ pending }: LinuxContext, { number }: PipeOpening): CallResult {
  pending.wait = { deadline: Infinity, for: { kind: 'file', number }, late: undefined };
  return PENDING;
}

function open(context: LinuxContext, path: bigint, flags: bigint, mode: bigint): CallResult {
  return openat(context, BigInt(AT_FDCWD), path, flags, mode);
}

function creat(context: LinuxContext, path: bigint, mode: bigint): CallResult {
  return open(context, path, BigInt(O_CREAT | O_WRONLY | O_TRUNC), mode);
}

function close({ linux }: LinuxContext, fd: bigint): CallResult {
  linux.files.close(signed32(fd));
  return 0n;
}

function closeRange({ linux }: LinuxContext, first: bigint, last: bigint, flagsArgument: bigint): CallResult {
  const flags = signed32(flagsArgument);
  const [from, to] = [first, last].map((number) => Number(BigInt.asUintN(32, number)));
  if (flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) || from! > to!) return failed(EINVAL);
  for (const number of linux.files.numbers) {
    if (number < from! || number > to!) continue;
    if (flags & CLOSE_RANGE_CLOEXEC) linux.files.setClosesOnExec(number, true);
    else linux.files.close(number);
  }
  return 0n;
}

function dup(context: LinuxContext, fd: bigint): CallResult {
  return BigInt(context.linux.files.add(fileOf(context, fd), false));
}

function dup2(context: LinuxContext, old: bigint, wanted: bigint): CallResult {
  const file = fileOf(context, old);
  const number = signed32(wanted);
  return number === signed32(old) ? BigInt(number) : duplicateTo(context, file, number, false);
}

function dup3(context: LinuxContext, old: bigint, wanted: bigint, flagsArgument: bigint): CallResult {
  const flags = signed32(flagsArgument);
  if (flags & ~O_CLOEXEC || signed32(old) === signed32(wanted)) return failed(EINVAL);
  return duplicateTo(context, fileOf(context, old), signed32(wanted), (flags & O_CLOEXEC) !== 0);
}

function duplicateTo(
  { linux }: LinuxContext,
  file: ReturnType<typeof fileOf>,
  number: number,
  closesOnExec: boolean,
): CallResult {
  if (number < 0 || number >= linux.files.limit) return failed(EBADF);
  if (!linux.files.has(number)) linux.files.requireRoom();
  linux.files.put(number, file, closesOnExec);
  return BigInt(number);
}

function fcntl(context: LinuxContext, fd: bigint, commandArgument: bigint, argument: bigint): CallResult {
  const { linux } = context;
  const number = signed32(fd);
  const file = fileOf(context, fd);
  const command = signed32(commandArgument);
  switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC: {
      const least = signed32(argument);
      if (least < 0 || least >= linux.files.limit) return failed(EINVAL);
      return BigInt(linux.files.add(file, command === F_DUPFD_CLOEXEC, least));
    }
    case F_GETFD:
      return linux.files.closesOnExec(number) ? BigInt(FD_CLOEXEC) : 0n;
    case F_SETFD:
      linux.files.setClosesOnExec(number, (argument & BigInt(FD_CLOEXEC)) !== 0n);
      return 0n;
    case F_GETFL:
      return BigInt(file.flags);
  }
  if (file.flags & O_PATH) return failed(EBADF);
  if ((command >= F_GETLK && command <= F_SETLKW) || (command >= F_OFD_GETLK && command <= F_OFD_SETLKW))
    return fcntlLock(context, file, command, argument);
  return fcntlOther(context, file, command, argument);
}

function fcntlOther(
  context: LinuxContext,
  file: ReturnType<typeof fileOf>,
  command: number,
  argument: bigint,
): CallResult {
  switch (command) {
    case F_SETFL:
      file.flags = (file.flags & ~SETTABLE) | (signed32(argument) & SETTABLE);
      return 0n;
    case F_SETOWN:
      return 0n;
    case F_GETOWN:
      return 0n;
    case F_GETPIPE_SZ:
      return file instanceof OpenPipe ? BigInt(file.pipe.capacity) : failed(EBADF);
    case F_SETPIPE_SZ:
      return file instanceof OpenPipe ? setPipeSize(context, file, signed32(argument)) : failed(EBADF);
    case F_ADD_SEALS:
      return addSeals(file, argument);
    case F_GET_SEALS:
      return seals(file);
    default:
      return failed(EINVAL);
  }
}

function setPipeSize({ system }: LinuxContext, { pipe }: OpenPipe, wanted: number): CallResult {
  if (wanted < 0) return failed(EINVAL);
  if (wanted > PIPE_BYTES_MAX) return failed(EPERM);
  let size = PIPE_BYTES_MIN;
  while (size < wanted) size *= 2;
  if (size < pipe.takenBytes) return failed(LinuxErrno.EBUSY);
  pipe.capacity = size;
  system.fileSystem.wake(pipe.number);
  return BigInt(size);
}

function umask({ linux }: LinuxContext, mask: bigint): CallResult {
  const before = linux.place.umask;
  linux.place.umask = Number(mask & 0o777n);
  return BigInt(before);
}

const whole = { state: 'whole', differs: '' } as const;

export const DESCRIPTOR_CALLS: readonly LinuxCall[] = [
  { number: 2, name: 'open', parameters: ['path', 'flags', 'mode'], perform: open, ...whole },
  { number: 3, name: 'close', parameters: ['fd'], perform: close, ...whole },
  { number: 32, name: 'dup', parameters: ['fd'], perform: dup, ...whole },
  { number: 33, name: 'dup2', parameters: ['fd', 'wanted'], perform: dup2, ...whole },
  {
    ...{ number: 72, name: 'fcntl', parameters: ['fd', 'command', 'argument'], perform: fcntl },
    ...{ state: 'part', differs: 'F_SETOWN has no effect; leases and F_NOTIFY are refused.' },
  },
  { number: 85, name: 'creat', parameters: ['path', 'mode'], perform: creat, ...whole },
  { number: 95, name: 'umask', parameters: ['mask'], perform: umask, ...whole },
  { number: 257, name: 'openat', parameters: ['directory', 'path', 'flags', 'mode'], perform: openat, ...whole },
  { number: 292, name: 'dup3', parameters: ['fd', 'wanted', 'flags'], perform: dup3, ...whole },
  { number: 436, name: 'close_range', parameters: ['first', 'last', 'flags'], perform: closeRange, ...whole },
];
