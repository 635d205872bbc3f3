import { PAGE_SIZE } from '../../../bits.js';
import type { LinuxContext } from '../call.js';
import { LinuxErrno, LinuxError } from '../errno.js';
import { putBytes, bytesAt, viewAt } from '../user-data.js';

/** Bytes that a call moves at most, and parts that readv and others take: include/linux/fs.h and uapi/linux/uio.h. */
const BYTES_MAX = 0x7fff_f000;
const PARTS_MAX = 1024;
const PART_BYTES = 16;

interface Part {
  readonly address: bigint;
  readonly length: number;
}

/** An array of struct iovec. Throws LinuxError EINVAL, EFAULT. */
export function vectorAt(
  context: LinuxContext,
  address: bigint,
  count: bigint,
): { readonly address: bigint; readonly length: bigint }[] {
  if (count > BigInt(PARTS_MAX)) throw new LinuxError(LinuxErrno.EINVAL);
  const view = viewAt(context, address, Number(count) * PART_BYTES);
  return Array.from({ length: Number(count) }, (_, index) => {
    const length = view.getBigInt64(index * PART_BYTES + 8, true);
    if (length < 0n) throw new LinuxError(LinuxErrno.EINVAL);
    return { address: view.getBigUint64(index * PART_BYTES, true), length };
  });
}

/** The memory that a call reads into or writes from: one range, or several as one. */
export class Buffers {
  readonly length: number;

  constructor(
    private readonly context: LinuxContext,
    private readonly parts: readonly Part[],
  ) {
    this.length = parts.reduce((total, { length }) => total + length, 0);
  }

  /** One range. */
  static of(context: LinuxContext, address: bigint, length: bigint): Buffers {
    return new Buffers(context, [{ address, length: Number(length < BigInt(BYTES_MAX) ? length : BYTES_MAX) }]);
  }

  /** Those of an array of struct iovec. Throws EINVAL and EFAULT. */
  static ofVector(context: LinuxContext, vector: bigint, count: bigint): Buffers {
    let room = BYTES_MAX;
    const parts = vectorAt(context, vector, BigInt.asUintN(32, count)).map(({ address, length }) => {
      const taken = length < BigInt(room) ? Number(length) : room;
      room -= taken;
      return { address, length: taken };
    });
    return new Buffers(context, parts);
  }

  /** How many bytes from an offset on may be accessed one after another, at most `length`. */
  accessible(offset: number, length: number, access: 'read' | 'write'): number {
    let found = 0;
    for (const { address, length: wanted } of this.from(offset, length)) {
      const reached = this.accessibleAt(address, wanted, access);
      found += reached;
      if (reached < wanted) break;
    }
    return found;
  }

  /** Stores bytes that may be, as `accessible` tells. */
  put(offset: number, bytes: Uint8Array): void {
    let at = 0;
    for (const { address, length } of this.from(offset, bytes.length)) {
      putBytes(this.context, address, bytes.subarray(at, at + length));
      at += length;
    }
  }

  /** A copy of bytes that may be read. */
  get(offset: number, length: number): Uint8Array {
    const parts = [...this.from(offset, length)];
    if (parts.length === 1) return bytesAt(this.context, parts[0]!.address, length);
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      bytes.set(bytesAt(this.context, part.address, part.length), at);
      at += part.length;
    }
    return bytes;
  }

  /** The ranges that hold `length` bytes from an offset. */
  private *from(offset: number, length: number): Generator<Part, void, undefined> {
    let skipped = offset;
    let left = length;
    for (const part of this.parts) {
      const taken = Math.min(left, Math.max(0, part.length - skipped));
      if (taken > 0) yield { address: part.address + BigInt(skipped), length: taken };
      left -= taken;
      skipped = Math.max(0, skipped - part.length);
      if (left === 0) return;
    }
  }

  private accessibleAt(address: bigint, length: number, access: 'read' | 'write'): number {
    const { memory } = this.context;
    if (memory.locate(address, BigInt(length), access) !== undefined) return length;
    let reached = 0;
    while (reached < length) {
      const at = address + BigInt(reached);
      const part = Math.min(length - reached, PAGE_SIZE - Number(at % BigInt(PAGE_SIZE)));
      if (memory.locate(at, BigInt(part), access) === undefined) break;
      reached += part;
    }
    return reached;
  }
}
