import { lanesOf, vectorOf } from './lanes.js';

/** Operations of AES-NI and PCLMULQDQ that are not made of others. */

/** x^8 + x^4 + x^3 + x + 1, by which bytes are reduced. FIPS 197 4.2. */
const POLYNOMIAL = 0x11b;

/** The product of two bytes. FIPS 197 4.2 "Multiplication". */
export function product(x: number, y: number): number {
  let sum = 0;
  for (let [power, left] = [x, y]; left > 0; left >>= 1) {
    if (left & 1) sum ^= power;
    power <<= 1;
    if (power & 0x100) power ^= POLYNOMIAL;
  }
  return sum;
}

/** The affine transformation of FIPS 197 5.1.1. */
function transformed(x: number): number {
  let result = 0x63;
  for (let by = 0; by < 5; by++) result ^= (x << by) | (x >> (8 - by));
  return result & 0xff;
}

/** All bytes. */
export const NUMBERS = Array.from({ length: 256 }, (_, i) => i);

/** The substitution of FIPS 197 5.1.1 "SubBytes()", and its inverse. */
export const SUBSTITUTION: readonly number[] = NUMBERS.map((x) =>
  transformed(x === 0 ? 0 : NUMBERS.find((y) => product(x, y) === 1)!),
);
export const INVERSE_SUBSTITUTION: readonly number[] = NUMBERS.map((x) => SUBSTITUTION.indexOf(x));

export function substituteBytes(x: bigint, inverse: boolean): bigint {
  const table = inverse ? INVERSE_SUBSTITUTION : SUBSTITUTION;
  return vectorOf(
    8,
    lanesOf(8, x).map((byte) => BigInt(table[Number(byte)]!)),
  );
}

export function carrylessProduct(x: bigint, y: bigint): bigint {
  let sum = 0n;
  for (let bit = 0n; bit < 64n; bit++) if ((y >> bit) & 1n) sum ^= x << bit;
  return sum;
}
