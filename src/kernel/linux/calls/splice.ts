/** Moving bytes between files, and to and from pipes: sendfile(2), splice(2), tee(2), vmsplice(2), fs/splice.c of Linux. */
import { chargeBytes } from '../../calls/arguments.js';
import { PENDING, type CallResult } from '../../calls/call.js';
import { interruptedTransfer, signed32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, LinuxError, failed } from '../errno.js';
import { usableFileOf, waitFor } from '../files/arguments.js';
import { O_APPEND, O_NONBLOCK } from '../files/constants.js';
import { DEVICE, OpenDevice } from '../files/open/device.js';
import { OpenDirectory } from '../files/open/directory.js';
import { EventCounter } from '../files/open/event-counter.js';
import { WAIT, type OpenFile } from '../files/open/open-file.js';
import { OpenPipe } from '../files/open/pipe.js';
import { SignalFile } from '../files/open/signal-file.js';
import { TimerFile } from '../files/open/timer-file.js';
import { NotifyFile } from '../files/notify/notify-file.js';
import { put64, viewAt } from '../user-data.js';
import { Buffers } from './buffers.js';
import { PART_BYTES, copyPart, partly, signalled } from './transfer.js';

const { EAGAIN, EBADF, EFAULT, EINVAL, ESPIPE } = LinuxErrno;

/* include/linux/splice.h */
const SPLICE_F_NONBLOCK = 2;
const SPLICE_F_ALL = 15;

/** Bytes that one call moves at most. */
const MOVED_BYTES = 2 ** 20;

/** Files whose operations have no splice_read and splice_write. */
const NEVER_SPLICED = [OpenDirectory, EventCounter, SignalFile, TimerFile, NotifyFile];

function splice(
  context: LinuxContext,
  input: bigint,
  inputOffset: bigint,
  output: bigint,
  outputOffset: bigint,
  length: bigint,
  flagsArgument: bigint,
): CallResult {
  const flags = signed32(flagsArgument);
  if (length === 0n) return 0n;
  if (flags & ~SPLICE_F_ALL) return failed(EINVAL);
  const [from, to] = [usableFileOf(context, input), usableFileOf(context, output)];
  const [source, target] = [from, to].map((file) => (file instanceof OpenPipe ? file : undefined));
  if ((source && inputOffset !== 0n) || (target && outputOffset !== 0n)) return failed(ESPIPE);
  const toAt = offsetAt(context, outputOffset);
  const at = offsetAt(context, inputOffset);
  if (!from.isReadable || !to.isWritable) return failed(EBADF);
  const wanted = bounded(length);
  if (source && target) return movePiped(context, source, target, { wanted, flags, isCopy: false });
  if (source) {
    const taken = takeOut(context, source, to, { wanted, flags, toAt });
    if (typeof taken === 'number') moveOffset(context, to, outputOffset, taken);
    return typeof taken === 'number' ? BigInt(taken) : taken;
  }
  if (!target) return failed(EINVAL);
  const put = putIn(context, from, target, { wanted, flags, at });
  if (typeof put === 'number') moveOffset(context, from, inputOffset, put);
  return typeof put === 'number' ? BigInt(put) : put;
}

function bounded(length: bigint): number {
  return length < BigInt(MOVED_BYTES) ? Number(length) : MOVED_BYTES;
}

function offsetAt(context: LinuxContext, address: bigint): number | undefined {
  return address === 0n ? undefined : Number(viewAt(context, address, 8).getBigInt64(0, true));
}

/** Moves an offset that was given on by what was moved. Devices have no positions. */
function moveOffset(context: LinuxContext, file: OpenFile, address: bigint, moved: number): void {
  const offset = offsetAt(context, address);
  if (offset !== undefined && !(file instanceof OpenDevice)) put64(context, address, BigInt(offset + moved));
}

/** Throws EINVAL for a file that has no such offset. */
function requireOffset(file: OpenFile, at: number | undefined): void {
  if (at !== undefined && (!file.isSeekable || at < 0)) throw new LinuxError(EINVAL);
}

/** Throws EINVAL for a file that cannot be spliced. */
function requireSpliced(file: OpenFile): void {
  if (NEVER_SPLICED.some((kind) => file instanceof kind)) throw new LinuxError(EINVAL);
}

/** Whether a file is /dev/null, which has no splice_read. */
function isNull(file: OpenFile): boolean {
  return file instanceof OpenDevice && file.inode.device === DEVICE.null;
}

/** Waits for a file, unless the call or the file says that it shall not. */
function waitUnless(context: LinuxContext, flags: number, file: OpenFile): CallResult {
  return flags & SPLICE_F_NONBLOCK ? failed(EAGAIN) : waitFor(context, file);
}

/** Takes bytes from a pipe and writes them to a file that is not a pipe. */
function takeOut(
  context: LinuxContext,
  from: OpenPipe,
  to: OpenFile,
  { wanted, flags, toAt }: { readonly wanted: number; readonly flags: number; readonly toAt: number | undefined },
): number | CallResult {
  const { fileSystem } = context.system;
  requireOffset(to, toAt);
  requireSpliced(to);
  if (to.flags & O_APPEND && to.isSeekable) return failed(EINVAL);
  if (from.pipe.length === 0) return from.pipe.writers === 0 ? 0 : waitUnless(context, flags, from);
  const bytes = from.pipe.peek(wanted);
  const written = signalled(context, () => to.write(fileSystem, bytes, toAt));
  if (written === WAIT) return waitUnless(context, flags, to);
  from.take(fileSystem, written);
  chargeBytes(context, written);
  return written;
}

/** Reads from a file that is no pipe into one. */
function putIn(
  context: LinuxContext,
  from: OpenFile,
  to: OpenPipe,
  { wanted, flags, at }: { readonly wanted: number; readonly flags: number; readonly at: number | undefined },
): number | CallResult {
  requireOffset(from, at);
  signalled(context, () => to.requireReader());
  if (to.pipe.room === 0) return waitUnless(context, flags, to);
  requireSpliced(from);
  if (isNull(from)) return failed(EINVAL);
  const copied = copyPart(context, { from, at }, { to, toAt: undefined }, wanted);
  return copied === WAIT ? waitUnless(context, flags, from) : copied;
}

/** sendfile(2). */
function sendfile(context: LinuxContext, output: bigint, input: bigint, offset: bigint, count: bigint): CallResult {
  const { pending } = context;
  const start = offset === 0n ? undefined : Number(viewAt(context, offset, 8).getBigInt64(0, true));
  const from = usableFileOf(context, input);
  if (!from.isReadable) return failed(EBADF);
  if (!from.isSeekable && start !== undefined) return failed(ESPIPE);
  if (start !== undefined && start < 0) return failed(EINVAL);
  const to = usableFileOf(context, output);
  if (!to.isWritable) return failed(EBADF);
  // Linux waits for room in the pipe before it checks the input: fs/splice.c "splice_file_to_pipe".
  if (to instanceof OpenPipe) {
    signalled(context, () => to.requireReader());
    if (to.pipe.room === 0) return waitFor(context, to);
  } else if (!from.isSeekable || to.flags & O_APPEND) return failed(EINVAL);
  if (count === 0n) return 0n;
  if (from instanceof OpenDirectory || isNull(from)) return failed(EINVAL);
  if (!from.isSeekable) return sendFromStream(context, from, to, count);
  const done = pending.progress;
  const wanted = Math.min(Number(count) - done, PART_BYTES);
  const copied = partly(done, () => copyPart(context, { from, at: start }, { to, toAt: undefined }, wanted));
  if (copied === WAIT) return done > 0 && to.flags & O_NONBLOCK ? BigInt(done) : waitFor(context, to);
  if (typeof copied === 'bigint') return copied;
  if (start !== undefined) put64(context, offset, BigInt(start + copied));
  const total = done + copied;
  if (copied === 0 || total >= Number(count) || to instanceof OpenPipe) return BigInt(total);
  pending.progress = total;
  return PENDING;
}

/** Moves what a file without offsets has into a pipe, as far as there is room. */
function sendFromStream(context: LinuxContext, from: OpenFile, to: OpenFile, count: bigint): CallResult {
  if (from instanceof OpenPipe || !(to instanceof OpenPipe)) return failed(EINVAL);
  const flags = to.flags & O_NONBLOCK ? SPLICE_F_NONBLOCK : 0;
  const put = putIn(context, from, to, { wanted: bounded(count), flags, at: undefined });
  return typeof put === 'number' ? BigInt(put) : put;
}

/** Moves bytes from a pipe to another one, or copies them. */
function movePiped(
  context: LinuxContext,
  from: OpenPipe,
  to: OpenPipe,
  { wanted, flags, isCopy }: { readonly wanted: number; readonly flags: number; readonly isCopy: boolean },
): CallResult {
  const { fileSystem } = context.system;
  if (from.pipe === to.pipe) return failed(EINVAL);
  const either = (from.flags | to.flags) & O_NONBLOCK ? flags | SPLICE_F_NONBLOCK : flags;
  if (from.pipe.length === 0 && from.pipe.writers > 0) return waitUnless(context, either, from);
  signalled(context, () => to.requireReader());
  if (from.pipe.length === 0) return 0n;
  const room = to.pipe.room;
  if (room === 0) return waitUnless(context, either, to);
  const written = to.write(fileSystem, from.pipe.peek(Math.min(wanted, room)));
  if (written === WAIT) return waitUnless(context, either, to);
  if (!isCopy) from.take(fileSystem, written);
  chargeBytes(context, written);
  return BigInt(written);
}

function tee(context: LinuxContext, input: bigint, output: bigint, length: bigint, flagsArgument: bigint): CallResult {
  const flags = signed32(flagsArgument);
  if (flags & ~SPLICE_F_ALL) return failed(EINVAL);
  if (length === 0n) return 0n;
  const [from, to] = [usableFileOf(context, input), usableFileOf(context, output)];
  if (!from.isReadable || !to.isWritable) return failed(EBADF);
  if (!(from instanceof OpenPipe) || !(to instanceof OpenPipe)) return failed(EINVAL);
  return movePiped(context, from, to, { wanted: bounded(length), flags, isCopy: true });
}

/** Writes memory to a pipe, as much as there is room for, or reads from one. */
function vmsplice(context: LinuxContext, fd: bigint, vector: bigint, count: bigint, flagsArgument: bigint): CallResult {
  const flags = signed32(flagsArgument);
  if (flags & ~SPLICE_F_ALL) return failed(EINVAL);
  const file = usableFileOf(context, fd);
  if (!file.isReadable && !file.isWritable) return failed(EBADF);
  const buffers = Buffers.ofVector(context, vector, count);
  if (buffers.length === 0) return 0n;
  if (!(file instanceof OpenPipe)) return failed(EBADF);
  return file.isWritable ? putMemory(context, file, buffers, flags) : takeToMemory(context, file, buffers, flags);
}

function putMemory(context: LinuxContext, to: OpenPipe, buffers: Buffers, flags: number): CallResult {
  signalled(context, () => to.requireReader());
  const room = to.pipe.room;
  if (room === 0) return waitUnless(context, flags, to);
  const given = buffers.accessible(0, Math.min(buffers.length, room), 'read');
  if (given === 0) return failed(EFAULT);
  const written = to.write(context.system.fileSystem, buffers.get(0, given));
  if (written === WAIT) return waitUnless(context, flags, to);
  chargeBytes(context, written);
  return BigInt(written);
}

function takeToMemory(context: LinuxContext, from: OpenPipe, buffers: Buffers, flags: number): CallResult {
  const { fileSystem } = context.system;
  if (from.pipe.length === 0) return from.pipe.writers === 0 ? 0n : waitUnless(context, flags, from);
  const room = buffers.accessible(0, Math.min(buffers.length, from.pipe.length), 'write');
  if (room === 0) return failed(EFAULT);
  const bytes = from.pipe.peek(room);
  buffers.put(0, bytes);
  from.take(fileSystem, bytes.length);
  chargeBytes(context, bytes.length);
  return BigInt(bytes.length);
}

const part = {
  state: 'part',
  differs: 'Bytes are copied: how full they make a pipe is as if they had been written to it.',
} as const;

export const SPLICE_CALLS: readonly LinuxCall[] = [
  {
    ...{ number: 40, name: 'sendfile', parameters: ['output', 'input', 'offset', 'count'], perform: sendfile },
    ...{ state: 'whole', differs: '', interrupted: interruptedTransfer },
  },
  {
    ...{ number: 275, name: 'splice', perform: splice, ...part },
    parameters: ['input', 'inputOffset', 'output', 'outputOffset', 'length', 'flags'],
  },
  { number: 276, name: 'tee', parameters: ['input', 'output', 'length', 'flags'], perform: tee, ...part },
  { number: 278, name: 'vmsplice', parameters: ['fd', 'vector', 'count', 'flags'], perform: vmsplice, ...part },
];
