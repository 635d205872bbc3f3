import type { FloatContext } from './context.js';
import { withSign, type FloatFormat } from './format.js';
import { MXCSR } from './mxcsr.js';
import { invalid, noteDenormals, operand, propagateNaN, type Operand } from './operand.js';
import { bitLength, round } from './round.js';

/*
 * One lane of ADD, SUB, MUL, DIV and SQRT. `first` is the first source operand (the destination of the SSE forms),
 * `second` the second; both and the result are encodings, unsigned. Exceptions are recorded in the context; if one of
 * them is unmasked, the result is meaningless. Invalid operations are listed in SDM Vol. 1 table 11-1 "Masked Responses
 * of SSE/SSE2/SSE3 Instructions to Invalid Arithmetic Operations".
 */

/** ADDSS, ADDSD, ADDPS, ADDPD: first + second. */
export function add(context: FloatContext, format: FloatFormat, first: bigint, second: bigint): bigint {
  const x = operand(context, format, first);
  const y = operand(context, format, second);
  return propagateNaN(context, format, x, y) ?? sum(context, format, x, y);
}

/** SUBSS, SUBSD, SUBPS, SUBPD: first - second. */
export function sub(context: FloatContext, format: FloatFormat, first: bigint, second: bigint): bigint {
  const x = operand(context, format, first);
  const y = operand(context, format, second);
  return propagateNaN(context, format, x, y) ?? sum(context, format, x, negate(format, y));
}

/** MULSS, MULSD, MULPS, MULPD: first × second. */
export function mul(context: FloatContext, format: FloatFormat, first: bigint, second: bigint): bigint {
  const x = operand(context, format, first);
  const y = operand(context, format, second);
  const nan = propagateNaN(context, format, x, y);
  if (nan !== undefined) return nan;
  const hasZero = x.class === 'zero' || y.class === 'zero';
  const hasInfinity = x.class === 'infinity' || y.class === 'infinity';
  if (hasZero && hasInfinity) return invalid(context, format);
  noteDenormals(context, x, y);
  const negative = x.negative !== y.negative;
  if (hasInfinity) return withSign(format, negative, format.infinity);
  if (hasZero) return withSign(format, negative, 0n);
  return round(context, format, negative, x.significand * y.significand, x.quantum + y.quantum);
}

/** DIVSS, DIVSD, DIVPS, DIVPD: first / second. */
export function div(context: FloatContext, format: FloatFormat, first: bigint, second: bigint): bigint {
  const x = operand(context, format, first);
  const y = operand(context, format, second);
  const nan = propagateNaN(context, format, x, y);
  if (nan !== undefined) return nan;
  if (x.class === y.class && (x.class === 'zero' || x.class === 'infinity')) return invalid(context, format);
  const negative = x.negative !== y.negative;
  if (y.class === 'zero') {
    // Even for a denormal dividend: DE has the lower priority (SDM Vol. 1 4.9.2). Infinity / 0 is exact.
    if (x.class !== 'infinity') context.raise(MXCSR.ZE);
    return withSign(format, negative, format.infinity);
  }
  noteDenormals(context, x, y);
  if (x.class === 'infinity') return withSign(format, negative, format.infinity);
  if (x.class === 'zero' || y.class === 'infinity') return withSign(format, negative, 0n);
  return quotient(context, format, x, y);
}

/** SQRTSS, SQRTSD, SQRTPS, SQRTPD: the square root of `source`. */
export function sqrt(context: FloatContext, format: FloatFormat, source: bigint): bigint {
  const x = operand(context, format, source);
  const nan = propagateNaN(context, format, x);
  if (nan !== undefined) return nan;
  if (x.class === 'zero') return x.bits;
  if (x.negative) return invalid(context, format);
  noteDenormals(context, x);
  if (x.class === 'infinity') return x.bits;
  // An even number of places, so that the exponent halves, and enough that the root has two bits to spare.
  const places = 2 * format.precision + 4 + Math.abs(x.quantum % 2);
  const radicand = x.significand << BigInt(places);
  const root = integerSquareRoot(radicand);
  const sticky = root * root === radicand ? 0n : 1n;
  return round(context, format, false, (root << 1n) | sticky, (x.quantum - places) / 2 - 1);
}

/** x with the other sign. */
export function negate(format: FloatFormat, x: Operand): Operand {
  return { ...x, negative: !x.negative, bits: x.bits ^ format.signMask };
}

/** x + y, where neither is a NaN. */
export function sum(context: FloatContext, format: FloatFormat, x: Operand, y: Operand): bigint {
  const bothInfinite = x.class === 'infinity' && y.class === 'infinity';
  if (bothInfinite && x.negative !== y.negative) return invalid(context, format);
  noteDenormals(context, x, y);
  if (x.class === 'infinity') return x.bits;
  if (y.class === 'infinity') return y.bits;
  const quantum = Math.min(x.quantum, y.quantum);
  const total = alignedTo(quantum, x) + alignedTo(quantum, y);
  if (total === 0n) {
    // Zeros of one sign keep it; a difference of equals is +0, or -0 when rounding down. SDM Vol. 1 4.8.3.1.
    const negative = x.negative === y.negative ? x.negative : context.rounding === 'down';
    return withSign(format, negative, 0n);
  }
  return round(context, format, total < 0n, total < 0n ? -total : total, quantum);
}

/** x as a signed multiple of 2^quantum. */
function alignedTo(quantum: number, x: Operand): bigint {
  const magnitude = x.significand << BigInt(x.quantum - quantum);
  return x.negative ? -magnitude : magnitude;
}

/** x / y, both finite and nonzero. */
function quotient(context: FloatContext, format: FloatFormat, x: Operand, y: Operand): bigint {
  // x has one bit or more and y at most `precision`, so the quotient has two bits to spare.
  const places = 2 * format.precision + 2;
  const dividend = x.significand << BigInt(places);
  const truncated = dividend / y.significand;
  const sticky = truncated * y.significand === dividend ? 0n : 1n;
  const negative = x.negative !== y.negative;
  return round(context, format, negative, (truncated << 1n) | sticky, x.quantum - y.quantum - places - 1);
}

/** The largest integer whose square is at most `value` > 0, by Newton's iteration from above. */
function integerSquareRoot(value: bigint): bigint {
  let root = 1n << BigInt((bitLength(value) + 1) >> 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}
