/** Addresses of sockets: struct sockaddr_un, sockaddr_in and sockaddr_in6. unix(7), ip(7), ipv6(7) */
import { LinuxError, LinuxErrno } from '../errno.js';
import { AF_INET, AF_INET6, AF_UNIX } from './constants.js';
import { LOOPBACK } from './loopback.js';

const { EAFNOSUPPORT, EINVAL } = LinuxErrno;

/** Bytes of an address at most, and of the family in front of it. */
export const ADDRESS_BYTES_MAX = 128;
export const FAMILY_BYTES = 2;
const UNIX_BYTES_MAX = 110;
const INET_BYTES = 16;
const INET6_BYTES = 28;
export const INET6_BYTES_MIN = 24;

/** A family and nothing else. */
export function familyOnly(family: number): Uint8Array {
  return Uint8Array.of(family & 0xff, family >> 8);
}

/** The family of an address; undefined for one that is too short to have one. */
export function familyOf(address: Uint8Array): number | undefined {
  return address.length < FAMILY_BYTES ? undefined : address[0]! | (address[1]! << 8);
}

/** The name in an address of AF_UNIX: the path, or the bytes of an abstract name with a zero before them. Throws EINVAL. */
export function unixName(address: Uint8Array): Uint8Array {
  if (address.length <= FAMILY_BYTES || address.length > UNIX_BYTES_MAX || familyOf(address) !== AF_UNIX)
    throw new LinuxError(EINVAL);
  const name = address.subarray(FAMILY_BYTES);
  if (name[0] === 0) return name;
  const end = name.indexOf(0);
  return end < 0 ? name : name.subarray(0, end);
}

/** The address that a bound socket tells of: a path with the zero behind it. */
export function unixAddress(name: Uint8Array): Uint8Array {
  const isPath = name[0] !== 0;
  const address = new Uint8Array(FAMILY_BYTES + name.length + (isPath ? 1 : 0));
  address[0] = AF_UNIX;
  address.set(name, FAMILY_BYTES);
  return address;
}

/** Where something is on the network. */
export interface Endpoint {
  /** 4 bytes, or 16. */
  readonly host: Uint8Array;
  readonly port: number;
}

/** The endpoint of an address, for a socket of a family. Throws EINVAL, EAFNOSUPPORT. */
export function endpointOf(address: Uint8Array, family: number): Endpoint {
  const given = familyOf(address);
  const isIpv6 = family === AF_INET6 && given === AF_INET6;
  if (address.length < (isIpv6 ? INET6_BYTES_MIN : INET_BYTES)) throw new LinuxError(EINVAL);
  if (given !== AF_INET && !isIpv6) throw new LinuxError(EAFNOSUPPORT);
  const port = (address[2]! << 8) | address[3]!;
  return { host: isIpv6 ? address.slice(8, 24) : address.slice(4, 8), port };
}

/** An endpoint as an address of a family: hosts of 4 bytes are mapped for one of 16. */
export function addressOf({ host, port }: Endpoint, family: number): Uint8Array {
  const address = new Uint8Array(family === AF_INET ? INET_BYTES : INET6_BYTES);
  address.set([family, 0, port >> 8, port & 0xff]);
  if (family === AF_INET) address.set(host.subarray(-4), 4);
  else if (host.length === 16) address.set(host, 8);
  else if (isAny({ host })) address.fill(0, 8, 24);
  else address.set([0xff, 0xff, ...host], 18);
  return address;
}

/** Whether an endpoint stands for all addresses of the machine. */
export function isAny({ host }: Pick<Endpoint, 'host'>): boolean {
  return unmapped(host).every((byte) => byte === 0);
}

/** Whether it is one of the machine's own: 127.0.0.0/8, ::1, or any. */
export function isLocal({ host }: Pick<Endpoint, 'host'>): boolean {
  const bytes = unmapped(host);
  if (bytes.length === 4) return bytes[0] === 127 || isAny({ host });
  return bytes.every((byte, index) => byte === (index === 15 ? bytes[15] : 0)) && bytes[15]! <= 1;
}

/** The last 4 bytes of an address of IPv4 that is mapped into IPv6. */
export function unmapped(host: Uint8Array): Uint8Array {
  if (host.length === 4) return host;
  const isMapped = host.subarray(0, 10).every((byte) => byte === 0) && host[10] === 0xff && host[11] === 0xff;
  return isMapped ? host.subarray(12) : host;
}

/** The address of the machine that one which stands for all is taken for, where something is sent to it. */
export function loopback({ host, port }: Endpoint): Endpoint {
  if (!isAny({ host })) return { host, port };
  return { host: host.length === 4 ? LOOPBACK.host : LOOPBACK.host6, port };
}
