import { bitLength } from '../float/round.js';
import { FSW, type X87Context } from './context.js';
import {
  encodeOperand,
  infinity,
  invalid,
  noteDenormals,
  propagateNaN,
  zero,
  type F80,
  type Operand,
} from './operand.js';
import { round } from './round.js';

/*
 * FADD, FSUB, FMUL, FDIV and FSQRT, to the precision of FCW.PC. Exceptions are recorded in the context; if it stops
 * early, the result is meaningless. Invalid operations are listed in SDM Vol. 1 table 8-10.
 */

export function add(context: X87Context, x: Operand, y: Operand): F80 {
  return propagateNaN(context, x, y) ?? sum(context, x, y);
}

export function subtract(context: X87Context, x: Operand, y: Operand): F80 {
  return propagateNaN(context, x, y) ?? sum(context, x, { ...y, negative: !y.negative });
}

export function multiply(context: X87Context, x: Operand, y: Operand): F80 {
  const nan = propagateNaN(context, x, y);
  if (nan) return nan;
  const hasZero = x.class === 'zero' || y.class === 'zero';
  const hasInfinity = x.class === 'infinity' || y.class === 'infinity';
  if (hasZero && hasInfinity) return invalid(context);
  noteDenormals(context, x, y);
  const negative = x.negative !== y.negative;
  if (hasInfinity) return infinity(negative);
  if (hasZero) return zero(negative);
  return round(context, context.precision, negative, x.significand * y.significand, x.quantum + y.quantum);
}

export function divide(context: X87Context, x: Operand, y: Operand): F80 {
  const nan = propagateNaN(context, x, y);
  if (nan) return nan;
  if (x.class === y.class && (x.class === 'zero' || x.class === 'infinity')) return invalid(context);
  const negative = x.negative !== y.negative;
  if (y.class === 'zero') {
    if (x.class !== 'infinity') context.raise(FSW.ZE);
    return infinity(negative);
  }
  noteDenormals(context, x, y);
  if (x.class === 'infinity') return infinity(negative);
  if (x.class === 'zero' || y.class === 'infinity') return zero(negative);
  // The quotient has at least two bits more than any precision.
  const places = 2 * 64 + 2;
  const dividend = x.significand << BigInt(places);
  const truncated = dividend / y.significand;
  const sticky = truncated * y.significand === dividend ? 0n : 1n;
  return round(context, context.precision, negative, (truncated << 1n) | sticky, x.quantum - y.quantum - places - 1);
}

export function squareRoot(context: X87Context, x: Operand): F80 {
  const nan = propagateNaN(context, x);
  if (nan) return nan;
  if (x.class === 'zero') return zero(x.negative);
  if (x.negative) return invalid(context);
  noteDenormals(context, x);
  if (x.class === 'infinity') return infinity(false);
  const places = 2 * 64 + 4 + Math.abs(x.quantum % 2);
  const radicand = x.significand << BigInt(places);
  const root = integerSquareRoot(radicand);
  const sticky = root * root === radicand ? 0n : 1n;
  return round(context, context.precision, false, (root << 1n) | sticky, (x.quantum - places) / 2 - 1);
}

/** x + y, where neither is a NaN. */
function sum(context: X87Context, x: Operand, y: Operand): F80 {
  const bothInfinite = x.class === 'infinity' && y.class === 'infinity';
  if (bothInfinite && x.negative !== y.negative) return invalid(context);
  noteDenormals(context, x, y);
  if (x.class === 'infinity' || y.class === 'infinity') return encodeOperand(x.class === 'infinity' ? x : y);
  const total = totalOf(x, y);
  if (total.significand === 0n) {
    // Zeros of one sign keep it; a difference of equals is +0, or -0 when rounding down. SDM Vol. 1 4.8.3.1.
    return zero(x.negative === y.negative ? x.negative : context.rounding === 'down');
  }
  return round(context, context.precision, total.negative, total.significand, total.quantum);
}

/** The exact sum of two finite numbers. */
export function totalOf(x: Operand, y: Operand): { negative: boolean; significand: bigint; quantum: number } {
  const quantum = x.class === 'zero' ? y.quantum : y.class === 'zero' ? x.quantum : Math.min(x.quantum, y.quantum);
  const total = alignedTo(quantum, x) + alignedTo(quantum, y);
  return { negative: total < 0n, significand: total < 0n ? -total : total, quantum };
}

/** x as a signed multiple of 2^quantum. */
function alignedTo(quantum: number, x: Operand): bigint {
  if (x.class === 'zero') return 0n;
  const magnitude = x.significand << BigInt(x.quantum - quantum);
  return x.negative ? -magnitude : magnitude;
}

/** The largest integer whose square is at most `value` > 0, by Newton's iteration from above. */
export function integerSquareRoot(value: bigint): bigint {
  let root = 1n << BigInt((bitLength(value) + 1) >> 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}
