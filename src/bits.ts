/** Widths, masks, sign extension and page constants: the arithmetic that every layer shares. */

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

/** `value` cut to its low `width` bits, read as an unsigned number. */
export function truncate(width: number, value: bigint): bigint {
  return value & maskOf(width);
}

/** The low `width` bits of `value`, read as a signed number. */
export function signed(width: number, value: bigint): bigint {
  return BigInt.asIntN(width, value);
}

/** True where bits 63 to 47 of a 64-bit linear address are equal. SDM Vol. 1 3.3.7.1 "Canonical Addressing". */
export function isCanonical(linear: bigint): boolean {
  return BigInt.asUintN(64, BigInt.asIntN(48, linear)) === BigInt.asUintN(64, linear);
}

/** `value` rounded up to a whole number of `unit`s; numbers up to 2^53. */
export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/** `0x` and hexadecimal digits, at least `digits` of them. */
export function hex(value: number | bigint, digits = 1): string {
  return '0x' + value.toString(16).padStart(digits, '0');
}

const DIGITS = [...'0123456789abcdef'].map((digit) => digit.charCodeAt(0));

/**
 * Two hexadecimal digits for each byte: the name of a hash. It is made in one piece, which takes 80 bytes in V8 for a hash of 32. One that is
 * added up stays a chain of its pieces there until somebody compares it, 864 bytes.
 */
export function bytesToHex(bytes: Uint8Array): string {
  const digits: number[] = [];
  for (const byte of bytes) digits.push(DIGITS[byte >> 4]!, DIGITS[byte & 15]!);
  return String.fromCharCode(...digits);
}
