/** Sending and receiving through sockets. */
import { chargeBytes } from '../../../calls/arguments.js';
import { PENDING, type CallResult } from '../../../calls/call.js';
import { interruptedTransfer, signed32, type LinuxCall, type LinuxContext } from '../../call.js';
import { LinuxErrno, LinuxError, failed } from '../../errno.js';
import { releaseFile, type OpenFile } from '../../files/open/open-file.js';
import {
  MSG_CMSG_CLOEXEC,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  MSG_WAITALL,
} from '../../sockets/constants.js';
import { senderOf } from '../../sockets/make-socket.js';
import type { OpenSocket } from '../../sockets/open-socket.js';
import { lookAt, take, type Found } from '../../sockets/receive.js';
import { passesCredentials, requireConnection, send } from '../../sockets/send.js';
import type { SenderCredentials, Socket } from '../../sockets/socket.js';
import { sentBy } from '../../signals/signal-info.js';
import { Signal } from '../../signals/signal.js';
import { Buffers } from '../buffers.js';
import { addressAt, putAddress, socketOf } from './arguments.js';
import { ancillaryAt, headerAt, nameIn, putHeader, type Ancillary } from './message-header.js';
import { routeFor } from './route.js';
import { waitForSocket } from './socket.js';

const { EAGAIN, EFAULT, EISCONN, EOPNOTSUPP, EPIPE } = LinuxErrno;
/** Bytes of a stream that a call moves at once. */
const MOVED_BYTES = 2 ** 20;

/** A call that sends. */
interface Sending {
  readonly buffers: Buffers;
  readonly flags: number;
  readonly address: Uint8Array | undefined;
  readonly ancillary: Ancillary;
}

/** Sends the bytes of a call, as far as that can be done without waiting; the rest when it is made again. */
function sendFrom(
  context: LinuxContext,
  file: OpenSocket,
  { buffers, flags, address, ancillary }: Sending,
): CallResult {
  const { pending, system } = context;
  const { socket } = file;
  if (flags & MSG_OOB) return failed(EOPNOTSUPP);
  if (socket.isStream && address && socket.isUnix) return failed(socket.state === 'connected' ? EISCONN : EOPNOTSUPP);
  const done = pending.progress;
  const wanted = Math.min(buffers.length - done, socket.isStream ? MOVED_BYTES : buffers.length);
  const given = buffers.accessible(done, wanted, 'read');
  if (given < wanted && (given === 0 || !socket.isStream)) return done > 0 ? BigInt(done) : failed(EFAULT);
  const outgoing = {
    bytes: buffers.get(done, given),
    ...ancillary,
    files: done > 0 ? [] : ancillary.files,
    to: undefined,
  };
  let sent: number | Socket;
  try {
    const route = routeFor(context, socket, address, outgoing);
    if (typeof route === 'number') return BigInt(route);
    sent = send(system.fileSystem, socket, route);
  } catch (error) {
    if (!(error instanceof LinuxError)) throw error;
    if (done > 0) return BigInt(done);
    if (error.errno === EPIPE && socket.isStream && !(flags & MSG_NOSIGNAL))
      system.signals.send(context.thread, sentBy(context.linux, Signal.SIGPIPE));
    throw error;
  }
  if (typeof sent !== 'number')
    return waits(context, file, sent === socket ? socket.number : sent.roomNumber, flags, socket.options.sendTimeout);
  chargeBytes(context, sent);
  pending.progress = done + sent;
  return pending.progress >= buffers.length || given < wanted ? BigInt(pending.progress) : PENDING;
}

/** Waits for the socket. If the call may not wait any longer, returns the bytes moved so far, else EAGAIN. */
function waits(context: LinuxContext, file: OpenSocket, awaited: number, flags: number, timeout: number): CallResult {
  const { pending } = context;
  const result = flags & MSG_DONTWAIT ? failed(EAGAIN) : waitForSocket(context, awaited, file, timeout);
  return result === failed(EAGAIN) && pending.progress > 0 ? BigInt(pending.progress) : result;
}

/** What came, for the caller to tell. */
interface Incoming {
  readonly found: Found | undefined;
  /** Each with a reference, which is given up when it was told. */
  readonly files: readonly OpenFile[];
  readonly result: number;
}

/** Receives into memory. Returns what came, or what the call is to answer. */
function receiveInto(
  context: LinuxContext,
  file: OpenSocket,
  buffers: Buffers,
  flags: number,
  least = file.socket.options.leastBytes,
): Incoming | CallResult {
  const { pending } = context;
  const { socket } = file;
  const { isStream, isUnix, options } = socket;
  if (flags & MSG_OOB) return failed(isStream && !isUnix ? LinuxErrno.EINVAL : EOPNOTSUPP);
  const done = pending.progress;
  const isWaiting = !(flags & MSG_DONTWAIT);
  const target = Math.max(1, Math.min(flags & MSG_WAITALL ? buffers.length : least, buffers.length));
  let found: ReturnType<typeof lookAt>;
  try {
    found = lookAt(socket, Math.min(buffers.length - done, MOVED_BYTES), {
      tellsSender: passesCredentials(socket),
      isPeek: (flags & MSG_PEEK) !== 0,
    });
  } catch (error) {
    if (done > 0 && error instanceof LinuxError) return { found: undefined, files: [], result: done };
    throw error;
  }
  if (found === 'end') {
    const isEmpty = socket.isDatagram && (!isWaiting || (file.flags & 0o4000) !== 0);
    return isEmpty ? failed(EAGAIN) : { found: undefined, files: [], result: done };
  }
  if (found === 'wait') {
    const result = waits(context, file, socket.number, flags, options.receiveTimeout);
    return typeof result === 'bigint' && result > 0n ? { found: undefined, files: [], result: done } : result;
  }
  const { bytes } = found;
  if (buffers.accessible(done, bytes.length, 'write') < bytes.length) return failed(EFAULT);
  buffers.put(done, bytes);
  chargeBytes(context, bytes.length);
  const files = received(context, socket, found, flags);
  const total = done + bytes.length;
  if (!isStream) return { found, files, result: flags & MSG_TRUNC ? found.length : bytes.length };
  const isShort = total < target && !(flags & MSG_PEEK) && files.length === 0;
  // Looking for more data, Linux takes the socket's error and drops it: net/unix/af_unix.c "unix_stream_read_generic".
  if (isShort && socket.isUnix && socket.queue.length === 0) socket.error = 0;
  const isPart = isShort && isWaiting;
  if (!isPart || (total < buffers.length && bytes.length > 0 && socket.queue.length > 0 && total >= target))
    return { found, files, result: total };
  pending.progress = total;
  return PENDING;
}

/** The files of what was received: taken out of the queue, or looked at. */
function received({ system }: LinuxContext, socket: Socket, found: Found, flags: number): readonly OpenFile[] {
  if (!(flags & MSG_PEEK)) return take(system.fileSystem, socket, found);
  for (const file of found.files) file.references++;
  return [...found.files];
}

/** The address that a message comes from; undefined where its sender has none. */
function sourceOf({ found }: Incoming, { isUnix, isStream }: Socket): Uint8Array | undefined {
  if (!found || (isStream && !isUnix)) return undefined;
  return found.first.from ?? found.first.sender.name;
}

function released({ system }: LinuxContext, { files }: Incoming): void {
  for (const file of files) releaseFile(system.fileSystem, file);
}

const sendto: LinuxCall['perform'] = (context, fd, buffer, length, flags, address, addressLength) => {
  const file = socketOf(context, fd);
  const to = address === 0n ? undefined : addressAt(context, address, addressLength);
  const ancillary = { files: [], credentials: senderOf(context) };
  const buffers = Buffers.of(context, buffer, length);
  return sendFrom(context, file, { buffers, flags: signed32(flags), address: to?.length ? to : undefined, ancillary });
};

export function sendmsg(context: LinuxContext, fd: bigint, message: bigint, flags: bigint): CallResult {
  const file = socketOf(context, fd);
  const header = headerAt(context, message);
  const address = nameIn(context, header);
  if (file.socket.isUnix && !file.socket.isStream && !file.socket.isDatagram) requireConnection(file.socket);
  const ancillary = ancillaryAt(context, header);
  return sendFrom(context, file, { buffers: header.buffers, flags: signed32(flags), address, ancillary });
}

/** The credentials that come with the end of an AF_UNIX stream: all zero, since no process sent it. */
function atEnd({ isStream, isUnix }: Socket): SenderCredentials | undefined {
  return isStream && isUnix ? { pid: 0, user: 0, group: 0 } : undefined;
}

const recvfrom: LinuxCall['perform'] = (context, fd, buffer, length, flags, address, addressLength) => {
  const file = socketOf(context, fd);
  const incoming = receiveInto(context, file, Buffers.of(context, buffer, length), signed32(flags));
  if (typeof incoming !== 'object') return incoming;
  released(context, incoming);
  if (address !== 0n) putAddress(context, sourceOf(incoming, file.socket) ?? new Uint8Array(0), address, addressLength);
  return BigInt(incoming.result);
};

export function recvmsg(context: LinuxContext, fd: bigint, message: bigint, flagsArgument: bigint): CallResult {
  const file = socketOf(context, fd);
  const flags = signed32(flagsArgument);
  const header = headerAt(context, message);
  const incoming = receiveInto(context, file, header.buffers, flags);
  if (typeof incoming !== 'object') return incoming;
  const { socket } = file;
  const { found, files, result } = incoming;
  const isCut = found !== undefined && !socket.isStream && found.length > found.bytes.length;
  try {
    putHeader(context, header, {
      address: sourceOf(incoming, socket),
      credentials: passesCredentials(socket) ? (found ? found.first.credentials : atEnd(socket)) : undefined,
      files,
      flags: (isCut ? MSG_TRUNC : 0) | (flags & MSG_CMSG_CLOEXEC),
      closesOnExec: (flags & MSG_CMSG_CLOEXEC) !== 0,
    });
  } finally {
    released(context, incoming);
  }
  return BigInt(result);
}

/** read(2) and readv(2) of a socket. */
export function readSocket(context: LinuxContext, file: OpenSocket, buffers: Buffers): CallResult {
  if (buffers.length === 0) return 0n;
  const incoming = receiveInto(context, file, buffers, 0);
  if (typeof incoming !== 'object') return incoming;
  released(context, incoming);
  return BigInt(incoming.result);
}

/** write(2) and writev(2) of a socket. */
export function writeSocket(context: LinuxContext, file: OpenSocket, buffers: Buffers): CallResult {
  const ancillary = { files: [], credentials: senderOf(context) };
  return sendFrom(context, file, { buffers, flags: 0, address: undefined, ancillary });
}

const whole = { state: 'whole', differs: '', interrupted: interruptedTransfer } as const;
const urgent = { ...whole, state: 'part', differs: 'Without MSG_OOB and MSG_ERRQUEUE.' } as const;
const some = ['fd', 'buffer', 'length', 'flags', 'address', 'addressLength'];
const message = ['fd', 'message', 'flags'];

export const MESSAGE_CALLS: readonly LinuxCall[] = [
  { number: 44, name: 'sendto', parameters: some, perform: sendto, ...urgent },
  { number: 45, name: 'recvfrom', parameters: some, perform: recvfrom, ...urgent },
  { number: 46, name: 'sendmsg', parameters: message, perform: sendmsg, ...urgent },
  { number: 47, name: 'recvmsg', parameters: message, perform: recvmsg, ...urgent },
];
