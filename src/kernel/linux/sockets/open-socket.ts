import { schema, value } from '../../../state/schema.js';
import { LinuxError, LinuxErrno } from '../errno.js';
import type { FileSystem } from '../files/file-system.js';
import { OPEN_FILE_FIELDS, OpenFile, WAIT, type Deliver } from '../files/open/open-file.js';
import type { Inode } from '../files/tree/inode.js';
import { collectGarbage } from './in-flight.js';
import { lookAt, take } from './receive.js';
import { NOBODY, send } from './send.js';
import type { Socket } from './socket.js';

/** A socket that has descriptors. */
export class OpenSocket extends OpenFile {
  static readonly state = schema('open socket', OpenSocket, { ...OPEN_FILE_FIELDS, socket: value });

  constructor(
    inode: Inode,
    flags: number,
    override readonly socket: Socket,
  ) {
    super(inode, flags);
  }

  /** As recv(2) without flags, for calls that read any file; what else a message brings is dropped. */
  read(files: FileSystem, length: number, deliver: Deliver): number | typeof WAIT {
    if (length === 0) return 0;
    const found = lookAt(this.socket, length);
    if (typeof found === 'string') return found === 'end' ? 0 : WAIT;
    deliver(found.bytes);
    take(files, this.socket, found);
    return found.bytes.length;
  }

  /** As send(2) without flags, for calls that write any file. */
  write(files: FileSystem, bytes: Uint8Array): number | typeof WAIT {
    const sent = send(files, this.socket, { bytes, credentials: NOBODY, files: [], to: undefined });
    return typeof sent === 'number' ? sent : WAIT;
  }

  override readiness(): number {
    return this.socket.readiness();
  }

  override get numbers(): readonly number[] {
    const { socket } = this;
    const { number, peer, isStream } = socket;
    // Two that send to each other never wait for room in each other's queue: see Socket.refuses.
    return peer && !isStream && peer.peer !== socket ? [number, peer.roomNumber] : [number];
  }

  override readableBytes(): number {
    const { queue, isDatagram, state } = this.socket;
    if (state === 'listening') throw new LinuxError(LinuxErrno.EINVAL);
    if (isDatagram) return queue[0]?.bytes.length ?? 0;
    return queue.reduce((total, { bytes }) => total + bytes.length, 0);
  }

  override close(files: FileSystem): void {
    this.socket.close(files);
    super.close(files);
    if (files.sockets.inFlight > 0) collectGarbage(files);
  }
}
