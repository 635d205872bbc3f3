/** Arguments of calls for sockets. */
import { signed32, type LinuxContext } from '../../call.js';
import { LinuxErrno, LinuxError } from '../../errno.js';
import { usableFileOf } from '../../files/arguments.js';
import { ADDRESS_BYTES_MAX } from '../../sockets/address.js';
import { OpenSocket } from '../../sockets/open-socket.js';
import { bytesAt, located, put32, putBytes, viewAt } from '../../user-data.js';

const { EINVAL, ENOTSOCK } = LinuxErrno;

/** The socket of a descriptor. Throws EBADF, ENOTSOCK. */
export function socketOf(context: LinuxContext, fd: bigint): OpenSocket {
  const file = usableFileOf(context, fd);
  if (!(file instanceof OpenSocket)) throw new LinuxError(ENOTSOCK);
  return file;
}

/** An address that the caller gives. Throws EINVAL, EFAULT. */
export function addressAt(context: LinuxContext, address: bigint, lengthArgument: bigint): Uint8Array {
  const length = signed32(lengthArgument);
  if (length < 0 || length > ADDRESS_BYTES_MAX) throw new LinuxError(EINVAL);
  return length === 0 ? new Uint8Array(0) : bytesAt(context, address, length);
}

/** Room for an address, as the word at `length` says. Throws EFAULT, EINVAL. */
export function requireAddress(context: LinuxContext, address: bigint, length: bigint): number {
  const room = viewAt(context, length, 4).getInt32(0, true);
  located(context, length, 4, 'write');
  if (room < 0) throw new LinuxError(EINVAL);
  located(context, address, Math.min(room, ADDRESS_BYTES_MAX), 'write');
  return room;
}

/** Tells the caller an address, as far as there is room, and how long it is. Throws EFAULT, EINVAL. */
export function putAddress(context: LinuxContext, given: Uint8Array, address: bigint, length: bigint): void {
  const room = requireAddress(context, address, length);
  putBytes(context, address, given.subarray(0, room));
  put32(context, length, given.length);
}
