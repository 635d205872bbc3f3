/** Widths, masks, sign extension, page constants and byte arrays that all layers share. */

export const PAGE_SHIFT = 12;
/** Bytes in a page, a frame and a VMO leaf. */
export const PAGE_SIZE = 4096;

/** Operand widths of the general-purpose instructions, in bits. */
export type Width = 8 | 16 | 32 | 64;

export const MASK64 = 0xffff_ffff_ffff_ffffn;
export const MASK128 = (1n << 128n) - 1n;

const masks: Record<number, bigint> = {
  8: 0xffn,
  16: 0xffffn,
  32: 0xffff_ffffn,
  64: MASK64,
  128: MASK128,
};

/** The bigint with the low `width` bits set. */
export function maskOf(width: number): bigint {
  return masks[width] ?? (1n << BigInt(width)) - 1n;
}

/** The low `width` bits of `value` as an unsigned number. */
export function truncate(width: number, value: bigint): bigint {
  return value & maskOf(width);
}

/** The low `width` bits of `value` as a signed number. */
export function signed(width: number, value: bigint): bigint {
  return BigInt.asIntN(width, value);
}

/** Whether bits 63 to 47 of a 64-bit linear address are equal. SDM Vol. 1 3.3.7.1 "Canonical Addressing". */
export function isCanonical(linear: bigint): boolean {
  return BigInt.asUintN(64, BigInt.asIntN(48, linear)) === BigInt.asUintN(64, linear);
}

/** `value` rounded up to a multiple of `unit`; for numbers up to 2^53. */
export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/** `0x` followed by at least `digits` hexadecimal digits. */
export function hex(value: number | bigint, digits = 1): string {
  return '0x' + value.toString(16).padStart(digits, '0');
}

const DIGITS = [...'0123456789abcdef'].map((digit) => digit.charCodeAt(0));

/**
 * Two hexadecimal digits for each byte, such as the name of a hash. The string is created in one piece, which takes 80
 * bytes in V8 for a 32-byte hash; a concatenated string would remain a chain of its pieces, 864 bytes, until it is
 * first compared.
 */
export function bytesToHex(bytes: Uint8Array): string {
  const digits: number[] = [];
  for (const byte of bytes) digits.push(DIGITS[byte >> 4]!, DIGITS[byte & 15]!);
  return String.fromCharCode(...digits);
}

/** The bytes of all parts, one after the other. */
export function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A view of bytes, for the numbers in them. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The bytes of numbers of 32 bits, least significant first. */
export function wordBytes(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(values).buffer);
}
