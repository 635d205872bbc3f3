import { maskOf, signed, truncate, type Width } from '../../bits.js';
import type { Arithmetic } from './vocabulary.js';

const truth = (condition: boolean): bigint => (condition ? 1n : 0n);

/** The numbers of a byte, which meanings ask for most: V8 makes a new bigint of a number each time. */
const BYTES: readonly bigint[] = Array.from({ length: 256 }, (_, byte) => BigInt(byte));

/** The number of bits set in each byte. */
const ONES_OF_BYTES = Uint8Array.from(BYTES, (_, byte) => {
  let ones = 0;
  for (let rest = byte; rest !== 0; rest >>= 1) ones += rest & 1;
  return ones;
});

/** Arithmetic of the vocabulary on bigints: used by the evaluator, and the reference for the compiled engines. */
export const bigintArithmetic: Arithmetic<bigint> = {
  constant: (width, value) =>
    typeof value === 'number' && value >= 0 && value < 256 ? BYTES[value]! : truncate(width, BigInt(value)),
  zeroExtend: (_from, _to, x) => x,
  signExtend: (from, to, x) => truncate(to, signed(from, x)),
  truncate: (_from, to, x) => truncate(to, x),
  add: (width, x, y) => truncate(width, x + y),
  sub: (width, x, y) => truncate(width, x - y),
  mul: (width, x, y) => truncate(width, x * y),
  mulHighUnsigned: (width, x, y) => (x * y) >> BigInt(width),
  mulHighSigned: (width, x, y) => truncate(width, (signed(width, x) * signed(width, y)) >> BigInt(width)),
  divideUnsigned(width, high, low, divisor) {
    if (high >= divisor) throw new Error(`quotient of ${high}:${low} by ${divisor} does not fit ${width} bits`);
    const dividend = (high << BigInt(width)) | low;
    return { quotient: dividend / divisor, remainder: dividend % divisor };
  },
  and: (_width, x, y) => x & y,
  or: (_width, x, y) => x | y,
  xor: (_width, x, y) => x ^ y,
  not: (width, x) => x ^ maskOf(width),
  neg: (width, x) => truncate(width, -x),
  shl: (width, x, count) => truncate(width, x << inRange(width, count)),
  shr: (width, x, count) => x >> inRange(width, count),
  sar: (width, x, count) => truncate(width, signed(width, x) >> inRange(width, count)),
  rotateLeft: (width, x, count) => rotateLeft(width, x, inRange(width, count)),
  rotateRight: (width, x, count) => rotateLeft(width, x, (BigInt(width) - inRange(width, count)) % BigInt(width)),
  equal: (_width, x, y) => truth(x === y),
  lessUnsigned: (_width, x, y) => truth(x < y),
  lessSigned: (width, x, y) => truth(signed(width, x) < signed(width, y)),
  isZero: (_width, x) => truth(x === 0n),
  isFalse: (x) => truth(x === 0n),
  select: (_width, condition, whenTrue, whenFalse) => (condition ? whenTrue : whenFalse),
  countLeadingZeros: (width, x) => BigInt(width - bitLength(x)),
  countTrailingZeros: (width, x) => (x === 0n ? BigInt(width) : BigInt(bitLength(x & -x) - 1)),
  populationCount: (_width, x) => BYTES[onesOf(x)]!,
  byteSwap(width, x) {
    let swapped = 0n;
    for (let bit = 0; bit < width; bit += 8) swapped = (swapped << 8n) | ((x >> BigInt(bit)) & 0xffn);
    return swapped;
  },
};

function inRange(width: Width, count: bigint): bigint {
  if (count >= BigInt(width)) throw new Error(`a shift count of ${count} is not below ${width}`);
  return count;
}

function rotateLeft(width: Width, x: bigint, count: bigint): bigint {
  return truncate(width, (x << count) | (x >> (BigInt(width) - count)));
}

function onesOf(x: bigint): number {
  let ones = 0;
  for (let rest = x; rest !== 0n; rest >>= 8n) ones += ONES_OF_BYTES[Number(rest & 0xffn)]!;
  return ones;
}

function bitLength(x: bigint): number {
  return x === 0n ? 0 : x.toString(2).length;
}
