/**
 * Sockets of AF_INET and AF_INET6: the machine has no network but itself. What is sent to one of its own addresses arrives at
 * once; there is no way to any other. net/ipv4/af_inet.c, tcp(7), udp(7)
 */
import type { LinuxContext } from '../call.js';
import { LinuxError, LinuxErrno } from '../errno.js';
import { CAP_NET_BIND_SERVICE, isCapable } from '../files/credentials.js';
import type { FileSystem } from '../files/file-system.js';
import {
  INET6_BYTES_MIN,
  addressOf,
  endpointOf,
  familyOf,
  isAny,
  isLocal,
  loopback,
  unmapped,
  type Endpoint,
} from './address.js';
import { AF_INET, AF_INET6, AF_UNSPEC, IPPROTO_IPV6 } from './constants.js';
import { LOOPBACK } from './loopback.js';
import { connected, madeSocket } from './make-socket.js';
import { optionKey } from './socket-options.js';
import type { Socket } from './socket.js';

const { EACCES, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, ECONNREFUSED, EINVAL, EISCONN, ENETUNREACH } = LinuxErrno;
const SO_REUSEADDR = 2;
const SO_REUSEPORT = 15;
const IPV6_V6ONLY = 26;
/** Ports below are for root. */
const PORT_OF_ALL_MIN = 1024;

/** Where a socket is bound. */
function endpointOfName({ name, kind }: Socket): Endpoint {
  return endpointOf(name!, kind.domain);
}

/** bind(2). Throws LinuxError. */
export function bindInet({ system, linux }: LinuxContext, socket: Socket, address: Uint8Array): void {
  const wanted = endpointOf(address, socket.kind.domain);
  if (!isLocal(wanted)) throw new LinuxError(EADDRNOTAVAIL);
  const isReserved = wanted.port > 0 && wanted.port < PORT_OF_ALL_MIN;
  if (isReserved && !isCapable(linux.place.credentials, CAP_NET_BIND_SERVICE)) throw new LinuxError(EACCES);
  if (socket.name) throw new LinuxError(EINVAL);
  bindTo(system.fileSystem, socket, wanted);
  socket.options.boundTo = socket.name;
}

/** Binds a socket without a name to an endpoint, or to a free port of its host. Throws EADDRINUSE. */
function bindTo({ sockets }: FileSystem, socket: Socket, { host, port }: Endpoint): void {
  const { protocol, domain } = socket.kind;
  const taken = port === 0 ? sockets.freePort(protocol) : port;
  if (taken === undefined) throw new LinuxError(EADDRINUSE);
  const endpoint = { host, port: taken };
  if (sockets.boundTo(protocol, taken).some((other) => conflicts(socket, endpoint, other)))
    throw new LinuxError(EADDRINUSE);
  socket.name = addressOf(endpoint, domain);
  sockets.addBound(socket);
}

/** Gives a socket a port of all addresses, if it has none. */
export function bindByItself(files: FileSystem, socket: Socket): void {
  if (!socket.name) bindTo(files, socket, { host: new Uint8Array(socket.kind.domain === AF_INET ? 4 : 16), port: 0 });
}

function conflicts(socket: Socket, endpoint: Endpoint, other: Socket): boolean {
  if (!covers(socket, endpoint, other) && !covers(other, endpointOfName(other), socket, endpoint)) return false;
  const both = (option: number): boolean => socket.options.has(option) && other.options.has(option);
  return !(both(SO_REUSEPORT) || (both(SO_REUSEADDR) && other.state !== 'listening'));
}

/** Whether a socket at an endpoint takes what is sent to that of another one. */
function covers(socket: Socket, { host }: Endpoint, other: Socket, at = endpointOfName(other)): boolean {
  const [own, wanted] = [unmapped(host), unmapped(at.host)];
  if (isAny({ host })) return own.length === wanted.length || (own.length === 16 && !isOnlyIpv6(socket));
  return isEqual(own, wanted);
}

function isOnlyIpv6({ options }: Socket): boolean {
  return (options.kept.get(optionKey(IPPROTO_IPV6, IPV6_V6ONLY)) ?? 0) !== 0;
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** Those that take what is sent to an endpoint: the one with just this address first. */
function takersOf(files: FileSystem, protocol: number, to: Endpoint): Socket[] {
  const host = unmapped(to.host);
  const takers = files.sockets.boundTo(protocol, to.port).filter((socket) => {
    const own = unmapped(endpointOfName(socket).host);
    if (!isAny({ host: own })) return isEqual(own, host);
    return own.length === host.length || (own.length === 16 && !isOnlyIpv6(socket));
  });
  return takers.sort((a, b) => Number(isAny(endpointOfName(a))) - Number(isAny(endpointOfName(b))));
}

/** The address from which something comes that a socket sends, as a socket of a family sees it. */
function sourceOf(socket: Socket, to: Endpoint, family: number): Uint8Array {
  const own = endpointOfName(socket);
  const isIpv4 = unmapped(to.host).length === 4;
  const host = isAny(own) ? (isIpv4 ? LOOPBACK.host : new Uint8Array(16)) : unmapped(own.host);
  return addressOf(loopback({ host, port: own.port }), family);
}

/** The endpoint that something is sent to. Throws ENETUNREACH where that is not the machine, and what `endpointOf` throws. */
function reachable(address: Uint8Array, family: number): Endpoint {
  const to = endpointOf(address, family);
  if (!isLocal(to)) throw new LinuxError(ENETUNREACH);
  return loopback(to);
}

/** Ends what connect(2) has made. A socket for datagrams keeps of its address what bind(2) was asked for. */
function disconnect({ sockets }: FileSystem, socket: Socket): void {
  socket.peerName = undefined;
  if (!socket.isDatagram) return;
  socket.state = 'new';
  if (socket.name && !socket.options.boundTo) sockets.unbind(socket);
  socket.name = socket.options.boundTo;
}

/** Streams reach addresses of IPv4 from AF_INET6 only as mapped ones: net/ipv6/tcp_ipv6.c. Throws EINVAL, EAFNOSUPPORT. */
function requireOwnFamily(address: Uint8Array, family: number): void {
  if (family !== AF_INET6) return;
  if (address.length < INET6_BYTES_MIN) throw new LinuxError(EINVAL);
  if (familyOf(address) !== AF_INET6) throw new LinuxError(EAFNOSUPPORT);
}

/** Throws the error of a socket of AF_INET6 that has no way to a host: net/ipv6/datagram.c. */
function requireWay(socket: Socket, address: Uint8Array, to: Endpoint): void {
  if (socket.kind.domain !== AF_INET6) return;
  const isIpv4 = unmapped(to.host).length === 4;
  if (isIpv4 && isOnlyIpv6(socket)) throw new LinuxError(familyOf(address) === AF_INET ? EAFNOSUPPORT : ENETUNREACH);
  if (isIpv4 || !socket.name) return;
  const own = endpointOfName(socket);
  if (unmapped(own.host).length === 4) throw new LinuxError(EAFNOSUPPORT);
}

/** connect(2). Throws LinuxError. */
export function connectInet({ system }: LinuxContext, socket: Socket, address: Uint8Array): void {
  const { fileSystem } = system;
  const { domain, protocol } = socket.kind;
  if (familyOf(address) === undefined) throw new LinuxError(EINVAL);
  if (familyOf(address) === AF_UNSPEC) return disconnect(fileSystem, socket);
  socket.throwError();
  if (socket.isStream && socket.state !== 'new') throw new LinuxError(socket.state === 'connected' ? EISCONN : EINVAL);
  if (socket.isDatagram) bindByItself(fileSystem, socket);
  else requireOwnFamily(address, domain);
  const to = reachable(address, domain);
  requireWay(socket, address, to);
  bindByItself(fileSystem, socket);
  if (socket.isDatagram) {
    socket.name = addressOf(endpointOf(sourceOf(socket, to, domain), domain), domain);
    socket.peerName = addressOf(to, domain);
    socket.state = 'connected';
    return;
  }
  const listener = takersOf(fileSystem, protocol, to).find(({ state }) => state === 'listening');
  if (!listener) throw new LinuxError(ECONNREFUSED);
  const arrival = madeSocket(fileSystem, listener.kind, listener.options.copy());
  const source = sourceOf(socket, to, domain);
  connected(socket, arrival);
  arrival.peerName = addressOf(endpointOf(source, domain), listener.kind.domain);
  arrival.name = addressOf(to, listener.kind.domain);
  socket.name = source;
  socket.peerName = addressOf(to, domain);
  listener.arrivals.push(arrival);
  fileSystem.wake(listener.number);
}

/** Where a datagram goes to, and the address that it comes from. `to` is undefined where nobody takes it: it is lost. */
export interface Route {
  readonly to: Socket | undefined;
  readonly from: Uint8Array | undefined;
}

/** The way of a datagram to an address, or to the peer. Throws ENETUNREACH, EDESTADDRREQ, and what `endpointOf` throws. */
export function routeOf(files: FileSystem, socket: Socket, address: Uint8Array | undefined): Route {
  const { domain, protocol } = socket.kind;
  const given = address ?? socket.peerName;
  if (!given) throw new LinuxError(LinuxErrno.EDESTADDRREQ);
  const to = reachable(given, domain);
  if (to.port === 0) throw new LinuxError(EINVAL);
  bindByItself(files, socket);
  const taker = takersOf(files, protocol, to).find((each) => {
    if (!each.peerName) return true;
    return isEqual(each.peerName, sourceOf(socket, to, each.kind.domain));
  });
  return { to: taker, from: taker && sourceOf(socket, to, taker.kind.domain) };
}
