import { schema, value } from '../../../state/schema.js';
import { LinuxError, LinuxErrno } from '../errno.js';
import type { FileSystem } from '../files/file-system.js';
import {
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRBAND,
  POLLWRNORM,
  type OpenFile,
} from '../files/open/open-file.js';
import { AF_NETLINK, AF_UNIX, DATAGRAMS_MAX, SHUT_BOTH, SHUT_RECEIVING, SOCK_DGRAM, SOCK_STREAM } from './constants.js';
import { dropMessage } from './in-flight.js';
import { SocketOptions } from './socket-options.js';

/** What socket(2) asks for. */
export interface SocketKind {
  readonly domain: number;
  readonly type: number;
  readonly protocol: number;
}

/** Who sends or connects: struct ucred. */
export interface SenderCredentials {
  readonly pid: number;
  readonly user: number;
  readonly group: number;
}

/** Bytes that were sent together and not all received yet, and what came with them. */
export interface Message {
  /** Those that are left. */
  bytes: Uint8Array;
  /** What it takes of the send buffer of `sender`, and of the host. */
  readonly charge: number;
  readonly length: number;
  readonly sender: Socket;
  /** The address that it comes from, where that is not the name that its sender has. */
  readonly from: Uint8Array | undefined;
  readonly credentials: SenderCredentials;
  /** Open files that were sent, each with a reference. */
  files: readonly OpenFile[];
}

/** SS_UNCONNECTED and so on. A socket for datagrams that has a peer is connected. */
export type SocketState = 'new' | 'listening' | 'connected' | 'closed';

/** One end of a communication: socket(2). What it means to bind, connect and send is said by the files beside this one. */
export class Socket {
  /** @internal */
  static readonly state = schema('socket', Socket, {
    ...{ number: value, kind: value, state: value, peer: value, name: value, error: value, shutdown: value },
    ...{ queue: value, arrivals: value, sentBytes: value, backlog: value, options: value, credentials: value },
    ...{ peerName: value, roomNumber: value },
  });

  state: SocketState = 'new';
  /** It may have been closed. */
  peer: Socket | undefined;
  /** The address that it is bound to, as struct sockaddr. */
  name: Uint8Array | undefined;
  /** That of its peer, where this has no socket that could tell. */
  peerName: Uint8Array | undefined;
  /** SO_ERROR; 0 for none. */
  error: LinuxErrno | 0 = 0;
  /** SHUT_ bits. */
  shutdown = 0;
  /** What it has not received yet. */
  readonly queue: Message[] = [];
  /** Connections that it has not accepted yet. */
  readonly arrivals: Socket[] = [];
  /** What it has sent and nobody has received, as `bufferBytes` counts it. */
  sentBytes = 0;
  /** How many arrivals or messages of others may wait, and one more. */
  backlog = DATAGRAMS_MAX;
  /** SO_PEERCRED: of its peer, or, for one that listens, its own, which its peers see. */
  credentials: SenderCredentials | undefined;

  /**
   * `number` is woken whenever something changes for the socket itself, `roomNumber` when others may connect to it or send to it
   * that had to wait.
   */
  constructor(
    readonly number: number,
    readonly roomNumber: number,
    readonly kind: SocketKind,
    readonly options = new SocketOptions(),
  ) {}

  get isUnix(): boolean {
    return this.kind.domain === AF_UNIX;
  }

  get isNetlink(): boolean {
    return this.kind.domain === AF_NETLINK;
  }

  get isStream(): boolean {
    return this.kind.type === SOCK_STREAM;
  }

  get isDatagram(): boolean {
    return this.kind.type === SOCK_DGRAM;
  }

  /** Whether there is room to send so much that it is worth it: net/unix/af_unix.c "unix_writable". */
  get isWritable(): boolean {
    return this.state !== 'listening' && this.sentBytes * 4 <= this.options.sendBytes;
  }

  /** Whether arrivals or messages of others have to wait. */
  get isFull(): boolean {
    return (this.state === 'listening' ? this.arrivals : this.queue).length > this.backlog;
  }

  /** Whether a message of a socket has to wait until this one has received others. */
  refuses(sender: Socket): boolean {
    return this.isUnix && this !== sender && this.peer !== sender && this.isFull;
  }

  /** Throws what has gone wrong since the last call; not again. */
  throwError(): void {
    const { error } = this;
    this.error = 0;
    if (error !== 0) throw new LinuxError(error);
  }

  /** POLL bits: net/unix/af_unix.c "unix_poll" and "unix_dgram_poll". */
  readiness(): number {
    const { shutdown, isDatagram } = this;
    let bits = this.error === 0 ? 0 : POLLERR;
    if (shutdown === SHUT_BOTH) bits |= POLLHUP;
    if ((shutdown & SHUT_RECEIVING) !== 0) bits |= POLLRDHUP | POLLIN | POLLRDNORM;
    if (this.queue.length > 0 || this.arrivals.length > 0) bits |= POLLIN | POLLRDNORM;
    if (!isDatagram && (this.state === 'new' || this.state === 'closed')) bits |= POLLHUP;
    const isRefused = !this.isStream && this.peer?.refuses(this) === true;
    if (this.isWritable && !isRefused) bits |= POLLOUT | POLLWRNORM | POLLWRBAND;
    return bits;
  }

  /** Drops what it has received. Others wait for room only where there was none: net/unix/af_unix.c "unix_dgram_peer_wake_me". */
  dropReceived(files: FileSystem, wasFull = this.isFull): void {
    for (const message of this.queue.splice(0)) dropMessage(files, message);
    if (wasFull) files.wake(this.roomNumber, POLLOUT | POLLWRNORM | POLLWRBAND);
  }

  /** Nobody has it any more: net/unix/af_unix.c "unix_release_sock". */
  close(files: FileSystem): void {
    const { peer, isDatagram, isFull } = this;
    this.state = 'closed';
    this.shutdown = SHUT_BOTH;
    // A first message without bytes is taken for one that was received out of band.
    const hasUnread = this.queue.length > (this.queue[0]?.bytes.length === 0 ? 1 : 0);
    if (peer && !isDatagram && peer.peer === this) endConnection(files, peer, hasUnread);
    this.peer = undefined;
    for (const arrival of this.arrivals.splice(0)) {
      if (arrival.peer) arrival.peer.error = LinuxErrno.ECONNRESET;
      arrival.close(files);
    }
    this.dropReceived(files, isFull);
    files.sockets.forget(this);
    files.hostMemory.release('socket');
    files.wake(this.number);
  }
}

/** The other end of a connection was closed, with or without something that it had not received. */
function endConnection(files: FileSystem, left: Socket, isReset: boolean): void {
  left.shutdown |= left.isUnix || isReset ? SHUT_BOTH : SHUT_RECEIVING;
  if (isReset) left.error = LinuxErrno.ECONNRESET;
  files.wake(left.number);
}
