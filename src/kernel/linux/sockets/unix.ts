/** Sockets of AF_UNIX: net/unix/af_unix.c. */
import type { LinuxContext } from '../call.js';
import { LinuxError, LinuxErrno } from '../errno.js';
import { AT_FDCWD, makerAt } from '../files/arguments.js';
import { bytesOfText, textOfBytes } from '../files/byte-text.js';
import { MAY_WRITE, S_IFSOCK } from '../files/constants.js';
import { requireAccess } from '../files/credentials.js';
import { POLLIN, POLLRDNORM } from '../files/open/open-file.js';
import { makeNode } from '../files/tree/names.js';
import { SpecialFile } from '../files/tree/inode.js';
import { lookUp } from '../files/tree/path-walk.js';
import { AF_UNSPEC, AF_UNIX, SHUT_RECEIVING } from './constants.js';
import { FAMILY_BYTES, familyOf, unixAddress, unixName } from './address.js';
import { connected, madeSocket, senderOf } from './make-socket.js';
import { disconnect, leavePeer, passesCredentials } from './send.js';
import type { Socket } from './socket.js';

const { EADDRINUSE, ECONNREFUSED, EEXIST, EINVAL, EISCONN, EPERM, EPROTOTYPE } = LinuxErrno;
/** The permissions of a bound socket, before the umask. */
const SOCKET_MODE = S_IFSOCK | 0o777;

/** bind(2). Throws LinuxError. */
export function bindUnix(context: LinuxContext, socket: Socket, address: Uint8Array): void {
  if (address.length === FAMILY_BYTES && familyOf(address) === AF_UNIX) return bindByItself(context, socket);
  const name = unixName(address);
  if (name[0] !== 0) return bindPath(context, socket, name);
  if (socket.name) throw new LinuxError(EINVAL);
  const { sockets } = context.system.fileSystem;
  if (sockets.named(socket.kind.type, unixAddress(name))) throw new LinuxError(EADDRINUSE);
  socket.name = unixAddress(name);
  sockets.addNamed(socket);
}

/** Gives a socket that has no name an abstract one of five digits. */
export function bindByItself({ system }: LinuxContext, socket: Socket): void {
  if (socket.name) return;
  const { sockets } = system.fileSystem;
  for (;;) {
    const digits = sockets.takeName().toString(16).padStart(5, '0');
    const name = unixAddress(bytesOfText(`\0${digits}`));
    if (sockets.named(socket.kind.type, name)) continue;
    socket.name = name;
    return sockets.addNamed(socket);
  }
}

function bindPath(context: LinuxContext, socket: Socket, name: Uint8Array): void {
  const { fileSystem } = context.system;
  const path = textOfBytes(name);
  const maker = makerAt(context, BigInt(AT_FDCWD), path);
  if (socket.name) throw new LinuxError(pathIsFree(context, path) ? EINVAL : EADDRINUSE);
  try {
    makeNode(fileSystem, maker, path, SOCKET_MODE);
  } catch (error) {
    if (error instanceof LinuxError && error.errno === EEXIST) throw new LinuxError(EADDRINUSE);
    throw error;
  }
  socket.name = unixAddress(name);
  (lookUp(fileSystem, maker, path) as SpecialFile).socket = socket;
}

function pathIsFree(context: LinuxContext, path: string): boolean {
  try {
    lookUp(context.system.fileSystem, makerAt(context, BigInt(AT_FDCWD), path), path, 'keep');
    return false;
  } catch (error) {
    if (error instanceof LinuxError && error.errno === LinuxErrno.ENOENT) return true;
    throw error;
  }
}

/** The socket of an address, which is to be of a type. Throws ECONNREFUSED, EPROTOTYPE, and what looking a path up throws. */
export function unixSocketAt(context: LinuxContext, address: Uint8Array, type: number): Socket {
  const name = unixName(address);
  const { fileSystem } = context.system;
  if (name[0] === 0) {
    const found = fileSystem.sockets.named(type, unixAddress(name));
    if (!found) throw new LinuxError(ECONNREFUSED);
    return found;
  }
  const path = textOfBytes(name);
  const inode = lookUp(fileSystem, makerAt(context, BigInt(AT_FDCWD), path), path);
  requireAccess(inode, context.linux.place.credentials, MAY_WRITE);
  const socket = inode instanceof SpecialFile ? inode.socket : undefined;
  if (!socket || socket.state === 'closed') throw new LinuxError(ECONNREFUSED);
  if (socket.kind.type !== type) throw new LinuxError(EPROTOTYPE);
  return socket;
}

/** connect(2). Returns the socket for whose arrivals the caller has to wait, if it has to. Throws LinuxError. */
export function connectUnix(context: LinuxContext, socket: Socket, address: Uint8Array): Socket | undefined {
  const isDisconnection = socket.isDatagram && familyOf(address) === AF_UNSPEC;
  if (!isDisconnection) unixName(address);
  if (!isDisconnection && passesCredentials(socket)) bindByItself(context, socket);
  return socket.isDatagram ? connectDatagrams(context, socket, address) : connectStream(context, socket, address);
}

function connectDatagrams(context: LinuxContext, socket: Socket, address: Uint8Array): undefined {
  const { fileSystem } = context.system;
  if (familyOf(address) === AF_UNSPEC) return void disconnect(fileSystem, socket);
  const other = unixSocketAt(context, address, socket.kind.type);
  if (other.peer && other.peer !== socket) throw new LinuxError(EPERM);
  if (socket.peer === other) leavePeer(fileSystem, socket);
  else disconnect(fileSystem, socket);
  socket.peer = other;
  socket.state = 'connected';
  return undefined;
}

function connectStream(context: LinuxContext, socket: Socket, address: Uint8Array): Socket | undefined {
  const { fileSystem } = context.system;
  const listener = unixSocketAt(context, address, socket.kind.type);
  if (listener.state !== 'listening' || (listener.shutdown & SHUT_RECEIVING) !== 0) throw new LinuxError(ECONNREFUSED);
  if (listener.isFull) return listener;
  if (socket.state !== 'new') throw new LinuxError(socket.state === 'connected' ? EISCONN : EINVAL);
  const arrival = madeSocket(fileSystem, socket.kind, listener.options.copy());
  arrival.name = listener.name;
  connected(socket, arrival);
  arrival.credentials = senderOf(context);
  socket.credentials = listener.credentials;
  listener.arrivals.push(arrival);
  fileSystem.wake(listener.number, POLLIN | POLLRDNORM);
  return undefined;
}
