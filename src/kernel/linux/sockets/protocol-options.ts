/**
 * What options of protocols are before they are set. net/ipv4/ip_sockglue.c, net/ipv6/ipv6_sockglue.c, net/ipv4/tcp.c,
 * net/ipv4/udp.c, net/netlink/af_netlink.c
 */
import { wordBytes } from '../../../bits.js';
import { LinuxErrno, LinuxError } from '../errno.js';
import { AF_INET6, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, IPPROTO_UDP, SOL_NETLINK } from './constants.js';
import { LOOPBACK } from './loopback.js';
import { CONGESTION_CONTROLS } from './settable.js';
import { optionKey } from './socket-options.js';
import type { Socket } from './socket.js';

const { EINVAL, ENOPROTOOPT, ENOTCONN } = LinuxErrno;

/** Of a packet of IPv4: IP_MAX_MTU. */
const IP_BYTES_MAX = 65535;
const TCP_MAXSEG = 2;
const TCP_INFO = 11;
const TCP_CONGESTION = 13;

/** Bytes of a segment before a socket is connected, and over the loopback interface. */
const FIRST_SEGMENT_BYTES = 536;
const SEGMENT_BYTES = 32741;
/** struct tcp_info of Linux 6.1, and the offsets of its fields. */
const INFO_BYTES = 232;
const INFO_TIMEOUT = 8;
const INFO_SENT_SEGMENT = 16;
const INFO_RECEIVED_SEGMENT = 20;
/** Microseconds after which a segment is sent again. */
const FIRST_TIMEOUT = 1_000_000;
/** States of TCP: include/net/tcp_states.h. */
const TCP_ESTABLISHED = 1;
const TCP_CLOSE = 7;
const TCP_LISTEN = 10;

/** Options of a level by number, where they are not 0 at first: a value, no bytes, or that they cannot be read. */
interface Level {
  readonly values: ReadonlyMap<number, number>;
  readonly empty: ReadonlySet<number>;
  /** Those that only connected sockets have, in words. */
  readonly connected?: ReadonlyMap<number, readonly number[]>;
  /** Those that only streams have: no bytes. */
  readonly ofStreams?: ReadonlySet<number>;
  /** Ranges of numbers, both ends included, that give ENOPROTOOPT and EINVAL. */
  readonly unknown: readonly (readonly [number, number])[];
  readonly invalid: readonly (readonly [number, number])[];
}

const LEVELS: Readonly<Record<number, Level>> = {
  [IPPROTO_IP]: {
    // IP_TTL, IP_MTU_DISCOVER, IP_MULTICAST_TTL, IP_MULTICAST_LOOP, IP_MULTICAST_ALL
    values: new Map([[2, 64], [10, 1], [33, 1], [34, 1], [49, 1]]), // prettier-ignore
    // IP_OPTIONS
    empty: new Set([4]),
    // IP_MTU
    connected: new Map([[14, [Math.min(LOOPBACK.mtu, IP_BYTES_MAX)]]]),
    // IP_PKTOPTIONS
    ofStreams: new Set([9]),
    unknown: [[-Infinity, 0], [16, 17], [27, 31], [35, 40], [42, 47], [53, 63], [68, Infinity]], // prettier-ignore
    invalid: [[41, 41], [48, 48], [64, 67]], // prettier-ignore
  },
  [IPPROTO_IPV6]: {
    // IPV6_UNICAST_HOPS, IPV6_MULTICAST_HOPS, IPV6_MULTICAST_LOOP, IPV6_MTU_DISCOVER, IPV6_MULTICAST_ALL, IPV6_AUTOFLOWLABEL, IPV6_ADDR_PREFERENCES
    values: new Map([[16, 64], [18, 1], [19, 1], [23, 1], [29, 1], [70, 1], [72, 1280]]), // prettier-ignore
    // IPV6_HOPOPTS, IPV6_RTHDRDSTOPTS, IPV6_RTHDR, IPV6_DSTOPTS
    empty: new Set([54, 55, 57, 59]),
    // IPV6_ADDRFORM, IPV6_MTU, IPV6_PATHMTU: struct ip6_mtuinfo, of which the address is 0
    connected: new Map([[1, [AF_INET6]], [24, [LOOPBACK.mtu]], [61, [0, 0, 0, 0, 0, 0, 0, LOOPBACK.mtu]]]), // prettier-ignore
    // IPV6_2292PKTOPTIONS
    ofStreams: new Set([6]),
    unknown: [[-Infinity, 0], [7, 7], [9, 10], [12, 15], [20, 21], [27, 28], [34, 47], [50, 50], [52, 52], [63, 63], [71, 71], [79, Infinity]], // prettier-ignore
    invalid: [[32, 32], [48, 48], [64, 65], [68, 69]], // prettier-ignore
  },
  [IPPROTO_TCP]: {
    // TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT, TCP_LINGER2, TCP_QUICKACK
    values: new Map([[4, 7200], [5, 75], [6, 9], [7, 6], [8, 60], [12, 1]]), // prettier-ignore
    // TCP_SAVED_SYN, TCP_ULP, TCP_FASTOPEN_KEY
    empty: new Set([28, 31, 33]),
    unknown: [[-Infinity, 0], [14, 15], [22, 22], [32, 32], [38, Infinity]], // prettier-ignore
    invalid: [[20, 21], [29, 29], [35, 35]], // prettier-ignore
  },
  [IPPROTO_UDP]: {
    values: new Map(),
    empty: new Set(),
    unknown: [[-Infinity, 0], [2, 9], [12, 99], [105, Infinity]], // prettier-ignore
    invalid: [],
  },
  [SOL_NETLINK]: {
    values: new Map(),
    // NETLINK_LIST_MEMBERSHIPS
    empty: new Set([9]),
    unknown: [[-Infinity, 2], [6, 7], [13, Infinity]], // prettier-ignore
    invalid: [],
  },
};

/** The value of an option of a protocol; those without a rule are kept, and told again. Throws ENOPROTOOPT, EINVAL, ENOTCONN. */
export function protocolOption(socket: Socket, level: number, option: number): Uint8Array {
  const own = level === IPPROTO_TCP ? tcpOption(socket, option) : undefined;
  if (own) return own;
  const options = LEVELS[level];
  const isIn = ([first, last]: readonly [number, number]): boolean => option >= first && option <= last;
  if (options?.unknown.some(isIn)) throw new LinuxError(ENOPROTOOPT);
  if (options?.invalid.some(isIn)) throw new LinuxError(EINVAL);
  const connected = options?.connected?.get(option);
  if (connected && socket.state !== 'connected') throw new LinuxError(ENOTCONN);
  if (connected) return wordBytes(...connected);
  const isOfStreams = options?.ofStreams?.has(option) === true;
  if (isOfStreams && !socket.isStream) throw new LinuxError(ENOPROTOOPT);
  const kept = socket.options.kept.get(optionKey(level, option));
  if (isOfStreams || (kept === undefined && options?.empty.has(option))) return new Uint8Array(0);
  return wordBytes(kept ?? options?.values.get(option) ?? 0);
}

/** Options of TCP that depend on the socket, or are text. */
function tcpOption({ state, options }: Socket, option: number): Uint8Array | undefined {
  const segment = state === 'connected' ? SEGMENT_BYTES : FIRST_SEGMENT_BYTES;
  if (option === TCP_MAXSEG) return wordBytes(options.kept.get(optionKey(IPPROTO_TCP, option)) ?? segment);
  if (option === TCP_CONGESTION) {
    const name = CONGESTION_CONTROLS[options.kept.get(optionKey(IPPROTO_TCP, option)) ?? 0]!;
    return new TextEncoder().encode(name.padEnd(16, '\0'));
  }
  if (option !== TCP_INFO) return undefined;
  const info = new Uint8Array(INFO_BYTES);
  const view = new DataView(info.buffer);
  info[0] = state === 'connected' ? TCP_ESTABLISHED : state === 'listening' ? TCP_LISTEN : TCP_CLOSE;
  view.setUint32(INFO_TIMEOUT, FIRST_TIMEOUT, true);
  view.setUint32(INFO_SENT_SEGMENT, segment, true);
  view.setUint32(INFO_RECEIVED_SEGMENT, segment, true);
  return info;
}
