/** POSIX message queues: mq_overview(7), ipc/mqueue.c. */
import type { CallResult } from '../../../calls/call.js';
import { HOST_BYTES } from '../../../host-memory.js';
import { deadlineTick } from '../../../tasks/thread.js';
import { signed32, unsigned32, type LinuxCall, type LinuxContext } from '../../call.js';
import { LinuxErrno, LinuxError, failed } from '../../errno.js';
import { fileOf, pathText } from '../../files/arguments.js';
import {
  MAY_READ,
  MAY_WRITE,
  NAME_MAX,
  O_ACCMODE,
  O_CREAT,
  O_EXCL,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  S_IFREG,
} from '../../files/constants.js';
import { ownsFile, requireAccess } from '../../files/credentials.js';
import { FILE_SYSTEM, SpecialFile } from '../../files/tree/inode.js';
import { PRIORITIES, PosixQueue, QueueSleeper, queueBytes, type PosixMessage } from '../../ipc/posix-queue.js';
import { QueueFile } from '../../ipc/queue-file.js';
import { ofQueue } from '../../signals/signal-info.js';
import { timespecAt } from '../../timespec.js';
import { bytesAt, put32, putBytes, putFields, viewAt } from '../../user-data.js';

const {
  EACCES,
  EAGAIN,
  EBADF,
  EBUSY,
  EEXIST,
  EINVAL,
  EMFILE,
  EMSGSIZE,
  ENAMETOOLONG,
  ENOENT,
  ENOMEM,
  ENOSPC,
  ETIMEDOUT,
} = LinuxErrno;

/** Bytes of a struct mq_attr. */
const ATTRIBUTES_BYTES = 64;
/** Of a queue whose maker says nothing, and those that only the administrator may pass: /proc/sys/fs/mqueue. */
const MESSAGES_DEFAULT = 10;
const MESSAGE_BYTES_DEFAULT = 8192;
/** What the administrator may not pass either. */
const MESSAGES_MAX = 65_536;
const MESSAGE_BYTES_MAX = 16_777_216;
const QUEUES_MAX = 256;
const RLIMIT_MSGQUEUE = 12;
const BYTES_OF_USER = 819_200n;
const SIGNALS = 64;
/* include/uapi/asm-generic/siginfo.h */
const SIGEV_SIGNAL = 0;
const SIGEV_NONE = 1;
const SIGEVENT_BYTES = 64;

/** What a queue is made with. */
interface QueueAttributes {
  readonly maxMessages: number;
  readonly maxBytes: number;
}

function mqOpen(context: LinuxContext, path: bigint, flagsArgument: bigint, mode: bigint, address: bigint): CallResult {
  const { linux, system } = context;
  const { posix } = system.ipc;
  const flags = signed32(flagsArgument);
  const attributes = flags & O_CREAT && address !== 0n ? attributesAt(context, address) : undefined;
  const name = nameAt(context, path);
  linux.files.free();
  const found = posix.named.get(name);
  if (found) {
    if (flags & O_CREAT && flags & O_EXCL) return failed(EEXIST);
    const way = flags & O_ACCMODE;
    if (way === O_ACCMODE) return failed(EINVAL);
    const wanted = way === O_RDONLY ? MAY_READ : way === O_WRONLY ? MAY_WRITE : MAY_READ | MAY_WRITE;
    requireAccess(found.inode, linux.place.credentials, wanted);
  } else if (!(flags & O_CREAT)) return failed(ENOENT);
  const queue = found ?? make(context, name, unsigned32(mode), attributes);
  system.fileSystem.hold(queue.inode);
  const file = new QueueFile(queue, flags & (O_ACCMODE | O_NONBLOCK), posix);
  return BigInt(linux.files.add(file, true));
}

/** A name, without the slash at its start. Throws EACCES, EFAULT, ENAMETOOLONG. */
function nameAt(context: LinuxContext, address: bigint): string {
  const name = pathText(context, address);
  if (name.length > NAME_MAX) throw new LinuxError(ENAMETOOLONG);
  if (name === '') throw new LinuxError(ENOENT);
  if (name === '.' || name === '..' || name.includes('/')) throw new LinuxError(EACCES);
  return name;
}

function attributesAt(context: LinuxContext, address: bigint): QueueAttributes {
  const view = viewAt(context, address, ATTRIBUTES_BYTES);
  return { maxMessages: Number(view.getBigInt64(8, true)), maxBytes: Number(view.getBigInt64(16, true)) };
}

function make(
  context: LinuxContext,
  name: string,
  mode: number,
  attributes: QueueAttributes = { maxMessages: MESSAGES_DEFAULT, maxBytes: MESSAGE_BYTES_DEFAULT },
): PosixQueue {
  const { linux, system, hostMemory } = context;
  const { posix } = system.ipc;
  const { fileSystem } = system;
  const { user: owner, group } = linux.place.credentials;
  const isAdministrator = owner === 0;
  if (posix.named.size >= QUEUES_MAX && !isAdministrator) throw new LinuxError(ENOSPC);
  const { maxMessages, maxBytes } = attributes;
  const [mostMessages, mostBytes] = isAdministrator
    ? [MESSAGES_MAX, MESSAGE_BYTES_MAX]
    : [MESSAGES_DEFAULT, MESSAGE_BYTES_DEFAULT];
  if (maxMessages <= 0 || maxBytes <= 0 || maxMessages > mostMessages || maxBytes > mostBytes)
    throw new LinuxError(EINVAL);
  const limit = linux.limits.get(RLIMIT_MSGQUEUE)?.[0] ?? BYTES_OF_USER;
  if (BigInt(posix.bytesOf(owner) + queueBytes(maxMessages, maxBytes)) > limit) throw new LinuxError(EMFILE);
  if (!hostMemory.hasRoom(HOST_BYTES.ipcObject)) throw new LinuxError(ENOMEM);
  const number = fileSystem.takeNumber();
  const permissions = S_IFREG | (mode & 0o7777 & ~linux.place.umask);
  const inode = new SpecialFile(
    { id: 0, number, fileSystem: FILE_SYSTEM.anonymous },
    { mode: permissions, owner, group, links: 1, time: fileSystem.now },
  );
  const queue = new PosixQueue(inode, owner, maxMessages, maxBytes, number);
  hostMemory.charge('ipcObject');
  posix.add(name, queue);
  return queue;
}

function mqUnlink(context: LinuxContext, path: bigint): CallResult {
  const { linux, system } = context;
  const { posix } = system.ipc;
  const name = nameAt(context, path);
  const queue = posix.named.get(name);
  if (!queue) return failed(ENOENT);
  // The directory of the queues is root's, with the sticky bit.
  if (!ownsFile(linux.place.credentials, queue.inode)) throw new LinuxError(LinuxErrno.EPERM);
  posix.unlink(name, system.fileSystem);
  return 0n;
}

/** The queue of a descriptor that may be read or written. Throws EBADF. */
function queueFileOf(context: LinuxContext, fd: bigint, right?: 'isReadable' | 'isWritable'): QueueFile {
  const file = fileOf(context, fd);
  if (!(file instanceof QueueFile) || (right && !file[right])) throw new LinuxError(EBADF);
  return file;
}

/** The tick of a deadline by the clock of the day; Infinity for none. Throws EFAULT, EINVAL. */
function deadlineAt(context: LinuxContext, address: bigint): number {
  if (address === 0n) return Infinity;
  const time = timespecAt(context, address);
  if (time === undefined) throw new LinuxError(EINVAL);
  const tick = time - context.system.epoch;
  return tick < 0n ? 0 : deadlineTick(tick);
}

function mqTimedsend(
  context: LinuxContext,
  fd: bigint,
  address: bigint,
  length: bigint,
  priorityArgument: bigint,
  timeout: bigint,
): CallResult {
  const { system, pending } = context;
  if (pending.work) return (pending.work as QueueSleeper).goOn(context, ETIMEDOUT);
  const deadline = deadlineAt(context, timeout);
  const priority = unsigned32(priorityArgument);
  if (priority >= PRIORITIES) return failed(EINVAL);
  const file = queueFileOf(context, fd, 'isWritable');
  const { queue } = file;
  if (length > BigInt(queue.maxBytes)) return failed(EMSGSIZE);
  const message = { priority, bytes: bytesAt(context, address, Number(length)) };
  requireRoomFor(context, message);
  if (queue.isFull) {
    if (file.flags & O_NONBLOCK) return failed(EAGAIN);
    return new QueueSleeper(placeOf(context, deadline), queue.senders, message).goOn(context, ETIMEDOUT);
  }
  if (queue.put(message, system.fileSystem)) notify(context, queue);
  return 0n;
}

function placeOf({ system }: LinuxContext, deadline: number): { readonly number: number; readonly deadline: number } {
  return { number: system.fileSystem.takeNumber(), deadline };
}

function requireRoomFor({ hostMemory }: LinuxContext, { bytes }: PosixMessage): void {
  if (!hostMemory.hasRoom(HOST_BYTES.message + bytes.length * HOST_BYTES.messageByte)) throw new LinuxError(ENOMEM);
}

/** A message has come to an empty queue: the registered process is notified, once. */
function notify({ linux, system }: LinuxContext, queue: PosixQueue): void {
  const { notification } = queue;
  if (!notification) return;
  queue.notification = undefined;
  const { signal, process, value } = notification;
  const info = signal !== undefined && ofQueue(signal, linux.pid, linux.place.credentials.user, value);
  if (info) system.signals.send(process.signals.process, info);
}

function mqTimedreceive(
  context: LinuxContext,
  fd: bigint,
  address: bigint,
  length: bigint,
  priority: bigint,
  timeout: bigint,
): CallResult {
  const { system, pending } = context;
  const known = pending.work as QueueSleeper | undefined;
  if (known) return received(context, known, address, priority);
  const deadline = deadlineAt(context, timeout);
  const file = queueFileOf(context, fd, 'isReadable');
  const { queue } = file;
  if (length < BigInt(queue.maxBytes)) return failed(EMSGSIZE);
  if (queue.messages.length === 0) {
    if (file.flags & O_NONBLOCK) return failed(EAGAIN);
    const sleeper = new QueueSleeper(placeOf(context, deadline), queue.receivers, undefined);
    return received(context, sleeper, address, priority);
  }
  return give(context, queue.take(system.fileSystem), address, priority);
}

function received(context: LinuxContext, sleeper: QueueSleeper, address: bigint, priority: bigint): CallResult {
  const result = sleeper.goOn(context, ETIMEDOUT);
  return result === 0n ? give(context, sleeper.message!, address, priority) : result;
}

function give(context: LinuxContext, message: PosixMessage, address: bigint, priority: bigint): bigint {
  if (priority !== 0n) put32(context, priority, message.priority);
  putBytes(context, address, message.bytes);
  return BigInt(message.bytes.length);
}

/** A handler interrupts the wait, unless what it waited for was done. */
const interruptedSend: LinuxCall['interrupted'] = ({ pending }) =>
  (pending.work as QueueSleeper | undefined)?.result ?? 'restart';

const interruptedReceive: LinuxCall['interrupted'] = (context, _fd, address, _length, priority) => {
  const sleeper = context.pending.work as QueueSleeper | undefined;
  return sleeper?.result === undefined ? 'restart' : give(context, sleeper.message!, address!, priority!);
};

function mqNotify(context: LinuxContext, fd: bigint, address: bigint): CallResult {
  const { linux } = context;
  const event = address === 0n ? undefined : viewAt(context, address, SIGEVENT_BYTES);
  const [signal, kind] = event ? [event.getInt32(8, true), event.getInt32(12, true)] : [0, SIGEV_NONE];
  // SIGEV_THREAD needs a socket of AF_NETLINK, which nobody can have.
  if (kind !== SIGEV_NONE && kind !== SIGEV_SIGNAL) return failed(EINVAL);
  if (kind === SIGEV_SIGNAL && (signal < 0 || signal > SIGNALS)) return failed(EINVAL);
  const { queue } = queueFileOf(context, fd);
  if (!event) {
    if (queue.notification?.process === linux) queue.notification = undefined;
    return 0n;
  }
  if (queue.notification) return failed(EBUSY);
  const value = event.getBigUint64(0, true);
  const own = { files: linux.files, process: linux, value };
  queue.notification = { ...own, signal: kind === SIGEV_SIGNAL ? signal : undefined };
  return 0n;
}

function mqGetsetattr(context: LinuxContext, fd: bigint, given: bigint, old: bigint): CallResult {
  const flags = given === 0n ? undefined : viewAt(context, given, ATTRIBUTES_BYTES).getBigInt64(0, true);
  if (flags !== undefined && (flags & ~BigInt(O_NONBLOCK)) !== 0n) return failed(EINVAL);
  const file = queueFileOf(context, fd);
  const { maxMessages, maxBytes, messages } = file.queue;
  const before = file.flags & O_NONBLOCK;
  if (flags !== undefined) file.flags = (file.flags & ~O_NONBLOCK) | Number(flags);
  if (old === 0n) return 0n;
  return putFields(context, old, ATTRIBUTES_BYTES, (view) =>
    [before, maxMessages, maxBytes, messages.length].forEach((field, index) =>
      view.setBigInt64(8 * index, BigInt(field), true),
    ),
  );
}

const whole = { state: 'whole', differs: '' } as const;

export const POSIX_QUEUE_CALLS: readonly LinuxCall[] = [
  {
    ...{ number: 240, name: 'mq_open', parameters: ['name', 'flags', 'mode', 'attributes'], perform: mqOpen },
    ...{ state: 'part', differs: 'The queues do not appear as files in a directory.' },
  },
  { number: 241, name: 'mq_unlink', parameters: ['name'], perform: mqUnlink, ...whole },
  {
    ...{ number: 242, name: 'mq_timedsend', parameters: ['queue', 'message', 'length', 'priority', 'timeout'] },
    ...{ perform: mqTimedsend, interrupted: interruptedSend, ...whole },
  },
  {
    ...{ number: 243, name: 'mq_timedreceive', parameters: ['queue', 'message', 'length', 'priority', 'timeout'] },
    ...{ perform: mqTimedreceive, interrupted: interruptedReceive, ...whole },
  },
  {
    ...{ number: 244, name: 'mq_notify', parameters: ['queue', 'event'], perform: mqNotify },
    ...{ state: 'part', differs: 'Without SIGEV_THREAD.' },
  },
  {
    ...{ number: 245, name: 'mq_getsetattr', parameters: ['queue', 'attributes', 'old'], perform: mqGetsetattr },
    ...whole,
  },
];
