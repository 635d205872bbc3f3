/**
 * Which options of sockets can be set, and to what. net/core/sock.c, net/ipv4/ip_sockglue.c, net/ipv6/ipv6_sockglue.c,
 * net/ipv4/tcp.c, net/ipv4/udp.c, net/netlink/af_netlink.c
 */
import { LinuxErrno, LinuxError } from '../errno.js';
import {
  AF_INET,
  AF_INET6,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  SOL_NETLINK,
} from './constants.js';
import { LOOPBACK } from './loopback.js';
import type { Socket } from './socket.js';

const { EADDRNOTAVAIL, EINVAL, ENODEV, ENOENT, ENOPROTOOPT, EPERM, EPROTO } = LinuxErrno;

/** What is to be set. */
interface Given {
  readonly bytes: Uint8Array;
  /** The first four bytes, or the first one where there are fewer; 0 without any. */
  readonly value: number;
  readonly isStream: boolean;
}

/** What is wrong with a setting: 0 where nothing is. */
type Rule = (given: Given) => LinuxErrno | 0;

const ANY: Rule = () => 0;
const NEVER: Rule = () => EINVAL;
const UNKNOWN: Rule = () => ENOPROTOOPT;

/** Values from one to another, both included. */
const within =
  (...ranges: readonly (readonly [number, number])[]): Rule =>
  ({ value }) =>
    ranges.some(([first, last]) => value >= first && value <= last) ? 0 : EINVAL;
/** So many bytes at least. */
const bytes =
  (least: number, rule: Rule = ANY): Rule =>
  (given) =>
    given.bytes.length < least ? EINVAL : rule(given);
const ofStreams =
  (error: LinuxErrno, rule: Rule): Rule =>
  (given) =>
    given.isStream ? error : rule(given);

const SWITCH = within([0, 1]);
const POSITIVE = within([0, Infinity]);
const TTL = within([-1, -1], [1, 255]);
const HOPS = within([-1, 255]);
const DISCOVER = within([0, 5]);

const wordAt = ({ buffer, byteOffset, byteLength }: Uint8Array, offset: number, isLittle = false): number =>
  new DataView(buffer, byteOffset, byteLength).getUint32(offset, isLittle);

/** IP options: each after the one before, in at most 40 bytes. RFC 791, 3.1 */
const ipOptions: Rule = ({ bytes }) => {
  if (bytes.length > 40) return EINVAL;
  for (let at = 0; at < bytes.length && bytes[at] !== 0;) {
    const length = bytes[at] === 1 ? 1 : (bytes[at + 1] ?? 0);
    if (length < (bytes[at] === 1 ? 1 : 2) || at + length > bytes.length) return EINVAL;
    at += length;
  }
  return 0;
};

/** Headers of IPv6 that go with each packet: none, or a whole one. RFC 8200, 4.3 */
const ipv6Header: Rule = ({ bytes }) =>
  bytes.length === 0 || (bytes.length % 8 === 0 && (bytes[1]! + 1) * 8 <= bytes.length) ? 0 : EINVAL;

/** The address of an interface, or where there is room its number: struct in_addr, ip_mreq, ip_mreqn. */
const multicastInterface: Rule = ({ bytes }) => {
  if (bytes.length < 4) return EINVAL;
  const index = bytes.length >= 12 ? wordAt(bytes, 8, true) : 0;
  if (index !== 0) return index === LOOPBACK.index ? 0 : EADDRNOTAVAIL;
  const address = wordAt(bytes, bytes.length >= 8 ? 4 : 0);
  return address === 0 || address >>> 24 === 127 ? 0 : EADDRNOTAVAIL;
};

/** The number of an interface, in network order. */
const unicastInterface: Rule = ({ bytes }) => {
  if (bytes.length !== 4) return EINVAL;
  const index = wordAt(bytes, 0);
  return index === 0 || index === LOOPBACK.index ? 0 : EADDRNOTAVAIL;
};

/** A structure of so many bytes that begins with the address of a group. */
const group = (least: number): Rule => bytes(least, ({ bytes }) => (bytes[0]! >> 4 === 14 ? 0 : EINVAL));
/** The same of IPv6. */
const group6: Rule = ({ bytes }) => (bytes[0] === 255 ? 0 : EINVAL);
/** A structure with a struct sockaddr of a group at offset 8. */
const socketGroup = (least: number, family: number): Rule =>
  bytes(least, ({ bytes }) => {
    const isMulticast = family === AF_INET ? bytes[12]! >> 4 === 14 : bytes[16] === 255;
    return bytes[8] === family && isMulticast ? 0 : EINVAL;
  });

/** struct group_req and group_source_req. */
const GROUP_BYTES = 136;
const GROUP_SOURCE_BYTES = 264;
const groupRules = (family: number): Rule[] =>
  [GROUP_BYTES, GROUP_SOURCE_BYTES, GROUP_SOURCE_BYTES, GROUP_BYTES, GROUP_SOURCE_BYTES, GROUP_SOURCE_BYTES].map(
    (least) => socketGroup(least, family),
  );

const rulesFrom = (first: number, rules: readonly Rule[]): [number, Rule][] =>
  rules.map((rule, index) => [first + index, rule]);
const same = (rule: Rule, ...options: readonly number[]): [number, Rule][] => options.map((option) => [option, rule]);

const IP = new Map<number, Rule>([
  // IP_TOS, RECVOPTS, RETOPTS, PKTINFO, RECVERR, RECVTTL, RECVTOS, PASSSEC, RECVORIGDSTADDR, CHECKSUM, BIND_ADDRESS_NO_PORT
  ...same(ANY, 1, 6, 7, 8, 11, 12, 13, 18, 20, 23, 24),
  [2, bytes(1, TTL)],
  [4, ipOptions],
  [5, NEVER],
  [10, DISCOVER],
  // IP_FREEBIND, IP_TRANSPARENT, IP_MULTICAST_LOOP
  ...same(bytes(1), 15, 19, 34),
  [21, bytes(1, within([0, 255]))],
  [25, ofStreams(EINVAL, ANY)],
  [26, SWITCH],
  [32, ofStreams(EINVAL, multicastInterface)],
  [33, ofStreams(EINVAL, bytes(1, within([-1, 255])))],
  [35, ofStreams(EPROTO, group(8))],
  [
    36,
    ofStreams(
      EPROTO,
      bytes(8, (given) => (group(8)(given) === 0 ? 0 : EADDRNOTAVAIL)),
    ),
  ],
  ...same(group(12), 37, 38, 39, 40),
  [41, group(16)],
  ...rulesFrom(42, groupRules(AF_INET)),
  [48, socketGroup(144, AF_INET)],
  [49, bytes(1, SWITCH)],
  [50, unicastInterface],
  // IP_LOCAL_PORT_RANGE
  [51, ({ bytes, value }) => (bytes.length === 4 && isPortRange(value) ? 0 : EINVAL)],
]);

function isPortRange(value: number): boolean {
  const [low, high] = [value & 0xffff, value >>> 16];
  return low === 0 || high === 0 || low <= high;
}

/** IPV6_ADDR_PREFERENCES: of each of these sets one at most. */
const PREFERENCES = [0x103, 0x404, 0x808];
const isOneBit = (bits: number): boolean => (bits & (bits - 1)) === 0;

const IPV6 = new Map<number, Rule>([
  // IPV6_ADDRFORM: AF_INET, once it is connected to an address of IPv4.
  [1, UNKNOWN],
  ...same(bytes(4), ...[2, 3, 4, 5, 8, 11, 25, 26, 29, 30, 33, 49, 51, 53, 56, 58, 60, 66, 74, 75, 78]),
  // IPV6_2292PKTOPTIONS
  [6, ({ bytes }) => (bytes.length < 16 ? 0 : EINVAL)],
  // IPV6_UNICAST_HOPS, IPV6_TCLASS
  ...same(bytes(4, HOPS), 16, 67),
  [
    17,
    ofStreams(
      ENOPROTOOPT,
      bytes(4, ({ value }) => (value === 0 || value === LOOPBACK.index ? 0 : ENODEV)),
    ),
  ],
  [18, ofStreams(ENOPROTOOPT, bytes(4, HOPS))],
  // IPV6_MULTICAST_LOOP, IPV6_RECVERR_RFC4884
  ...same(bytes(4, SWITCH), 19, 31),
  // IPV6_ADD_MEMBERSHIP, IPV6_DROP_MEMBERSHIP, IPV6_JOIN_ANYCAST, IPV6_LEAVE_ANYCAST: struct ipv6_mreq
  [20, bytes(20, ofStreams(EPROTO, group6))],
  [
    21,
    bytes(
      20,
      ofStreams(EPROTO, (given) => group6(given) || EADDRNOTAVAIL),
    ),
  ],
  [27, bytes(20, (given) => (group6(given) === 0 ? EINVAL : EADDRNOTAVAIL))],
  [28, bytes(20, () => ENOENT)],
  [22, bytes(4, UNKNOWN)],
  [23, bytes(4, DISCOVER)],
  [24, bytes(4, within([0, 0], [1280, Infinity]))],
  ...same(NEVER, 32, 64, 65),
  ...rulesFrom(42, groupRules(AF_INET6)),
  [48, socketGroup(144, AF_INET6)],
  // IPV6_PKTINFO: struct in6_pktinfo
  [50, bytes(20)],
  // IPV6_HOPOPTS, IPV6_RTHDRDSTOPTS, IPV6_DSTOPTS
  ...same(ipv6Header, 54, 55, 59),
  // IPV6_RTHDR
  [57, ({ bytes }) => (bytes.length === 0 ? 0 : EINVAL)],
  // IPV6_DONTFRAG, IPV6_AUTOFLOWLABEL, IPV6_HDRINCL
  ...same(ANY, 62, 70, 77),
  [72, bytes(4, ({ value }) => (PREFERENCES.every((set) => isOneBit(value & set)) ? 0 : EINVAL))],
  [73, bytes(4, within([0, 255]))],
  [76, unicastInterface],
]);

const CONTROLS = ['cubic', 'reno'];
const textOf = (bytes: Uint8Array): string => new TextDecoder('latin1').decode(bytes).replace(/\0.*$/s, '');

const TCP = new Map<number, Rule>([
  // TCP_NODELAY, TCP_CORK, TCP_LINGER2, TCP_DEFER_ACCEPT, TCP_WINDOW_CLAMP, TCP_QUICKACK, TCP_NOTSENT_LOWAT
  ...same(ANY, 1, 3, 8, 9, 10, 12, 25),
  [2, within([0, 0], [88, 32_767])],
  // TCP_KEEPIDLE, TCP_KEEPINTVL
  ...same(within([1, 32_767]), 4, 5),
  // TCP_KEEPCNT, TCP_SYNCNT
  ...same(within([1, 127]), 6, 7),
  [13, ({ bytes }) => (bytes.length === 0 ? EINVAL : CONTROLS.includes(textOf(bytes)) ? 0 : ENOENT)],
  ...same(NEVER, 14, 21, 22, 32),
  // TCP_THIN_LINEAR_TIMEOUTS, TCP_THIN_DUPACK, TCP_SAVE_SYN, TCP_FASTOPEN_CONNECT, TCP_FASTOPEN_NO_COOKIE, TCP_INQ
  ...same(SWITCH, 16, 17, 27, 30, 34, 36),
  // TCP_USER_TIMEOUT, TCP_FASTOPEN, TCP_TX_DELAY
  ...same(POSITIVE, 18, 23, 37),
  [19, within([-1, 1])],
  // TCP_REPAIR_QUEUE, TCP_TIMESTAMP, TCP_REPAIR_WINDOW: for those that are being repaired.
  ...same(() => EPERM, 20, 24, 29),
  [31, ({ bytes }) => (bytes.length === 0 ? EINVAL : ENOENT)],
  // TCP_FASTOPEN_KEY
  [33, ({ bytes }) => (bytes.length === 16 || bytes.length === 32 ? 0 : EINVAL)],
]);

/** Options of TCP that are no numbers. */
const TCP_TEXTS = new Set([13, 31, 33]);

const UDP = new Map<number, Rule>([
  // UDP_CORK, UDP_NO_CHECK6_TX, UDP_NO_CHECK6_RX, UDP_GRO
  ...same(ANY, 1, 101, 102, 104),
  // UDP_ENCAP: that of L2TP, since there is no IPsec.
  [100, ({ value }) => (value === 0 || value === 3 ? 0 : ENOPROTOOPT)],
  // UDP_SEGMENT
  [103, within([0, 65_535])],
]);

const NETLINK = new Map<number, Rule>([
  // NETLINK_ADD_MEMBERSHIP, NETLINK_DROP_MEMBERSHIP
  ...same(bytes(4, within([1, 64])), 1, 2),
  ...same(ANY, 3, 4, 5, 8, 10, 11, 12),
]);

const LEVELS = new Map([
  [IPPROTO_IP, IP],
  [IPPROTO_IPV6, IPV6],
  [IPPROTO_TCP, TCP],
  [IPPROTO_UDP, UDP],
  [IPPROTO_UDPLITE, UDP],
  [SOL_NETLINK, NETLINK],
]);

/** Throws what Linux says of an option of a protocol that cannot be set, or not to these bytes. */
export function requireSettable(socket: Socket, level: number, option: number, given: Uint8Array): void {
  const isNumber = level === IPPROTO_TCP ? !TCP_TEXTS.has(option) : level === IPPROTO_UDP || level === IPPROTO_UDPLITE;
  if (isNumber && given.length < 4) throw new LinuxError(EINVAL);
  const rule = LEVELS.get(level)?.get(option) ?? UNKNOWN;
  const value = firstNumber(given);
  const error = rule({ bytes: given, value, isStream: socket.isStream });
  if (error !== 0) throw new LinuxError(error);
}

/** The first four bytes as a number, or the first one where there are fewer; 0 without any. */
export function firstNumber(bytes: Uint8Array): number {
  return bytes.length >= 4 ? wordAt(bytes, 0, true) | 0 : (bytes[0] ?? 0);
}
