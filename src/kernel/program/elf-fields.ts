import { hex, viewOf } from '../../bits.js';
import { Errno, KernelError } from '../errors.js';

/** The bytes of an image: a VmoHandle is such. */
export interface ImageBytes {
  readonly length: number;
  read(offset: number, length: number): Uint8Array;
}

/** An image that is in memory as a whole. */
export function imageOf(bytes: Uint8Array): ImageBytes {
  return { length: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

/** The image cannot run. The message names what is wrong with it: the field and its value. Nothing has been mapped. */
export class ElfError extends KernelError {
  constructor(message: string) {
    super(Errno.ENOEXEC, message);
    this.name = 'ElfError';
  }
}

/** A part of the image that is to lie in memory: PT_LOAD. Addresses are those of the file, before it is placed. */
export interface Segment {
  /** Which program header it is. */
  readonly index: number;
  readonly fileOffset: number;
  readonly fileSize: number;
  /** A multiple of 4096 away from `fileOffset`, where there is a file part. */
  readonly address: number;
  /**
   * At least `fileSize`; whole pages after the file part are zeros that may be written. So is the rest of its last page,
   * if the segment is writable; else that is as it stands in the file.
   */
  readonly memorySize: number;
  /** PROTECTION_ bits. A segment may be writable and executable at once. */
  readonly protection: number;
}

/** A view of bytes of the image that `checkedRange` has let pass. */
export function bytesOf(image: ImageBytes, offset: number, length: number): DataView {
  return viewOf(image.read(offset, length));
}

/** A field of 64 bits as a number; refused unless it is below `limit`, which is at most 2^48. */
export function checkedSize(field: string, value: bigint, limit: number): number {
  if (value >= BigInt(limit)) throw new ElfError(`${field} ${hex(value)} is not below ${hex(limit)}`);
  return Number(value);
}

/** The offset, a field called `field`, of `length` bytes of the image; refused unless all of them are there. */
export function checkedRange(image: ImageBytes, field: string, offset: bigint, length: bigint): number {
  if (offset + length > BigInt(image.length))
    throw new ElfError(`${field} ${hex(offset)} + ${hex(length)} bytes exceeds the ${image.length} bytes of the image`);
  return Number(offset);
}

export function isPowerOfTwo(value: bigint): boolean {
  return value > 0n && (value & (value - 1n)) === 0n;
}

/** True where the range from `start` holds all of the one from `innerStart`. */
export function holds(start: number, length: number, innerStart: number, innerLength: number): boolean {
  return innerStart >= start && innerStart + innerLength <= start + length;
}
