/** Sending: net/unix/af_unix.c "unix_stream_sendmsg" and "unix_dgram_sendmsg"; net/ipv4/tcp.c and udp.c as far as they differ. */
import { LinuxError, LinuxErrno } from '../errno.js';
import type { FileSystem } from '../files/file-system.js';
import {
  POLLERR,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRBAND,
  POLLWRNORM,
  type OpenFile,
} from '../files/open/open-file.js';
import { bufferBytes, streamPartMax } from './buffer-bytes.js';
import { SHUT_BOTH, SHUT_RECEIVING, SHUT_SENDING } from './constants.js';
import { queueMessage } from './in-flight.js';
import type { SenderCredentials, Socket } from './socket.js';

const { ECONNREFUSED, EMSGSIZE, ENOTCONN, EPERM, EPIPE } = LinuxErrno;

/** What the send buffer keeps back of the length of a datagram. */
const DATAGRAM_RESERVE = 32;
/** The longest datagram of UDP. */
const UDP_BYTES_MAX = 65507;
const SO_PASSCRED = 16;
/** The credentials of a message whose receiver does not ask for them. */
export const NOBODY: SenderCredentials = { pid: 0, user: 65534, group: 65534 };

/** What is to be sent. */
export interface Outgoing {
  readonly bytes: Uint8Array;
  readonly credentials: SenderCredentials;
  /** The sender has named its credentials itself. */
  readonly isNamed?: boolean;
  readonly files: readonly OpenFile[];
  /** Finds where to, which may throw; undefined: to the peer. */
  readonly to: (() => Socket) | undefined;
  /** The address that it comes from, where that is not the name of the socket. */
  readonly from?: Uint8Array | undefined;
}

/**
 * Sends as much as there is room for. Returns how many bytes: all of a message, or at least one of a stream; the socket that has to
 * change before anything can be sent, where there is no room. Throws LinuxError.
 */
export function send(files: FileSystem, socket: Socket, outgoing: Outgoing): number | Socket {
  return socket.isStream ? sendStream(files, socket, outgoing) : sendMessage(files, socket, outgoing);
}

function sendStream(files: FileSystem, socket: Socket, outgoing: Outgoing): number | Socket {
  const { peer, options } = socket;
  if (!peer || socket.state !== 'connected') throw new LinuxError(socket.isUnix ? ENOTCONN : EPIPE);
  if ((socket.shutdown & SHUT_SENDING) !== 0) {
    if (!socket.isUnix) socket.throwError();
    throw new LinuxError(EPIPE);
  }
  const { bytes } = outgoing;
  const credentials = credentialsFor(files, socket, peer, outgoing);
  if (bytes.length === 0) return 0;
  const most = streamPartMax(options.sendBytes);
  let sent = 0;
  while (sent < bytes.length) {
    if (sent === 0) socket.throwError();
    if (socket.sentBytes >= options.sendBytes) break;
    if (!isReceiving(peer)) return sent > 0 ? sent : refusedStream(files, socket, bytes.length);
    const part = bytes.slice(sent, sent + most);
    const charge = bufferBytes(part.length, true);
    const attached = sent === 0 ? outgoing.files : [];
    const message = { bytes: part, charge, length: part.length, sender: socket, from: undefined, credentials };
    try {
      queueMessage(files, peer, { ...message, files: attached });
    } catch (error) {
      if (sent > 0) break;
      throw error;
    }
    sent += part.length;
  }
  if (sent === 0) return socket;
  files.wake(peer.number, POLLIN | POLLRDNORM);
  return sent;
}

/** Messages tell who has sent them where one of both ends wants that, or nobody could have said yet. unix(7), SO_PASSCRED */
function credentialsFor(
  { sockets }: FileSystem,
  from: Socket,
  to: Socket,
  { credentials, isNamed }: Outgoing,
): SenderCredentials {
  const isTold = isNamed || passesCredentials(from) || passesCredentials(to) || !sockets.fileOf(to);
  return isTold ? credentials : NOBODY;
}

export function passesCredentials({ options }: Socket): boolean {
  return options.has(SO_PASSCRED);
}

function isReceiving({ state, shutdown }: Socket): boolean {
  return state !== 'closed' && (shutdown & SHUT_RECEIVING) === 0;
}

/**
 * The peer takes no more. TCP finds that out by the answer to what it has sent, which is lost; bytes for one that has only shut
 * down receiving are lost, too.
 */
function refusedStream(files: FileSystem, socket: Socket, length: number): number {
  if (socket.isUnix) throw new LinuxError(EPIPE);
  if (socket.peer!.state === 'closed') {
    socket.error = EPIPE;
    socket.shutdown = SHUT_BOTH;
    files.wake(socket.number);
  }
  return length;
}

function sendMessage(files: FileSystem, socket: Socket, outgoing: Outgoing): number | Socket {
  const { length } = outgoing.bytes;
  if (socket.isUnix && !socket.isDatagram) requireConnection(socket);
  if (length > (socket.isUnix ? socket.options.sendBytes - DATAGRAM_RESERVE : UDP_BYTES_MAX))
    throw new LinuxError(EMSGSIZE);
  socket.throwError();
  if ((socket.shutdown & SHUT_SENDING) !== 0) throw new LinuxError(EPIPE);
  if (socket.sentBytes >= socket.options.sendBytes) return socket;
  try {
    return deliver(files, socket, outgoing);
  } catch (error) {
    // It had its place in the send buffer, which is free again.
    if (socket.isWritable) files.wake(socket.number, POLLOUT | POLLWRNORM | POLLWRBAND);
    throw error;
  }
}

/** Lets the receiver of a message have it, or returns the one that has to receive others first. Throws LinuxError. */
function deliver(files: FileSystem, socket: Socket, outgoing: Outgoing): number | Socket {
  const { bytes, files: attached, from } = outgoing;
  const { length } = bytes;
  const to = outgoing.to?.() ?? socket.peer;
  if (!to) throw new LinuxError(ENOTCONN);
  if (socket.isUnix && socket.isDatagram && to.peer && to.peer !== socket) throw new LinuxError(EPERM);
  if (to.state === 'closed') return refusedMessage(files, socket, to, length);
  if ((to.shutdown & SHUT_RECEIVING) !== 0) throw new LinuxError(EPIPE);
  if (to.refuses(socket)) return to;
  const charge = bufferBytes(length, false);
  const credentials = credentialsFor(files, socket, to, outgoing);
  const message = { bytes: bytes.slice(), charge, length, sender: socket, from, credentials, files: attached };
  queueMessage(files, to, message);
  files.wake(to.number, POLLIN | POLLRDNORM);
  return length;
}

/** Sockets for records find out first whether they are connected. Throws ENOTCONN. */
export function requireConnection(socket: Socket): void {
  socket.throwError();
  if (socket.state !== 'connected') throw new LinuxError(ENOTCONN);
}

/** The receiver was closed. A datagram without a receiver is lost where UDP sends it; the next call fails, if it was sent to a peer. */
function refusedMessage(files: FileSystem, socket: Socket, to: Socket, length: number): number {
  if (!socket.isDatagram) throw new LinuxError(EPIPE);
  if (!socket.isUnix) {
    if (socket.peer === to) socket.error = ECONNREFUSED;
    return length;
  }
  if (socket.peer === to) disconnect(files, socket);
  throw new LinuxError(ECONNREFUSED);
}

/** A socket for datagrams has no peer any more: what it has not received of it is lost. */
export function disconnect(files: FileSystem, socket: Socket): void {
  const before = socket.peer;
  socket.peer = undefined;
  socket.state = 'new';
  if (!before) return;
  leavePeer(files, socket);
  if (socket.queue.length === 0) return;
  socket.dropReceived(files);
  if (before.state !== 'closed' && before.peer === socket) {
    before.error = LinuxErrno.ECONNRESET;
    files.wake(before.number, POLLERR);
  }
}

/** A socket no longer waits for room at its peer, full or not: net/unix/af_unix.c "unix_dgram_peer_wake_disconnect_wakeup". */
export function leavePeer(files: FileSystem, { number }: Socket): void {
  files.wake(number, POLLOUT | POLLWRNORM | POLLWRBAND);
}
