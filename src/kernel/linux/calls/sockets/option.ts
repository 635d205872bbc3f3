/** getsockopt(2) and setsockopt(2): net/core/sock.c. */
import { wordBytes } from '../../../../bits.js';
import type { CallResult } from '../../../calls/call.js';
import { signed32, type LinuxCall, type LinuxContext } from '../../call.js';
import { LinuxErrno, LinuxError, failed } from '../../errno.js';
import { POLLOUT, POLLWRNORM } from '../../files/open/open-file.js';
import {
  AF_INET,
  AF_INET6,
  AF_NETLINK,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  SOL_NETLINK,
  SOL_SOCKET,
} from '../../sockets/constants.js';
import { LOOPBACK } from '../../sockets/loopback.js';
import { protocolOption } from '../../sockets/protocol-options.js';
import { setProtocolOption, textOf } from '../../sockets/settable.js';
import { optionKey } from '../../sockets/socket-options.js';
import type { Socket } from '../../sockets/socket.js';
import { bytesAt, put32, putBytes, viewAt } from '../../user-data.js';
import { socketOf } from './arguments.js';

const { EDOM, EINVAL, ENODATA, ENODEV, ENOENT, ENOPROTOOPT, EOPNOTSUPP, EPERM } = LinuxErrno;

const SO_TYPE = 3;
const SO_ERROR = 4;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_LINGER = 13;
/** It has had no effect since Linux 2.2, and can still be set. */
const SO_BSDCOMPAT = 14;
const SO_REUSEPORT = 15;
const SO_PASSCRED = 16;
const SO_PEERCRED = 17;
const SO_RCVLOWAT = 18;
const SO_SNDLOWAT = 19;
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;
const SO_BINDTODEVICE = 25;
const SO_DETACH_FILTER = 27;
const SO_ACCEPTCONN = 30;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SO_PASSSEC = 34;
const SO_PROTOCOL = 38;
const SO_DOMAIN = 39;
const SO_LOCK_FILTER = 44;
const SO_BUSY_POLL = 46;
const SO_PEERGROUPS = 59;
const SO_BINDTOIFINDEX = 62;
/** SO_TIMESTAMPING, in both of its numbers. */
const TIMESTAMPS = new Set([37, 65]);
/** SOF_TIMESTAMPING_OPT_ID, SOF_TIMESTAMPING_OPT_ID_TCP, and all flags. */
const TIMESTAMP_NUMBERS = 1 << 7;
const TIMESTAMP_NUMBERS_TCP = 1 << 16;
const TIMESTAMP_FLAGS = 0x1_ffff;
/** With its NUL. */
const INTERFACE_NAME_BYTES = 16;
/** Those that are on or off: debug, reuseaddr, dontroute, broadcast, keepalive, oobinline, reuseport, passcred, timestamps, passsec. */
const SWITCHES = new Set([
  1,
  2,
  5,
  6,
  9,
  10,
  11,
  SO_REUSEPORT,
  SO_PASSCRED,
  29,
  SO_PASSSEC,
  35,
  40,
  41,
  43,
  SO_LOCK_FILTER,
  45,
  63,
  64,
]);
/** Those that are numbers: priority, mark, timestamping, busy poll, interface. */
const NUMBERS = new Set([12, 36, ...TIMESTAMPS, SO_BUSY_POLL, SO_BINDTOIFINDEX]);
const OPTION_BYTES_MAX = 4096;
const SECOND = 1e9;
const MICROSECOND = 1000;

function getsockopt(
  context: LinuxContext,
  fd: bigint,
  levelArgument: bigint,
  optionArgument: bigint,
  address: bigint,
  lengthAddress: bigint,
): CallResult {
  const { socket } = socketOf(context, fd);
  const room = viewAt(context, lengthAddress, 4).getInt32(0, true);
  const [level, option] = [signed32(levelArgument), signed32(optionArgument)];
  if (room < 0) return failed(EINVAL);
  const told = level === SOL_SOCKET ? optionOf(socket, option) : optionOfProtocol(socket, level, option);
  const bytes = told.subarray(0, room);
  putBytes(context, address, bytes);
  put32(context, lengthAddress, bytes.length);
  return 0n;
}

/** The value of an option of SOL_SOCKET. Throws ENOPROTOOPT, ENODATA. */
function optionOf(socket: Socket, option: number): Uint8Array {
  const { options, kind, credentials } = socket;
  switch (option) {
    case SO_TYPE:
      return wordBytes(kind.type);
    case SO_PROTOCOL:
      return wordBytes(kind.protocol);
    case SO_DOMAIN:
      return wordBytes(kind.domain);
    case SO_ACCEPTCONN:
      return wordBytes(Number(socket.state === 'listening'));
    case SO_ERROR: {
      const { error } = socket;
      socket.error = 0;
      return wordBytes(error);
    }
    case SO_SNDBUF:
      return wordBytes(options.sendBytes);
    case SO_RCVBUF:
      return wordBytes(options.receiveBytes);
    case SO_LINGER:
      return wordBytes(...options.linger);
    case SO_PEERCRED:
      return credentials ? wordBytes(credentials.pid, credentials.user, credentials.group) : wordBytes(0, -1, -1);
    case SO_PEERGROUPS:
      if (!credentials) throw new LinuxError(ENODATA);
      return wordBytes();
    case SO_RCVLOWAT:
      return wordBytes(options.leastBytes);
    case SO_SNDLOWAT:
      return wordBytes(1);
    case SO_RCVTIMEO:
      return timeBytes(options.receiveTimeout);
    case SO_SNDTIMEO:
      return timeBytes(options.sendTimeout);
    case SO_BSDCOMPAT:
      return wordBytes(0);
    default: {
      const kept = options.kept.get(optionKey(SOL_SOCKET, option)) ?? 0;
      // With the number of a clock of hardware: struct so_timestamping.
      if (TIMESTAMPS.has(option)) return wordBytes(kept, 0);
      if (SWITCHES.has(option) || NUMBERS.has(option)) return wordBytes(kept);
      throw new LinuxError(ENOPROTOOPT);
    }
  }
}

/** The value of an option of a level other than SOL_SOCKET. */
function optionOfProtocol(socket: Socket, level: number, option: number): Uint8Array {
  const own = levelOf(socket.kind, level);
  if (own === undefined)
    throw new LinuxError(socket.isUnix || socket.kind.domain === AF_INET ? EOPNOTSUPP : ENOPROTOOPT);
  return protocolOption(socket, own, option);
}

/** The level whose options a level of a kind of sockets has: those of UDP-Lite are the ones of UDP. Undefined if it has none. */
function levelOf({ domain, protocol }: Socket['kind'], level: number): number | undefined {
  const isOfInternet = domain === AF_INET || domain === AF_INET6;
  const own = level === IPPROTO_UDPLITE && protocol === IPPROTO_UDP ? IPPROTO_UDP : level;
  const isKnown =
    domain === AF_NETLINK
      ? own === SOL_NETLINK
      : isOfInternet && (own === IPPROTO_IP || own === protocol || (own === IPPROTO_IPV6 && domain === AF_INET6));
  return isKnown ? own : undefined;
}

/** A struct timeval: zero for none. */
function timeBytes(ticks: number): Uint8Array {
  const fields = ticks === Infinity ? [0, 0] : [Math.floor(ticks / SECOND), Math.floor((ticks % SECOND) / MICROSECOND)];
  return new Uint8Array(BigInt64Array.from(fields.map(BigInt)).buffer);
}

function setsockopt(
  context: LinuxContext,
  fd: bigint,
  levelArgument: bigint,
  optionArgument: bigint,
  address: bigint,
  lengthArgument: bigint,
): CallResult {
  const { socket } = socketOf(context, fd);
  const [level, option, length] = [levelArgument, optionArgument, lengthArgument].map(signed32);
  if (length! < 0) return failed(EINVAL);
  if (level !== SOL_SOCKET) {
    const own = levelOf(socket.kind, level!);
    if (own === undefined) return failed(socket.isUnix ? EOPNOTSUPP : ENOPROTOOPT);
    setProtocolOption(socket, own, option!, bytesAt(context, address, Math.min(length!, OPTION_BYTES_MAX)));
    return 0n;
  }
  if (option === SO_BINDTODEVICE)
    return bindToDevice(bytesAt(context, address, Math.min(length!, INTERFACE_NAME_BYTES)));
  if (length! < 4) return failed(EINVAL);
  const bytes = bytesAt(context, address, Math.min(length!, OPTION_BYTES_MAX));
  setOption(socket, option!, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  if (option === SO_SNDBUF && socket.isWritable) context.system.fileSystem.wake(socket.number, POLLOUT | POLLWRNORM);
  return 0n;
}

/** There is one interface, so that it makes no difference. */
function bindToDevice(bytes: Uint8Array): CallResult {
  const name = textOf(bytes);
  return name === '' || name === LOOPBACK.name ? 0n : failed(ENODEV);
}

/** Throws EINVAL, EDOM, ENOENT, ENOPROTOOPT, EOPNOTSUPP. */
function setOption({ options, kind, state }: Socket, option: number, view: DataView): void {
  const given = view.getInt32(0, true);
  switch (option) {
    case SO_SNDBUF:
    case SO_SNDBUFFORCE:
      return options.setSendBytes(given);
    case SO_RCVBUF:
    case SO_RCVBUFFORCE:
      return options.setReceiveBytes(given);
    case SO_LINGER:
      if (view.byteLength < 8) throw new LinuxError(EINVAL);
      options.linger = [Number(given !== 0), given === 0 ? options.linger[1] : view.getInt32(4, true)];
      return;
    case SO_RCVLOWAT:
      options.leastBytes = given < 0 ? 2 ** 31 - 1 : given || 1;
      return;
    case SO_RCVTIMEO:
      options.receiveTimeout = timeIn(view);
      return;
    case SO_SNDTIMEO:
      options.sendTimeout = timeIn(view);
      return;
    case SO_BSDCOMPAT:
      return;
    default:
      requireSocketOption(kind, option, given);
      if (option === SO_LOCK_FILTER && given === 0 && options.has(option)) throw new LinuxError(EPERM);
      if (TIMESTAMPS.has(option) && !isTimestamping(given, kind.protocol === IPPROTO_TCP && state !== 'connected'))
        throw new LinuxError(EINVAL);
      if (SWITCHES.has(option)) options.kept.set(optionKey(SOL_SOCKET, option), Number(given !== 0));
      else if (NUMBERS.has(option)) options.kept.set(optionKey(SOL_SOCKET, option), given);
      else throw new LinuxError(ENOPROTOOPT);
  }
}

/** Throws what is wrong with an option of SOL_SOCKET for a family, or with its number. */
function requireSocketOption({ domain }: Socket['kind'], option: number, given: number): void {
  const isOfInternet = domain === AF_INET || domain === AF_INET6;
  if (option === SO_REUSEPORT && !isOfInternet && given !== 0) throw new LinuxError(EOPNOTSUPP);
  if ((option === SO_PASSCRED || option === SO_PASSSEC) && isOfInternet) throw new LinuxError(EOPNOTSUPP);
  if ((option === SO_BUSY_POLL || option === SO_BINDTOIFINDEX) && given < 0) throw new LinuxError(EINVAL);
  if (option === SO_DETACH_FILTER) throw new LinuxError(ENOENT);
}

/** Flags of SOF_TIMESTAMPING that there are; those of numbers need each other, and streams that are connected. include/uapi/linux/net_tstamp.h */
function isTimestamping(flags: number, isUnconnectedStream: boolean): boolean {
  const isNumbered = (flags & TIMESTAMP_NUMBERS) !== 0;
  if (flags < 0 || flags > TIMESTAMP_FLAGS || (isNumbered && isUnconnectedStream)) return false;
  return isNumbered || (flags & TIMESTAMP_NUMBERS_TCP) === 0;
}

/** A struct timeval in ticks; zero is no timeout. Throws EINVAL, EDOM. */
function timeIn(view: DataView): number {
  if (view.byteLength < 16) throw new LinuxError(EINVAL);
  const [seconds, microseconds] = [view.getBigInt64(0, true), view.getBigInt64(8, true)];
  if (microseconds < 0n || microseconds >= 1_000_000n) throw new LinuxError(EDOM);
  if (seconds < 0n) return 0;
  const ticks = Number(seconds) * SECOND + Number(microseconds) * MICROSECOND;
  return ticks === 0 || ticks > 2 ** 52 ? Infinity : ticks;
}

const kept = { state: 'part', differs: 'Most options are kept, and have no effect.' } as const;

export const OPTION_CALLS: readonly LinuxCall[] = [
  {
    ...{ number: 54, name: 'setsockopt', parameters: ['fd', 'level', 'option', 'value', 'length'] },
    ...{ perform: setsockopt, ...kept },
  },
  {
    ...{ number: 55, name: 'getsockopt', parameters: ['fd', 'level', 'option', 'value', 'length'] },
    ...{ perform: getsockopt, ...kept },
  },
];
