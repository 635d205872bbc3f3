import { HOST_BYTES } from '../../host-memory.js';
import type { LinuxContext } from '../call.js';
import { LinuxError, LinuxErrno } from '../errno.js';
import { O_RDWR, S_IFSOCK } from '../files/constants.js';
import type { FileSystem } from '../files/file-system.js';
import { FILE_SYSTEM, SpecialFile } from '../files/tree/inode.js';
import { OpenSocket } from './open-socket.js';
import { SocketOptions } from './socket-options.js';
import { Socket, type SenderCredentials, type SocketKind } from './socket.js';

/** A socket that nobody has yet. Throws ENOBUFS where there is no room. */
export function madeSocket(files: FileSystem, kind: SocketKind, options = new SocketOptions()): Socket {
  if (!files.hostMemory.hasRoom(HOST_BYTES.socket)) throw new LinuxError(LinuxErrno.ENOBUFS);
  files.hostMemory.charge('socket');
  return new Socket(files.takeNumber(), files.takeNumber(), kind, options);
}

/** Each of two sockets is the other one's peer from now on. */
export function connected(a: Socket, b: Socket): void {
  a.peer = b;
  b.peer = a;
  a.state = b.state = 'connected';
}

/** Who calls, as the one who is asked for its credentials sees it. */
export function senderOf({ linux }: LinuxContext): SenderCredentials {
  const { user, group } = linux.place.credentials;
  return { pid: linux.pid, user, group };
}

/** An open file for a socket. */
export function openSocket({ linux, system }: LinuxContext, socket: Socket, flags: number): OpenSocket {
  const { fileSystem } = system;
  const { user: owner, group } = linux.place.credentials;
  const attributes = { mode: S_IFSOCK | 0o777, owner, group, links: 1, time: fileSystem.now };
  const inode = new SpecialFile({ id: 0, number: socket.number, fileSystem: FILE_SYSTEM.socket }, attributes);
  fileSystem.hold(inode);
  const file = new OpenSocket(inode, O_RDWR | flags, socket);
  fileSystem.sockets.open(socket, file);
  return file;
}
