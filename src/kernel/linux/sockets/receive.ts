/** What a socket has received: net/unix/af_unix.c "unix_stream_read_generic" and "__unix_dgram_recvmsg". */
import { LinuxError, LinuxErrno } from '../errno.js';
import type { FileSystem } from '../files/file-system.js';
import { POLLOUT, POLLWRBAND, POLLWRNORM, type OpenFile } from '../files/open/open-file.js';
import { SHUT_RECEIVING, SOCK_DGRAM } from './constants.js';
import { dropMessage, takeFiles } from './in-flight.js';
import type { Message, Socket } from './socket.js';

const { EINVAL, ENOTCONN } = LinuxErrno;

/** What can be received at once. */
export interface Found {
  readonly bytes: Uint8Array;
  /** Bytes of the message that there were, for messages that are received as a whole. */
  readonly length: number;
  /** The message whose sender, with address and credentials, is reported to the receiver. */
  readonly first: Message;
  /** Open files that come with it. */
  readonly files: readonly OpenFile[];
}

/** How a receiver wants what it gets. */
export interface ReceiveOptions {
  /** What another one has sent is left for the next time. */
  readonly tellsSender?: boolean;
  /** Nothing is taken: open files are looked for beyond the bytes. */
  readonly isPeek?: boolean;
}

/**
 * Looks for what a socket can receive: at most `length` bytes of one message, or of several that have come one after another
 * through a stream. Throws LinuxError.
 */
export function lookAt(
  socket: Socket,
  length: number,
  { tellsSender, isPeek }: ReceiveOptions = {},
): Found | 'wait' | 'end' {
  requireReceiving(socket);
  if (!socket.isStream) socket.throwError();
  const first = socket.queue[0];
  if (!first) {
    socket.throwError();
    return (socket.shutdown & SHUT_RECEIVING) !== 0 ? 'end' : 'wait';
  }
  if (!socket.isStream)
    return { bytes: first.bytes.subarray(0, length), length: first.bytes.length, first, files: first.files };
  const parts: Message[] = [];
  let found = 0;
  for (const message of socket.queue) {
    if (found >= length && parts.length > 0 && !isPeek) break;
    if (tellsSender && !isSameSender(first, message)) break;
    parts.push(message);
    found += message.bytes.length;
    if (message.files.length > 0) break;
  }
  return { bytes: joined(parts, Math.min(found, length)), length: found, first, files: parts.at(-1)!.files };
}

function requireReceiving({ kind, state, isUnix, isStream }: Socket): void {
  if (kind.type === SOCK_DGRAM || state === 'connected') return;
  throw new LinuxError(isUnix && isStream ? EINVAL : ENOTCONN);
}

function isSameSender(a: Message, b: Message): boolean {
  const [x, y] = [a.credentials, b.credentials];
  return x.pid === y.pid && x.user === y.user && x.group === y.group;
}

function joined(parts: readonly Message[], length: number): Uint8Array {
  if (parts.length === 1) return parts[0]!.bytes.subarray(0, length);
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    const taken = part.bytes.subarray(0, length - at);
    bytes.set(taken, at);
    at += taken.length;
  }
  return bytes;
}

/** Takes away what was found. Returns the open files, each with a reference, which is the caller's. */
export function take(files: FileSystem, socket: Socket, { bytes, files: sent }: Found): readonly OpenFile[] {
  const { queue } = socket;
  const taken: OpenFile[] = [];
  if (!socket.isStream) {
    const { isFull } = socket;
    const message = queue.shift()!;
    taken.push(...takeFiles(files, message));
    dropMessage(files, message);
    if (isFull && !socket.isFull) files.wake(socket.roomNumber, POLLOUT | POLLWRNORM | POLLWRBAND);
    return taken;
  }
  for (let left = bytes.length; ;) {
    const message = queue[0]!;
    const length = Math.min(left, message.bytes.length);
    message.bytes = message.bytes.subarray(length);
    left -= length;
    if (sent.length > 0 && message.files === sent) taken.push(...takeFiles(files, message));
    if (message.bytes.length > 0) break;
    queue.shift();
    dropMessage(files, message);
    if (left === 0) break;
  }
  return taken;
}
