/** What system calls read from the memory of their callers and write there. */
import { viewOf } from '../../bits.js';
import type { LinuxContext } from './call.js';
import { LinuxErrno, LinuxError } from './errno.js';
import type { LinearAddress } from '../memory/linear-address.js';

/** Where bytes lie that the caller may access. Throws LinuxError EFAULT. */
export function located(
  { memory }: Pick<LinuxContext, 'memory'>,
  address: bigint,
  lengthBytes: number | bigint,
  access: 'read' | 'write',
): LinearAddress {
  const start = memory.locate(address, BigInt(lengthBytes), access);
  if (start === undefined) throw new LinuxError(LinuxErrno.EFAULT);
  return start;
}

/** A copy of bytes of the caller. Throws LinuxError EFAULT. */
export function bytesAt(context: LinuxContext, address: bigint, lengthBytes: number): Uint8Array {
  const start = located(context, address, lengthBytes, 'read');
  return lengthBytes === 0 ? new Uint8Array(0) : context.memory.read(start, lengthBytes);
}

/** As `bytesAt`, as a view for fields. */
export function viewAt(context: LinuxContext, address: bigint, lengthBytes: number): DataView {
  return viewOf(bytesAt(context, address, lengthBytes));
}

/** Stores bytes for the caller. Throws LinuxError EFAULT. */
export function putBytes(context: LinuxContext, address: bigint, bytes: Uint8Array): void {
  const start = located(context, address, bytes.length, 'write');
  if (bytes.length > 0) context.memory.write(start, bytes);
}

/** Stores fields that `fill` sets in zeros, and answers 0. Throws LinuxError EFAULT. */
export function putFields(
  context: LinuxContext,
  address: bigint,
  lengthBytes: number,
  fill: (view: DataView) => void,
): bigint {
  const bytes = new Uint8Array(lengthBytes);
  fill(new DataView(bytes.buffer));
  putBytes(context, address, bytes);
  return 0n;
}

export function put64(context: LinuxContext, address: bigint, value: bigint): bigint {
  return putFields(context, address, 8, (view) => view.setBigUint64(0, BigInt.asUintN(64, value), true));
}

export function put32(context: LinuxContext, address: bigint, value: number): bigint {
  return putFields(context, address, 4, (view) => view.setInt32(0, value, true));
}

/** The bytes before a zero byte. Throws LinuxError EFAULT, or `tooLong` where there are more than `most`. */
export function stringAt(context: LinuxContext, address: bigint, most: number, tooLong: LinuxErrno): Uint8Array {
  const bytes = context.memory.readString(address, most);
  if (bytes === undefined) throw new LinuxError(LinuxErrno.EFAULT);
  if (bytes === 'too long') throw new LinuxError(tooLong);
  return bytes;
}
