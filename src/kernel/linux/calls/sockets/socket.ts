/** Making sockets, and bringing them together. */
import { PENDING, type CallResult } from '../../../calls/call.js';
import { deadlineTick } from '../../../tasks/thread.js';
import { signed32, type LinuxCall, type LinuxContext } from '../../call.js';
import { LinuxErrno, LinuxError, failed } from '../../errno.js';
import { O_CLOEXEC, O_NONBLOCK } from '../../files/constants.js';
import { bindInet, bindByItself, connectInet } from '../../sockets/inet.js';
import {
  AF_INET,
  AF_INET6,
  AF_MAX,
  AF_NETLINK,
  AF_UNIX,
  IPPROTO_TCP,
  IPPROTO_UDP,
  NETLINK_ROUTE,
  SHUT_RECEIVING,
  SHUT_SENDING,
  SOCK_DGRAM,
  SOCK_MAX,
  SOCK_RAW,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOCK_TYPE_MASK,
  SOMAXCONN,
} from '../../sockets/constants.js';
import { connected, madeSocket, openSocket, senderOf } from '../../sockets/make-socket.js';
import { bindNetlink, connectNetlink, netlinkAddress } from '../../sockets/netlink.js';
import type { OpenSocket } from '../../sockets/open-socket.js';
import { familyOnly } from '../../sockets/address.js';
import type { Socket, SocketKind } from '../../sockets/socket.js';
import { bindUnix, connectUnix } from '../../sockets/unix.js';
import { located, putFields } from '../../user-data.js';
import { addressAt, putAddress, requireAddress, socketOf } from './arguments.js';

const { EAFNOSUPPORT, EAGAIN, EINPROGRESS, EINVAL, ENOTCONN, EOPNOTSUPP, EPERM, EPROTONOSUPPORT, ECONNREFUSED } =
  LinuxErrno;
const { ESOCKTNOSUPPORT } = LinuxErrno;

/** The kind of a socket that is asked for. Throws LinuxError. */
function kindOf(domainArgument: bigint, typeArgument: bigint, protocolArgument: bigint): SocketKind {
  const [domain, given, protocol] = [domainArgument, typeArgument, protocolArgument].map(signed32);
  const type = given! & SOCK_TYPE_MASK;
  if (given! & ~(SOCK_TYPE_MASK | O_CLOEXEC | O_NONBLOCK)) throw new LinuxError(EINVAL);
  if (domain! < 0 || domain! >= AF_MAX) throw new LinuxError(EAFNOSUPPORT);
  if (type >= SOCK_MAX) throw new LinuxError(EINVAL);
  if (domain === AF_UNIX) return unixKind(type, protocol!);
  if (domain === AF_INET || domain === AF_INET6) return inetKind(domain, type, protocol!);
  if (domain === AF_NETLINK) return netlinkKind(type, protocol!);
  throw new LinuxError(EAFNOSUPPORT);
}

function unixKind(type: number, protocol: number): SocketKind {
  if (protocol !== 0 && protocol !== AF_UNIX) throw new LinuxError(EPROTONOSUPPORT);
  const kept = type === SOCK_RAW ? SOCK_DGRAM : type;
  if (![SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET].includes(kept)) throw new LinuxError(ESOCKTNOSUPPORT);
  return { domain: AF_UNIX, type: kept, protocol: 0 };
}

/** Raw ones are for those who may administrate the network, which nobody may. */
function inetKind(domain: number, type: number, protocol: number): SocketKind {
  const own = type === SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
  if (type === SOCK_RAW) throw new LinuxError(protocol === 0 ? EPROTONOSUPPORT : EPERM);
  if (type !== SOCK_STREAM && type !== SOCK_DGRAM) throw new LinuxError(ESOCKTNOSUPPORT);
  if (protocol !== 0 && protocol !== own) throw new LinuxError(EPROTONOSUPPORT);
  return { domain, type, protocol: own };
}

function netlinkKind(type: number, protocol: number): SocketKind {
  if (type !== SOCK_RAW && type !== SOCK_DGRAM) throw new LinuxError(ESOCKTNOSUPPORT);
  if (protocol !== NETLINK_ROUTE) throw new LinuxError(EPROTONOSUPPORT);
  return { domain: AF_NETLINK, type: SOCK_DGRAM, protocol };
}

/** A descriptor for a socket. */
function added(context: LinuxContext, made: Socket, flags: number): number {
  const { linux, system } = context;
  try {
    linux.files.free();
  } catch (error) {
    made.close(system.fileSystem);
    throw error;
  }
  return linux.files.add(openSocket(context, made, flags & O_NONBLOCK), (flags & O_CLOEXEC) !== 0);
}

function socket(context: LinuxContext, domain: bigint, type: bigint, protocol: bigint): CallResult {
  const made = madeSocket(context.system.fileSystem, kindOf(domain, type, protocol));
  return BigInt(added(context, made, signed32(type)));
}

function socketpair(
  context: LinuxContext,
  domain: bigint,
  type: bigint,
  protocol: bigint,
  address: bigint,
): CallResult {
  const { linux, system } = context;
  const given = signed32(type);
  if (given & ~(SOCK_TYPE_MASK | O_CLOEXEC | O_NONBLOCK)) return failed(EINVAL);
  linux.files.free(linux.files.free() + 1);
  located(context, address, 8, 'write');
  const kind = kindOf(domain, type, protocol);
  if (kind.domain !== AF_UNIX) return failed(EOPNOTSUPP);
  const one = madeSocket(system.fileSystem, kind);
  let other: Socket;
  try {
    other = madeSocket(system.fileSystem, kind);
  } catch (error) {
    one.close(system.fileSystem);
    throw error;
  }
  connected(one, other);
  one.credentials = other.credentials = senderOf(context);
  const fds = [one, other].map((each) => added(context, each, given));
  return putFields(context, address, 8, (view) => fds.forEach((fd, index) => view.setInt32(index * 4, fd, true)));
}

function bind(context: LinuxContext, fd: bigint, address: bigint, length: bigint): CallResult {
  const { socket: bound } = socketOf(context, fd);
  const given = addressAt(context, address, length);
  if (bound.isUnix) bindUnix(context, bound, given);
  else if (bound.isNetlink) bindNetlink(bound, given, context.linux.pid);
  else bindInet(context, bound, given);
  return 0n;
}

function listen(context: LinuxContext, fd: bigint, backlogArgument: bigint): CallResult {
  const { socket: listening } = socketOf(context, fd);
  const backlog = Math.min(Number(BigInt.asUintN(32, backlogArgument)), SOMAXCONN);
  const { fileSystem } = context.system;
  if (listening.isDatagram) return failed(EOPNOTSUPP);
  if (listening.isUnix && !listening.name) return failed(EINVAL);
  if (listening.state !== 'new' && listening.state !== 'listening') return failed(EINVAL);
  if (!listening.isUnix) bindByItself(fileSystem, listening);
  listening.backlog = backlog;
  listening.state = 'listening';
  listening.credentials = senderOf(context);
  fileSystem.wake(listening.roomNumber);
  return 0n;
}

/** Lets the caller wait for a number of a socket, at most so long. */
export function waitForSocket(
  { pending, now }: LinuxContext,
  number: number,
  { flags }: OpenSocket,
  timeout: number,
): CallResult {
  if (flags & O_NONBLOCK || timeout === 0) return failed(EAGAIN);
  const deadline = timeout === Infinity ? Infinity : deadlineTick(BigInt(Math.ceil(now + timeout)));
  const late = timeout === Infinity ? undefined : failed(EAGAIN);
  pending.wait = { deadline, for: { kind: 'file', number }, late };
  return PENDING;
}

function accept4(
  context: LinuxContext,
  fd: bigint,
  address: bigint,
  length: bigint,
  flagsArgument: bigint,
): CallResult {
  const { linux, system } = context;
  const { fileSystem } = system;
  const flags = signed32(flagsArgument);
  if (flags & ~(O_CLOEXEC | O_NONBLOCK)) return failed(EINVAL);
  const listening = socketOf(context, fd);
  const { socket: listener } = listening;
  linux.files.free();
  if (listener.isDatagram) return failed(EOPNOTSUPP);
  if (listener.state !== 'listening') return failed(EINVAL);
  const arrival = listener.arrivals[0];
  if (!arrival) {
    if ((listener.shutdown & SHUT_RECEIVING) !== 0) return failed(listening.flags & O_NONBLOCK ? EAGAIN : EINVAL);
    return waitForSocket(context, listener.number, listening, listener.options.receiveTimeout);
  }
  if (address !== 0n) requireAddress(context, address, length);
  listener.arrivals.shift();
  fileSystem.wake(listener.roomNumber);
  const accepted = added(context, arrival, flags);
  if (address !== 0n) putAddress(context, nameOfPeer(arrival), address, length);
  return BigInt(accepted);
}

function connect(context: LinuxContext, fd: bigint, address: bigint, length: bigint): CallResult {
  const file = socketOf(context, fd);
  const { socket: connecting } = file;
  const given = addressAt(context, address, length);
  if (connecting.isNetlink) {
    connectNetlink(connecting, given, context.linux.pid);
    return 0n;
  }
  if (!connecting.isUnix) return connectOverNetwork(context, file, given);
  const full = connectUnix(context, connecting, given);
  return full ? waitForSocket(context, full.roomNumber, file, connecting.options.sendTimeout) : 0n;
}

/** Without waiting, a connection of TCP is found to be made, or refused, afterwards. */
function connectOverNetwork(
  context: LinuxContext,
  { socket: connecting, flags }: OpenSocket,
  address: Uint8Array,
): CallResult {
  const isLater =
    connecting.isStream && connecting.state === 'new' && (flags & O_NONBLOCK) !== 0 && connecting.error === 0;
  try {
    connectInet(context, connecting, address);
  } catch (error) {
    if (!isLater || !(error instanceof LinuxError) || error.errno !== ECONNREFUSED) throw error;
    connecting.error = ECONNREFUSED;
  }
  context.system.fileSystem.wake(connecting.number);
  return isLater && connecting.name ? failed(EINPROGRESS) : 0n;
}

function getsockname(context: LinuxContext, fd: bigint, address: bigint, length: bigint): CallResult {
  const { name, kind } = socketOf(context, fd).socket;
  putAddress(context, name ?? unnamed(kind.domain), address, length);
  return 0n;
}

function getpeername(context: LinuxContext, fd: bigint, address: bigint, length: bigint): CallResult {
  const { socket: own } = socketOf(context, fd);
  if (own.state !== 'connected' || !(own.peer ?? own.peerName)) return failed(ENOTCONN);
  putAddress(context, nameOfPeer(own), address, length);
  return 0n;
}

function nameOfPeer({ peer, peerName, kind }: Socket): Uint8Array {
  return peerName ?? peer?.name ?? unnamed(kind.domain);
}

/** What a socket without a name tells of. */
function unnamed(domain: number): Uint8Array {
  if (domain === AF_NETLINK) return netlinkAddress();
  const address = new Uint8Array(domain === AF_UNIX ? 2 : domain === AF_INET ? 16 : 28);
  address.set(familyOnly(domain));
  return address;
}

function shutdown(context: LinuxContext, fd: bigint, howArgument: bigint): CallResult {
  const { socket: own } = socketOf(context, fd);
  const how = signed32(howArgument);
  const { fileSystem } = context.system;
  if (how < 0 || how > 2) return failed(EINVAL);
  if (!own.isUnix && own.state === 'new') return failed(ENOTCONN);
  const bits = how + 1;
  own.shutdown |= bits;
  const { peer } = own;
  if (peer && !own.isDatagram && peer.peer === own) {
    if ((bits & SHUT_SENDING) !== 0) peer.shutdown |= SHUT_RECEIVING;
    if ((bits & SHUT_RECEIVING) !== 0 && own.isUnix) peer.shutdown |= SHUT_SENDING;
    fileSystem.wake(peer.number);
  }
  if (own.state === 'listening' && !own.isUnix && (bits & SHUT_RECEIVING) !== 0) own.state = 'new';
  fileSystem.wake(own.number);
  return 0n;
}

const whole = { state: 'whole', differs: '' } as const;
const families = {
  state: 'part',
  differs: 'Of AF_UNIX, AF_INET and AF_INET6 within the machine, and NETLINK_ROUTE about its interface.',
} as const;
const named = ['fd', 'address', 'length'];

export const SOCKET_CALLS: readonly LinuxCall[] = [
  { number: 41, name: 'socket', parameters: ['domain', 'type', 'protocol'], perform: socket, ...families },
  { number: 42, name: 'connect', parameters: named, perform: connect, ...whole },
  {
    ...{ number: 43, name: 'accept', parameters: named, ...whole },
    perform: (context, fd, address, length) => accept4(context, fd!, address!, length!, 0n),
  },
  { number: 48, name: 'shutdown', parameters: ['fd', 'how'], perform: shutdown, ...whole },
  { number: 49, name: 'bind', parameters: named, perform: bind, ...whole },
  { number: 50, name: 'listen', parameters: ['fd', 'backlog'], perform: listen, ...whole },
  { number: 51, name: 'getsockname', parameters: named, perform: getsockname, ...whole },
  { number: 52, name: 'getpeername', parameters: named, perform: getpeername, ...whole },
  { number: 53, name: 'socketpair', parameters: ['domain', 'type', 'protocol', 'fds'], perform: socketpair, ...whole },
  { number: 288, name: 'accept4', parameters: [...named, 'flags'], perform: accept4, ...whole },
];
