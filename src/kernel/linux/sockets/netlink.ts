/** Sockets of AF_NETLINK: NETLINK_ROUTE, with the only network interface, lo. netlink(7), rtnetlink(7) */
import { concatenated, wordBytes } from '../../../bits.js';
import { LinuxErrno, LinuxError } from '../errno.js';
import type { FileSystem } from '../files/file-system.js';
import { POLLIN, POLLRDNORM } from '../files/open/open-file.js';
import { AF_INET, AF_INET6, AF_NETLINK, AF_UNSPEC } from './constants.js';
import { queueMessage } from './in-flight.js';
import { LOOPBACK } from './loopback.js';
import { NOBODY } from './send.js';
import type { Socket } from './socket.js';

const { EAFNOSUPPORT, EINVAL, ENETUNREACH, ENODEV, EOPNOTSUPP, EPERM } = LinuxErrno;

/** struct sockaddr_nl. */
const ADDRESS_BYTES = 12;
/** struct nlmsghdr: its length and alignment. */
const HEADER_BYTES = 16;
const ALIGNMENT = 4;
/** The longest datagram that the messages of a dump are put together in. */
const PART_BYTES = 4096;

/* include/uapi/linux/netlink.h */
const NLM_F_REQUEST = 1;
const NLM_F_MULTI = 2;
const NLM_F_ACK = 4;
const NLM_F_DUMP = 0x300;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLMSG_MIN_TYPE = 16;

/* include/uapi/linux/rtnetlink.h */
const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const RTM_GETROUTE = 26;
/** Each kind of object has four types of messages; this one, modulo 4, asks for objects. */
const KIND_GET = 2;
const RTM_MAX = 123;

/* include/uapi/linux/if_link.h, if_addr.h, if_arp.h and if.h */
const IFLA = {
  ...{ ADDRESS: 1, BROADCAST: 2, IFNAME: 3, MTU: 4, QDISC: 6, STATS: 7, TXQLEN: 13, OPERSTATE: 16, LINKMODE: 17 },
  ...{ GROUP: 27, PROMISCUITY: 30, NUM_TX_QUEUES: 31, NUM_RX_QUEUES: 32, CARRIER: 33, CARRIER_CHANGES: 35 },
} as const;
const IFA = { ADDRESS: 1, LOCAL: 2, LABEL: 3, CACHEINFO: 6, FLAGS: 8 } as const;
const IFA_F_PERMANENT = 0x80;
const IFF_LOWER_UP = 0x1_0000;
const RT_SCOPE_HOST = 254;
const STATISTICS_BYTES = 96;
const IFINFO_BYTES = 16;
const IFADDR_BYTES = 8;

/** One of the messages of a request. */
interface Request {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** What follows the header. */
  readonly payload: Uint8Array;
  readonly whole: Uint8Array;
}

/** A message of an answer. */
interface Answer {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** struct sockaddr_nl of a port. Port 0 is that of the kernel. */
export function netlinkAddress(port = 0, groups = 0): Uint8Array {
  const address = new Uint8Array(ADDRESS_BYTES);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_NETLINK, true);
  view.setUint32(4, port, true);
  view.setUint32(8, groups, true);
  return address;
}

/** bind(2): gives a socket the port that it asks for, or one of its own. Throws EINVAL. */
export function bindNetlink(socket: Socket, given: Uint8Array, ownPort: number): void {
  const { port, groups } = partsOf(given);
  const before = socket.name && partsOf(socket.name).port;
  if (before !== undefined && port !== 0 && port !== before) throw new LinuxError(EINVAL);
  socket.name = netlinkAddress(before ?? (port === 0 ? ownPort : port), groups);
}

/** connect(2): the peer can only be the kernel. Throws EINVAL, EPERM. */
export function connectNetlink(socket: Socket, given: Uint8Array, ownPort: number): void {
  const { port, groups } = partsOf(given);
  if (port !== 0 || groups !== 0) throw new LinuxError(EPERM);
  if (!socket.name) bindNetlink(socket, netlinkAddress(), ownPort);
  socket.peerName = netlinkAddress();
  socket.state = 'connected';
}

function partsOf(address: Uint8Array): { readonly port: number; readonly groups: number } {
  if (address.length < ADDRESS_BYTES) throw new LinuxError(EINVAL);
  const view = new DataView(address.buffer, address.byteOffset, address.byteLength);
  if (view.getUint16(0, true) !== AF_NETLINK) throw new LinuxError(EINVAL);
  return { port: view.getUint32(4, true), groups: view.getUint32(8, true) };
}

/** Sends a request to the kernel, and queues its answer. Returns the number of bytes sent. Throws EINVAL, EPERM, ENOBUFS. */
export function askNetlink(
  files: FileSystem,
  socket: Socket,
  bytes: Uint8Array,
  to: Uint8Array | undefined,
  caller: { readonly ownPort: number; readonly isAdministrator: boolean },
): number {
  if (to && partsOf(to).port !== 0) throw new LinuxError(EPERM);
  if (!socket.name) bindNetlink(socket, netlinkAddress(), caller.ownPort);
  const { port } = partsOf(socket.name!);
  for (const request of requestsIn(bytes.slice()))
    for (const part of answersTo(request, port, caller.isAdministrator)) receive(files, socket, part);
  return bytes.length;
}

function receive(files: FileSystem, socket: Socket, bytes: Uint8Array): void {
  const message = { bytes, charge: 0, length: bytes.length, sender: socket, from: netlinkAddress() };
  queueMessage(files, socket, { ...message, credentials: NOBODY, files: [] });
  files.wake(socket.number, POLLIN | POLLRDNORM);
}

function* requestsIn(bytes: Uint8Array): Generator<Request> {
  const view = new DataView(bytes.buffer);
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const length = view.getUint32(at, true);
    if (length < HEADER_BYTES || at + length > bytes.length) return;
    const whole = bytes.subarray(at, at + length);
    yield {
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      payload: whole.subarray(HEADER_BYTES),
      whole,
    };
    at += Math.ceil(length / ALIGNMENT) * ALIGNMENT;
  }
}

/** The datagrams that answer a request. net/netlink/af_netlink.c, netlink_rcv_skb and netlink_dump */
function answersTo(request: Request, port: number, isAdministrator: boolean): Uint8Array[] {
  const { type, flags } = request;
  if (!(flags & NLM_F_REQUEST)) return [];
  const isDump = type >= NLMSG_MIN_TYPE && (flags & NLM_F_DUMP) !== 0 && type % 4 === KIND_GET;
  try {
    const answers = type < NLMSG_MIN_TYPE ? [] : answersOf(request, isDump, isAdministrator);
    const done = { type: NLMSG_DONE, payload: new Uint8Array(4) };
    if (isDump) return datagramsOf([...answers, done], request, port, NLM_F_MULTI);
    const told = flags & NLM_F_ACK ? [...answers, errorOf(request, 0)] : answers;
    return told.map((answer) => messageOf(answer, request, port, 0));
  } catch (error) {
    if (!(error instanceof LinuxError)) throw error;
    return [messageOf(errorOf(request, error.errno), request, port, 0)];
  }
}

/** The messages that answer a request. Throws LinuxError for an error to answer with. */
function answersOf({ type, payload }: Request, isDump: boolean, isAdministrator: boolean): Answer[] {
  if (type > RTM_MAX) throw new LinuxError(EOPNOTSUPP);
  if (type % 4 !== KIND_GET) throw new LinuxError(isAdministrator ? EOPNOTSUPP : EPERM);
  const family = payload[0] ?? AF_UNSPEC;
  if (type === RTM_GETLINK) return isDump || asksForLoopback(payload) ? [link()] : missingLink();
  if (type === RTM_GETADDR && isDump) return addressesOf(family);
  if (type === RTM_GETROUTE && !isDump) throw new LinuxError(ENETUNREACH);
  if (!isDump) throw new LinuxError(EOPNOTSUPP);
  return [];
}

function missingLink(): never {
  throw new LinuxError(ENODEV);
}

/** Whether struct ifinfomsg, or the attribute with a name after it, names lo. */
function asksForLoopback(payload: Uint8Array): boolean {
  if (payload.length < IFINFO_BYTES) throw new LinuxError(EINVAL);
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const index = view.getInt32(4, true);
  if (index !== 0) return index === LOOPBACK.index;
  for (let at = IFINFO_BYTES; at + 4 <= payload.length;) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > payload.length) break;
    if (view.getUint16(at + 2, true) === IFLA.IFNAME) {
      const name = new TextDecoder().decode(payload.subarray(at + 4, at + length));
      return name.replace(/\0.*$/s, '') === LOOPBACK.name;
    }
    at += Math.ceil(length / ALIGNMENT) * ALIGNMENT;
  }
  throw new LinuxError(EINVAL);
}

function link(): Answer {
  const head = new Uint8Array(IFINFO_BYTES);
  const view = new DataView(head.buffer);
  view.setUint16(2, LOOPBACK.type, true);
  view.setInt32(4, LOOPBACK.index, true);
  view.setUint32(8, LOOPBACK.flags | IFF_LOWER_UP, true);
  const attributes = [
    attribute(IFLA.IFNAME, text(LOOPBACK.name)),
    ...[attribute(IFLA.TXQLEN, wordBytes(LOOPBACK.queueLength)), attribute(IFLA.OPERSTATE, byte(0))],
    ...[attribute(IFLA.LINKMODE, byte(0)), attribute(IFLA.MTU, wordBytes(LOOPBACK.mtu))],
    ...[attribute(IFLA.GROUP, wordBytes(0)), attribute(IFLA.PROMISCUITY, wordBytes(0))],
    ...[attribute(IFLA.NUM_TX_QUEUES, wordBytes(1)), attribute(IFLA.NUM_RX_QUEUES, wordBytes(1))],
    ...[attribute(IFLA.CARRIER, byte(1)), attribute(IFLA.QDISC, text('noqueue'))],
    ...[attribute(IFLA.CARRIER_CHANGES, wordBytes(0)), attribute(IFLA.ADDRESS, new Uint8Array(6))],
    ...[attribute(IFLA.BROADCAST, new Uint8Array(6)), attribute(IFLA.STATS, new Uint8Array(STATISTICS_BYTES))],
  ];
  return { type: RTM_NEWLINK, payload: concatenated([head, ...attributes]) };
}

/** The addresses of lo of a family, or all. */
function addressesOf(family: number): Answer[] {
  if (![AF_UNSPEC, AF_INET, AF_INET6].includes(family)) throw new LinuxError(EAFNOSUPPORT);
  const { host, host6, name } = LOOPBACK;
  const forever = new Uint8Array(16).fill(0xff, 0, 8);
  const flags = attribute(IFA.FLAGS, wordBytes(IFA_F_PERMANENT));
  const first = [
    ...[attribute(IFA.ADDRESS, host), attribute(IFA.LOCAL, host)],
    ...[attribute(IFA.LABEL, text(name)), flags, attribute(IFA.CACHEINFO, forever)],
  ];
  const second = [attribute(IFA.ADDRESS, host6), attribute(IFA.CACHEINFO, forever), flags];
  return [
    ...(family === AF_INET6 ? [] : [addressOf(AF_INET, 8, first)]),
    ...(family === AF_INET ? [] : [addressOf(AF_INET6, 128, second)]),
  ];
}

function addressOf(family: number, prefixBits: number, attributes: readonly Uint8Array[]): Answer {
  const head = new Uint8Array(IFADDR_BYTES);
  head.set([family, prefixBits, IFA_F_PERMANENT, RT_SCOPE_HOST, LOOPBACK.index]);
  return { type: RTM_NEWADDR, payload: concatenated([head, ...attributes]) };
}

/** NLMSG_ERROR; with the error 0, an acknowledgement. */
function errorOf({ whole }: Request, error: number): Answer {
  const told = error === 0 ? whole.subarray(0, HEADER_BYTES) : whole;
  const payload = new Uint8Array(4 + told.length);
  new DataView(payload.buffer).setInt32(0, -error, true);
  payload.set(told, 4);
  return { type: NLMSG_ERROR, payload };
}

/** Puts messages together in datagrams of at most PART_BYTES; the end of a dump is a datagram of its own. */
function datagramsOf(answers: readonly Answer[], request: Request, port: number, flags: number): Uint8Array[] {
  const datagrams: Uint8Array[] = [];
  for (const answer of answers) {
    const message = messageOf(answer, request, port, flags);
    const last = datagrams.at(-1);
    if (last && answer.type !== NLMSG_DONE && last.length + message.length <= PART_BYTES)
      datagrams[datagrams.length - 1] = concatenated([last, message]);
    else datagrams.push(message);
  }
  return datagrams;
}

function messageOf({ type, payload }: Answer, { sequence }: Request, port: number, flags: number): Uint8Array {
  const length = HEADER_BYTES + payload.length;
  const message = new Uint8Array(Math.ceil(length / ALIGNMENT) * ALIGNMENT);
  const view = new DataView(message.buffer);
  view.setUint32(0, length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, sequence, true);
  view.setUint32(12, port, true);
  message.set(payload, HEADER_BYTES);
  return message;
}

/** struct rtattr, padded. */
function attribute(type: number, content: Uint8Array): Uint8Array {
  const length = 4 + content.length;
  const bytes = new Uint8Array(Math.ceil(length / ALIGNMENT) * ALIGNMENT);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, length, true);
  view.setUint16(2, type, true);
  bytes.set(content, 4);
  return bytes;
}

function byte(value: number): Uint8Array {
  return Uint8Array.of(value);
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(`${value}\0`);
}
