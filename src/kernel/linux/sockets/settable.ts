/**
 * Which options of sockets can be set, to what, and what is kept of that. net/core/sock.c, net/ipv4/ip_sockglue.c, net/ipv6/ipv6_sockglue.c,
 * net/ipv4/tcp.c, net/ipv4/udp.c, net/netlink/af_netlink.c
 */
import { LinuxErrno, LinuxError } from '../errno.js';
import { AF_INET, AF_INET6, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, IPPROTO_UDP, SOL_NETLINK } from './constants.js';
import { LOOPBACK } from './loopback.js';
import { optionKey } from './socket-options.js';
import type { Socket } from './socket.js';

const { EADDRNOTAVAIL, EINVAL, ENODEV, ENOENT, ENOPROTOOPT, EPERM, EPROTO } = LinuxErrno;

/** What is to be set. */
interface Given {
  readonly bytes: Uint8Array;
  /** The first four bytes, or the first one where there are fewer; 0 without any. */
  readonly value: number;
  readonly isStream: boolean;
}

/** What is kept of a setting, and told by getsockopt(2); undefined: the option is as at first. Throws LinuxError. */
type Rule = (given: Given) => number | undefined;

/** Throws a LinuxError unless something holds. */
function requireThat(holds: boolean, error: LinuxErrno = EINVAL): void {
  if (!holds) throw new LinuxError(error);
}

function refuse(error: LinuxErrno): never {
  throw new LinuxError(error);
}

const refused =
  (error: LinuxErrno): Rule =>
  () =>
    refuse(error);
const ANY: Rule = ({ value }) => value;
const NEVER = refused(EINVAL);
const UNKNOWN = refused(ENOPROTOOPT);
/** On or off: any number but 0 is on. */
const FLAG: Rule = ({ value }) => Number(value !== 0);

/** Values from one to another, both included. */
const within =
  (...ranges: readonly (readonly [number, number])[]): Rule =>
  ({ value }) => {
    requireThat(ranges.some(([first, last]) => value >= first && value <= last));
    return value;
  };
/** A number for which the option is as at first. */
const orFirst =
  (number: number, rule: Rule): Rule =>
  (given) => {
    const kept = rule(given);
    return kept === number ? undefined : kept;
  };
/** So many bytes at least. */
const bytes =
  (least: number, rule: Rule = ANY): Rule =>
  (given) => {
    requireThat(given.bytes.length >= least);
    return rule(given);
  };
/** No more bytes than these. */
const atMost =
  (most: number): Rule =>
  ({ bytes, value }) => {
    requireThat(bytes.length <= most);
    return bytes.length === 0 ? undefined : value;
  };
const oneOf =
  (error: LinuxErrno, ...values: readonly number[]): Rule =>
  ({ value }) => {
    requireThat(values.includes(value), error);
    return value;
  };
const ofStreams =
  (error: LinuxErrno, rule: Rule): Rule =>
  (given) => {
    requireThat(!given.isStream, error);
    return rule(given);
  };

const SWITCH = within([0, 1]);
const POSITIVE = within([0, Infinity]);
const TTL = orFirst(-1, within([-1, -1], [1, 255]));
const HOPS = orFirst(-1, within([-1, 255]));
const DISCOVER = within([0, 5]);

const wordAt = ({ buffer, byteOffset, byteLength }: Uint8Array, offset: number, isLittle = false): number =>
  new DataView(buffer, byteOffset, byteLength).getUint32(offset, isLittle);

/** IP options: each after the one before, in at most 40 bytes. RFC 791, 3.1 */
const ipOptions: Rule = ({ bytes, value }) => {
  requireThat(bytes.length <= 40);
  for (let at = 0; at < bytes.length && bytes[at] !== 0;) {
    const length = bytes[at] === 1 ? 1 : (bytes[at + 1] ?? 0);
    requireThat(length >= (bytes[at] === 1 ? 1 : 2) && at + length <= bytes.length);
    at += length;
  }
  return bytes.length === 0 ? undefined : value;
};

/** Headers of IPv6 that go with each packet: none, or a whole one. RFC 8200, 4.3 */
const ipv6Header: Rule = ({ bytes, value }) => {
  if (bytes.length === 0) return undefined;
  requireThat(bytes.length % 8 === 0 && (bytes[1]! + 1) * 8 <= bytes.length);
  return value;
};

/** The address of an interface, or where there is room its number: struct in_addr, ip_mreq, ip_mreqn. */
const multicastInterface: Rule = ({ bytes, value }) => {
  requireThat(bytes.length >= 4);
  const index = bytes.length >= 12 ? wordAt(bytes, 8, true) : 0;
  const address = wordAt(bytes, bytes.length >= 8 ? 4 : 0);
  const isHere = index === 0 ? address === 0 || address >>> 24 === 127 : index === LOOPBACK.index;
  requireThat(isHere, EADDRNOTAVAIL);
  return value;
};

/** The number of an interface, in network order. */
const unicastInterface: Rule = ({ bytes, value }) => {
  requireThat(bytes.length === 4);
  const index = wordAt(bytes, 0);
  requireThat(index === 0 || index === LOOPBACK.index, EADDRNOTAVAIL);
  return value;
};

/** A structure of so many bytes that begins with the address of a group. */
const group = (least: number, error: LinuxErrno = EINVAL): Rule =>
  bytes(least, ({ bytes, value }) => {
    requireThat(bytes[0]! >> 4 === 14, error);
    return value;
  });
/** The same of IPv6. */
const isGroup6 = (bytes: Uint8Array): boolean => bytes[0] === 255;
const group6: Rule = ({ bytes, value }) => {
  requireThat(isGroup6(bytes));
  return value;
};
/** A structure with a struct sockaddr of a group at offset 8. */
const socketGroup = (least: number, family: number): Rule =>
  bytes(least, ({ bytes, value }) => {
    const isMulticast = family === AF_INET ? bytes[12]! >> 4 === 14 : bytes[16] === 255;
    requireThat(bytes[8] === family && isMulticast);
    return value;
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

/** IP_TOS, IPV6_TCLASS: a byte, of which streams set the low two bits themselves. RFC 3168 */
const typeOfService: Rule = ({ value, isStream }) => value & (isStream ? 0xfc : 0xff);

/** IP_LOCAL_PORT_RANGE */
const portRange: Rule = ({ bytes, value }) => {
  const [low, high] = [value & 0xffff, value >>> 16];
  requireThat(bytes.length === 4 && (low === 0 || high === 0 || low <= high));
  return value;
};

const IP = new Map<number, Rule>([
  [1, typeOfService],
  // IP_RECVOPTS, RETOPTS, PKTINFO, RECVERR, RECVTTL, RECVTOS, PASSSEC, RECVORIGDSTADDR, CHECKSUM, BIND_ADDRESS_NO_PORT
  ...same(FLAG, 6, 7, 8, 11, 12, 13, 18, 20, 23, 24),
  [2, bytes(1, TTL)],
  [4, ipOptions],
  [5, NEVER],
  [10, DISCOVER],
  // IP_FREEBIND, IP_TRANSPARENT, IP_MULTICAST_LOOP
  ...same(bytes(1, FLAG), 15, 19, 34),
  [21, bytes(1, within([0, 255]))],
  [25, ofStreams(EINVAL, FLAG)],
  [26, SWITCH],
  [32, ofStreams(EINVAL, multicastInterface)],
  [33, ofStreams(EINVAL, bytes(1, HOPS))],
  [35, ofStreams(EPROTO, group(8))],
  [36, ofStreams(EPROTO, group(8, EADDRNOTAVAIL))],
  ...same(group(12), 37, 38, 39, 40),
  [41, group(16)],
  ...rulesFrom(42, groupRules(AF_INET)),
  [48, socketGroup(144, AF_INET)],
  [49, bytes(1, SWITCH)],
  [50, unicastInterface],
  [51, portRange],
]);

/** IPV6_ADDR_PREFERENCES: of each of these sets one at most. */
const PREFERENCES = [0x103, 0x404, 0x808];
const isOneBit = (bits: number): boolean => (bits & (bits - 1)) === 0;
/** Those that hold where none is given: temporary addresses as the host has it, and home addresses. The third set is not told. */
const FIRST_PREFERENCES = 0x500;
const preferences: Rule = ({ value }) => {
  requireThat(PREFERENCES.every((set) => isOneBit(value & set)));
  const [temporary, care] = PREFERENCES.map((set) => value & set || FIRST_PREFERENCES & set);
  return temporary! | care!;
};

const IPV6 = new Map<number, Rule>([
  // IPV6_ADDRFORM: AF_INET, once it is connected to an address of IPv4.
  [1, UNKNOWN],
  ...same(bytes(4, FLAG), ...[2, 3, 4, 5, 8, 11, 25, 26, 29, 30, 33, 49, 51, 53, 56, 58, 60, 66, 74, 75, 78]),
  // IPV6_2292PKTOPTIONS
  [6, atMost(15)],
  // IPV6_UNICAST_HOPS
  [16, bytes(4, HOPS)],
  [17, ofStreams(ENOPROTOOPT, bytes(4, oneOf(ENODEV, 0, LOOPBACK.index)))],
  [18, ofStreams(ENOPROTOOPT, bytes(4, HOPS))],
  // IPV6_MULTICAST_LOOP, IPV6_RECVERR_RFC4884
  ...same(bytes(4, SWITCH), 19, 31),
  // IPV6_ADD_MEMBERSHIP, IPV6_DROP_MEMBERSHIP, IPV6_JOIN_ANYCAST, IPV6_LEAVE_ANYCAST: struct ipv6_mreq
  [20, bytes(20, ofStreams(EPROTO, group6))],
  [
    21,
    bytes(
      20,
      ofStreams(EPROTO, ({ bytes }) => refuse(isGroup6(bytes) ? EADDRNOTAVAIL : EINVAL)),
    ),
  ],
  [27, bytes(20, ({ bytes }) => refuse(isGroup6(bytes) ? EINVAL : EADDRNOTAVAIL))],
  [28, bytes(20, refused(ENOENT))],
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
  [57, atMost(0)],
  // IPV6_DONTFRAG, IPV6_AUTOFLOWLABEL, IPV6_HDRINCL
  ...same(FLAG, 62, 70, 77),
  // IPV6_TCLASS
  [67, bytes(4, (given) => HOPS(given) && typeOfService(given))],
  [72, bytes(4, preferences)],
  [73, bytes(4, within([0, 255]))],
  [76, unicastInterface],
]);

/** By the number that is kept. */
export const CONGESTION_CONTROLS = ['cubic', 'reno'] as const;
/** The text of bytes, up to a NUL. */
export const textOf = (bytes: Uint8Array): string => new TextDecoder('latin1').decode(bytes).replace(/\0.*$/s, '');

/** Seconds of TCP_LINGER2 at most: TCP_FIN_TIMEOUT_MAX. */
const LINGER_MAX = 120;
/** Half of SOCK_MIN_RCVBUF. */
const WINDOW_MIN = 1152;
/** net.core.somaxconn */
const BACKLOG_MAX = 4096;

/** The seconds after which the last of so many retransmissions follows, that are not less than given ones: "secs_to_retrans". */
function deferral(seconds: number): number {
  if (seconds <= 0) return 0;
  let [period, timeout] = [1, 1];
  for (let count = 1; seconds > period && count < 255; count++) {
    timeout = Math.min(2 * timeout, 120);
    period += timeout;
  }
  return period;
}

const congestionControl: Rule = ({ bytes }) => {
  requireThat(bytes.length > 0);
  const number = CONGESTION_CONTROLS.findIndex((name) => name === textOf(bytes));
  requireThat(number >= 0, ENOENT);
  return number;
};

const TCP = new Map<number, Rule>([
  // TCP_NODELAY, TCP_CORK, TCP_QUICKACK
  ...same(FLAG, 1, 3, 12),
  [2, orFirst(0, within([0, 0], [88, 32_767]))],
  // TCP_LINGER2
  [8, orFirst(0, ({ value }) => Math.max(-1, Math.min(value, LINGER_MAX)))],
  // TCP_DEFER_ACCEPT
  [9, ({ value }) => deferral(value)],
  // TCP_WINDOW_CLAMP
  [10, ({ value }) => value && Math.max(value, WINDOW_MIN)],
  // TCP_NOTSENT_LOWAT
  [25, ANY],
  // TCP_KEEPIDLE, TCP_KEEPINTVL
  ...same(within([1, 32_767]), 4, 5),
  // TCP_KEEPCNT, TCP_SYNCNT
  ...same(within([1, 127]), 6, 7),
  [13, congestionControl],
  ...same(NEVER, 14, 21, 22, 32),
  // TCP_THIN_LINEAR_TIMEOUTS, TCP_FASTOPEN_CONNECT, TCP_FASTOPEN_NO_COOKIE, TCP_INQ
  ...same(SWITCH, 16, 30, 34, 36),
  // TCP_SAVE_SYN
  [27, within([0, 2])],
  // TCP_THIN_DUPACK: it has had no effect since Linux 4.19.
  [17, orFirst(1, SWITCH)],
  // TCP_USER_TIMEOUT, TCP_TX_DELAY
  ...same(POSITIVE, 18, 37),
  // TCP_FASTOPEN
  [23, (given) => Math.min(POSITIVE(given)!, BACKLOG_MAX)],
  // TCP_REPAIR: -1 ends it, too.
  [19, orFirst(-1, within([-1, 1]))],
  // TCP_REPAIR_QUEUE, TCP_TIMESTAMP, TCP_REPAIR_WINDOW: for those that are being repaired.
  ...same(refused(EPERM), 20, 24, 29),
  [31, bytes(1, refused(ENOENT))],
  // TCP_FASTOPEN_KEY
  [
    33,
    ({ bytes, value }) => {
      requireThat(bytes.length === 16 || bytes.length === 32);
      return value;
    },
  ],
]);

/** Options of TCP that are no numbers. */
const TCP_TEXTS = new Set([13, 31, 33]);

const UDP = new Map<number, Rule>([
  // UDP_CORK, UDP_NO_CHECK6_TX, UDP_NO_CHECK6_RX, UDP_GRO
  ...same(FLAG, 1, 101, 102, 104),
  // UDP_ENCAP: that of L2TP, since there is no IPsec.
  [100, oneOf(ENOPROTOOPT, 0, 3)],
  // UDP_SEGMENT
  [103, within([0, 65_535])],
]);

const NETLINK = new Map<number, Rule>([
  // NETLINK_ADD_MEMBERSHIP, NETLINK_DROP_MEMBERSHIP
  ...same(bytes(4, within([1, 64])), 1, 2),
  ...same(FLAG, 3, 4, 5, 8, 10, 11, 12),
]);

const LEVELS = new Map([
  [IPPROTO_IP, IP],
  [IPPROTO_IPV6, IPV6],
  [IPPROTO_TCP, TCP],
  [IPPROTO_UDP, UDP],
  [SOL_NETLINK, NETLINK],
]);

/** Sets an option of a protocol, or throws what Linux says of one that cannot be set, or not to these bytes. */
export function setProtocolOption(
  { options, isStream }: Socket,
  level: number,
  option: number,
  given: Uint8Array,
): void {
  const isNumber = level === IPPROTO_TCP ? !TCP_TEXTS.has(option) : level === IPPROTO_UDP;
  requireThat(!isNumber || given.length >= 4);
  const rule = LEVELS.get(level)?.get(option) ?? UNKNOWN;
  const value = given.length >= 4 ? wordAt(given, 0, true) | 0 : (given[0] ?? 0);
  const key = optionKey(level, option);
  const kept = rule({ bytes: given, value, isStream });
  if (kept === undefined) options.kept.delete(key);
  else options.kept.set(key, kept);
}
