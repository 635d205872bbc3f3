import { chargeBytes } from '../../calls/arguments.js';
import { PENDING, type CallResult } from '../../calls/call.js';
import { interruptedTransfer, signed32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, LinuxError, failed } from '../errno.js';
import { fileOf, usableFileOf, waitFor } from '../files/arguments.js';
import { stopInBackground, terminalOf } from '../files/foreground.js';
import { O_APPEND, O_NONBLOCK } from '../files/constants.js';
import { OpenDirectory } from '../files/open/directory.js';
import { WAIT, type OpenFile } from '../files/open/open-file.js';
import { SignalFile } from '../files/open/signal-file.js';
import { OpenPipe } from '../files/open/pipe.js';
import { OpenRegularFile } from '../files/open/regular.js';
import { put64, viewAt } from '../user-data.js';
import { TOSTOP } from '../terminals/termios.js';
import { OpenSocket } from '../sockets/open-socket.js';
import { Buffers } from './buffers.js';
import { readSignals } from './events/event-files.js';
import { readSocket, writeSocket } from './sockets/message.js';
import { sentBy } from '../signals/signal-info.js';
import { Signal } from '../signals/signal.js';

/** Bytes that are moved at once; longer transfers are made in parts, between which others may run. */
export const PART_BYTES = 65536;

/** Bytes of a pipe at most: how they are parted depends on how many are written. */
const PIPED_BYTES = 2 ** 20;

const { EBADF, EFAULT, EINVAL, EISDIR, ESPIPE, EPIPE } = LinuxErrno;

/** RWF_ flags of preadv2 and pwritev2: include/uapi/linux/fs.h. */
const RWF_APPEND = 0x10;
const RWF_KNOWN = 0x1f;

/** Reads into memory, from an offset or from the position of the file. */
function readInto(context: LinuxContext, file: OpenFile, buffers: Buffers, at?: number): CallResult {
  const { pending, system } = context;
  if (!file.isReadable) return failed(EBADF);
  if (file instanceof OpenDirectory) return failed(EISDIR);
  if (file instanceof OpenSocket) return readSocket(context, file, buffers);
  if (file instanceof SignalFile) return readSignals(context, file, buffers);
  const terminal = terminalOf(context, file);
  const stopped = terminal && stopInBackground(context, terminal, Signal.SIGTTIN);
  if (stopped !== undefined) return stopped;
  const done = pending.progress;
  const wanted = Math.min(buffers.length - done, PART_BYTES);
  const room = buffers.accessible(done, wanted, 'write');
  if (wanted > 0 && room === 0 && (done > 0 || !isSpent(file, at))) {
    if (file instanceof OpenRegularFile) file.noteRead(system.fileSystem);
    return done > 0 ? BigInt(done) : failed(EFAULT);
  }
  const deliver = (bytes: Uint8Array): void => buffers.put(done, bytes);
  const read = partly(done, () =>
    file.read(system.fileSystem, room === 0 ? wanted : room, deliver, at === undefined ? at : at + done),
  );
  if (read === WAIT) return done > 0 ? BigInt(done) : waitFor(context, file, file.patience(system.fileSystem));
  if (typeof read === 'bigint') return read;
  chargeBytes(context, read);
  const total = done + read;
  if (!file.isSeekable || read < room || room < wanted || total === buffers.length) return BigInt(total);
  pending.progress = total;
  return PENDING;
}

/** Writes from memory, at an offset or at the position of the file. */
function writeFrom(context: LinuxContext, file: OpenFile, buffers: Buffers, at?: number): CallResult {
  const { pending, system } = context;
  if (!file.isWritable) return failed(EBADF);
  if (file instanceof OpenSocket) return writeSocket(context, file, buffers);
  const terminal = terminalOf(context, file);
  const stopped = terminal?.has(TOSTOP) ? stopInBackground(context, terminal, Signal.SIGTTOU) : undefined;
  if (stopped !== undefined) return stopped;
  const done = pending.progress;
  const wanted = Math.min(buffers.length - done, file.isSeekable ? PART_BYTES : PIPED_BYTES);
  const given = buffers.accessible(done, wanted, 'read');
  if (wanted > 0 && given === 0) return done > 0 ? BigInt(done) : failed(EFAULT);
  const bytes = buffers.get(done, given);
  const write = (): number | typeof WAIT => file.write(system.fileSystem, bytes, at === undefined ? at : at + done);
  const written = partly(done, () => signalled(context, write));
  if (written === WAIT) return done > 0 && file.flags & O_NONBLOCK ? BigInt(done) : waitFor(context, file);
  if (typeof written === 'bigint') return written;
  chargeBytes(context, written);
  const total = done + written;
  if (total === buffers.length || given < wanted) return BigInt(total);
  pending.progress = total;
  return PENDING;
}

/** The bytes that were moved before, where what comes next fails. */
export function partly<T>(done: number, work: () => T): T | bigint {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof LinuxError) || done === 0) throw error;
    return BigInt(done);
  }
}

/** Who writes where nobody reads any more gets SIGPIPE. */
export function signalled<T>({ system, thread, linux }: LinuxContext, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof LinuxError && error.errno === EPIPE)
      system.signals.send(thread, sentBy(linux, Signal.SIGPIPE));
    throw error;
  }
}

/** Whether a file has nothing to read, so that nothing is stored. */
function isSpent(file: OpenFile, at = file.position): boolean {
  return file instanceof OpenPipe ? file.pipe.length === 0 : file instanceof OpenRegularFile && at >= file.inode.size;
}

/** The offset of pread and others; throws where the file has none, or it is negative. */
function offsetIn(file: OpenFile, offset: bigint): number {
  const signed = BigInt.asIntN(64, offset);
  if (signed < 0n) throw new LinuxError(EINVAL);
  if (!file.isSeekable) throw new LinuxError(ESPIPE);
  return Number(signed);
}

function read(context: LinuxContext, fd: bigint, buffer: bigint, length: bigint): CallResult {
  const file = usableFileOf(context, fd);
  return readInto(context, file, Buffers.of(context, buffer, length));
}

function write(context: LinuxContext, fd: bigint, buffer: bigint, length: bigint): CallResult {
  const file = usableFileOf(context, fd);
  return writeFrom(context, file, Buffers.of(context, buffer, length));
}

function pread64(context: LinuxContext, fd: bigint, buffer: bigint, length: bigint, offset: bigint): CallResult {
  if (BigInt.asIntN(64, offset) < 0n) return failed(EINVAL);
  const file = usableFileOf(context, fd);
  return readInto(context, file, Buffers.of(context, buffer, length), offsetIn(file, offset));
}

function pwrite64(context: LinuxContext, fd: bigint, buffer: bigint, length: bigint, offset: bigint): CallResult {
  if (BigInt.asIntN(64, offset) < 0n) return failed(EINVAL);
  const file = usableFileOf(context, fd);
  return writeFrom(context, file, Buffers.of(context, buffer, length), offsetIn(file, offset));
}

function readv(context: LinuxContext, fd: bigint, vector: bigint, count: bigint): CallResult {
  const file = usableFileOf(context, fd);
  if (!file.isReadable) return failed(EBADF);
  const buffers = Buffers.ofVector(context, vector, count);
  return buffers.length === 0 ? 0n : readInto(context, file, buffers);
}

function writev(context: LinuxContext, fd: bigint, vector: bigint, count: bigint): CallResult {
  const file = usableFileOf(context, fd);
  if (!file.isWritable) return failed(EBADF);
  const buffers = Buffers.ofVector(context, vector, count);
  return buffers.length === 0 ? 0n : writeFrom(context, file, buffers);
}

function preadv(context: LinuxContext, fd: bigint, vector: bigint, count: bigint, offset: bigint): CallResult {
  const file = usableFileOf(context, fd);
  const at = offsetIn(file, offset);
  return readInto(context, file, Buffers.ofVector(context, vector, count), at);
}

function pwritev(context: LinuxContext, fd: bigint, vector: bigint, count: bigint, offset: bigint): CallResult {
  const file = usableFileOf(context, fd);
  const at = offsetIn(file, offset);
  return writeFrom(context, file, Buffers.ofVector(context, vector, count), at);
}

/** preadv2 or pwritev2: a call with flags, of which those in `known` have no effect here, at the position if the offset is -1. */
function withFlags(known: number, atPosition: typeof readv, atOffset: typeof preadv): LinuxCall['perform'] {
  return (context, fd, vector, count, offset, _high, flags) => {
    if (signed32(flags) & ~known) return failed(LinuxErrno.EOPNOTSUPP);
    return BigInt.asIntN(64, offset) === -1n
      ? atPosition(context, fd, vector, count)
      : atOffset(context, fd, vector, count, offset);
  };
}

const preadv2 = withFlags(RWF_KNOWN, readv, preadv);
const pwritev2 = withFlags(RWF_KNOWN & ~RWF_APPEND, writev, pwritev);

/**
 * Copies from a file to another one, at an offset or at their positions, at most so many bytes in one part. A pipe to write to has
 * a reader and room.
 */
export function copyPart(
  context: LinuxContext,
  { from, at }: { readonly from: OpenFile; readonly at: number | undefined },
  { to, toAt }: { readonly to: OpenFile; readonly toAt: number | undefined },
  length: number,
): number | typeof WAIT {
  const files = context.system.fileSystem;
  let written: number | typeof WAIT = 0;
  let bytes = new Uint8Array(0);
  const start = at ?? from.position;
  const room = to instanceof OpenPipe ? Math.min(length, to.pipe.room) : length;
  const read = from.read(files, room, (given) => (bytes = given.slice()), start);
  if (read === WAIT) return WAIT;
  if (read > 0) written = signalled(context, () => to.write(files, bytes, toAt));
  if (written === WAIT) return WAIT;
  if (at === undefined && from.isSeekable) from.position = start + written;
  chargeBytes(context, written);
  return written;
}

function copyFileRange(
  context: LinuxContext,
  input: bigint,
  inputOffset: bigint,
  output: bigint,
  outputOffset: bigint,
  length: bigint,
  flags: bigint,
): CallResult {
  const [from, to] = [usableFileOf(context, input), usableFileOf(context, output)];
  if (flags !== 0n) return failed(EINVAL);
  if (from instanceof OpenDirectory || to instanceof OpenDirectory) return failed(EISDIR);
  if (!(from instanceof OpenRegularFile) || !(to instanceof OpenRegularFile)) return failed(EINVAL);
  if (!from.isReadable || !to.isWritable || to.flags & O_APPEND) return failed(EBADF);
  const [at, toAt] = [inputOffset, outputOffset].map((address) =>
    address === 0n ? undefined : Number(viewAt(context, address, 8).getBigInt64(0, true)),
  );
  if ((at ?? 0) < 0 || (toAt ?? 0) < 0) return failed(EINVAL);
  const start = at ?? from.position;
  const there = Math.min(Number(length), Math.max(0, from.inode.size - start));
  if (from.inode === to.inode && overlaps(start, toAt ?? to.position, there)) return failed(EINVAL);
  const wanted = Math.min(there, PART_BYTES);
  const copied = copyPart(context, { from, at }, { to, toAt }, wanted) as number;
  if (at !== undefined) put64(context, inputOffset, BigInt(at + copied));
  if (toAt !== undefined) put64(context, outputOffset, BigInt(toAt + copied));
  return BigInt(copied);
}

function overlaps(a: number, b: number, length: number): boolean {
  return a < b + length && b < a + length;
}

function lseek(context: LinuxContext, fd: bigint, offset: bigint, whence: bigint): CallResult {
  const file = usableFileOf(context, fd);
  const kind = Number(BigInt.asUintN(32, whence));
  if (kind > 4) return failed(EINVAL);
  return BigInt(file.seek(context.system.fileSystem, Number(BigInt.asIntN(64, offset)), kind));
}

/** Advice, and what is on its way to a disk: checked, and without an effect. */
function checkFile(context: LinuxContext, fd: bigint): CallResult {
  return usableFileOf(context, fd).isSeekable ? 0n : failed(ESPIPE);
}

/** fsync and fdatasync: what was written becomes a VMO. */
function fsync(context: LinuxContext, fd: bigint): CallResult {
  const file = usableFileOf(context, fd);
  if (file instanceof OpenRegularFile) file.inode.content.settle(context.system.fileSystem);
  else if (!file.isSeekable) return failed(EINVAL);
  return sync(context);
}

function sync({ system }: LinuxContext): CallResult {
  system.fileSystem.keep();
  return 0n;
}

function syncfs(context: LinuxContext, fd: bigint): CallResult {
  fileOf(context, fd);
  return sync(context);
}

const whole = { state: 'whole', differs: '' } as const;
const moved = { ...whole, interrupted: interruptedTransfer } as const;
const some = ['fd', 'buffer', 'length'];
const vector = ['fd', 'vector', 'count'];

export const TRANSFER_CALLS: readonly LinuxCall[] = [
  { number: 0, name: 'read', parameters: some, perform: read, ...moved },
  { number: 1, name: 'write', parameters: some, perform: write, ...moved },
  { number: 8, name: 'lseek', parameters: ['fd', 'offset', 'whence'], perform: lseek, ...whole },
  { number: 17, name: 'pread64', parameters: [...some, 'offset'], perform: pread64, ...moved },
  { number: 18, name: 'pwrite64', parameters: [...some, 'offset'], perform: pwrite64, ...moved },
  { number: 19, name: 'readv', parameters: vector, perform: readv, ...moved },
  { number: 20, name: 'writev', parameters: vector, perform: writev, ...moved },
  { number: 74, name: 'fsync', parameters: ['fd'], perform: fsync, ...whole },
  { number: 75, name: 'fdatasync', parameters: ['fd'], perform: fsync, ...whole },
  { number: 162, name: 'sync', parameters: [], perform: sync, ...whole },
  { number: 187, name: 'readahead', parameters: ['fd', 'offset', 'count'], perform: checkFile, ...whole },
  {
    ...{ number: 221, name: 'fadvise64', parameters: ['fd', 'offset', 'length', 'advice'], perform: checkFile },
    ...{ state: 'whole', differs: 'Advice has no effect.' },
  },
  { number: 295, name: 'preadv', parameters: [...vector, 'offset'], perform: preadv, ...moved },
  { number: 296, name: 'pwritev', parameters: [...vector, 'offset'], perform: pwritev, ...moved },
  { number: 306, name: 'syncfs', parameters: ['fd'], perform: syncfs, ...whole },
  {
    ...{ number: 326, name: 'copy_file_range', perform: copyFileRange, ...whole },
    parameters: ['input', 'inputOffset', 'output', 'outputOffset', 'length', 'flags'],
  },
  {
    ...{ number: 327, name: 'preadv2', parameters: [...vector, 'offset', 'high', 'flags'], perform: preadv2 },
    ...{ state: 'part', differs: 'Flags have no effect.' },
  },
  {
    ...{ number: 328, name: 'pwritev2', parameters: [...vector, 'offset', 'high', 'flags'], perform: pwritev2 },
    ...{ state: 'part', differs: 'Flags have no effect; RWF_APPEND is refused.' },
  },
];
