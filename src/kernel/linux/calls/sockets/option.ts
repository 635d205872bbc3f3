/** getsockopt(2) and setsockopt(2): net/core/sock.c. */
import { wordBytes } from '../../../../bits.js';
import type { CallResult } from '../../../calls/call.js';
import { signed32, type LinuxCall, type LinuxContext } from '../../call.js';
import { LinuxErrno, LinuxError, failed } from '../../errno.js';
import { POLLOUT, POLLWRNORM } from '../../files/open/open-file.js';
import { AF_INET6, AF_NETLINK, IPPROTO_IP, IPPROTO_IPV6, SOL_NETLINK, SOL_SOCKET } from '../../sockets/constants.js';
import { protocolOption } from '../../sockets/protocol-options.js';
import { optionKey } from '../../sockets/socket-options.js';
import type { Socket } from '../../sockets/socket.js';
import { bytesAt, put32, putBytes, viewAt } from '../../user-data.js';
import { socketOf } from './arguments.js';

const { EDOM, EINVAL, ENODATA, ENOPROTOOPT, EOPNOTSUPP } = LinuxErrno;

const SO_TYPE = 3;
const SO_ERROR = 4;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_LINGER = 13;
const SO_REUSEPORT = 15;
const SO_PEERCRED = 17;
const SO_RCVLOWAT = 18;
const SO_SNDLOWAT = 19;
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;
const SO_ACCEPTCONN = 30;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SO_PROTOCOL = 38;
const SO_DOMAIN = 39;
const SO_PEERGROUPS = 59;
/** Those that are on or off: debug, reuseaddr, dontroute, broadcast, keepalive, oobinline, reuseport, passcred, timestamps, passsec. */
const SWITCHES = new Set([1, 2, 5, 6, 9, 10, 11, SO_REUSEPORT, 16, 29, 34, 35, 37, 40, 41, 43, 44, 63, 64]);
/** Those that are numbers: priority, mark, busy poll. */
const NUMBERS = new Set([12, 36, 46]);
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
    default:
      if (SWITCHES.has(option) || NUMBERS.has(option))
        return wordBytes(options.kept.get(optionKey(SOL_SOCKET, option)) ?? 0);
      throw new LinuxError(ENOPROTOOPT);
  }
}

/** The value of an option of a level other than SOL_SOCKET. */
function optionOfProtocol(socket: Socket, level: number, option: number): Uint8Array {
  if (socket.isUnix) throw new LinuxError(EOPNOTSUPP);
  requireLevel(socket.kind, level);
  return protocolOption(socket, level, option);
}

function requireLevel({ domain, protocol }: Socket['kind'], level: number): void {
  if (domain === AF_NETLINK && level === SOL_NETLINK) return;
  const isKnown = level === IPPROTO_IP || level === protocol || (level === IPPROTO_IPV6 && domain === AF_INET6);
  if (!isKnown) throw new LinuxError(ENOPROTOOPT);
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
  if (socket.isUnix && level !== SOL_SOCKET) return failed(EOPNOTSUPP);
  if (level !== SOL_SOCKET) {
    requireLevel(socket.kind, level!);
    const bytes = bytesAt(context, address, Math.min(length!, OPTION_BYTES_MAX));
    const given = bytes.length >= 4 ? new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true) : (bytes[0] ?? 0);
    socket.options.kept.set(optionKey(level!, option! & 0xffff), given);
    return 0n;
  }
  if (length! < 4) return failed(EINVAL);
  const bytes = bytesAt(context, address, Math.min(length!, OPTION_BYTES_MAX));
  setOption(socket, option!, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  if (option === SO_SNDBUF && socket.isWritable) context.system.fileSystem.wake(socket.number, POLLOUT | POLLWRNORM);
  return 0n;
}

/** Throws EINVAL, EDOM, ENOPROTOOPT, EOPNOTSUPP. */
function setOption({ options, isUnix }: Socket, option: number, view: DataView): void {
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
    default:
      if (option === SO_REUSEPORT && isUnix) throw new LinuxError(EOPNOTSUPP);
      if (SWITCHES.has(option)) options.kept.set(optionKey(SOL_SOCKET, option), Number(given !== 0));
      else if (NUMBERS.has(option)) options.kept.set(optionKey(SOL_SOCKET, option), given);
      else throw new LinuxError(ENOPROTOOPT);
  }
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
