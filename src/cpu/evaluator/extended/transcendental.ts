import type { X87Function } from '../../meaning/x87-vocabulary.js';
import { FSW, type X87Context } from './context.js';
import {
  HALF_PI_PLACES,
  LN_2,
  ONE,
  PI,
  PLACES,
  REDUCING_HALF_PI,
  arcTangent,
  exponentialLess1,
  logarithm,
  quotient,
  sineAndCosine,
} from './fixed-point.js';
import {
  encodeOperand,
  infinity,
  invalid,
  leadingExponent,
  noteDenormals,
  propagateNaN,
  zero,
  type F80,
  type Operand,
} from './operand.js';
import { bitLength } from '../float/round.js';
import { roundFully } from './round.js';

/*
 * F2XM1, FYL2X, FYL2XP1, FPATAN, FSIN, FCOS, FPTAN: the exact result, rounded. Processors have errors of up to one unit
 * in the last place (SDM Vol. 1 8.3.10), and differ among each other. Every result that is no special value is inexact.
 */

/** Below 2^-TINY a function of x equals the first term of its series: the second changes no bit that rounding looks at. */
const TINY = 160;

/** The product of ±significand × 2^quantum and a fixed-point number, rounded. */
function roundProduct(context: X87Context, x: Operand, value: bigint): F80 {
  const magnitude = value < 0n ? -value : value;
  const negative = x.negative !== value < 0n;
  return roundFully(context, negative, ((x.significand * magnitude) << 2n) | 1n, x.quantum - PLACES - 2);
}

function roundFixed(context: X87Context, negative: boolean, value: bigint): F80 {
  return roundProduct(context, { class: 'normal', negative, significand: 1n, quantum: 0 }, value);
}

/** |x| as a fixed-point number; bits below its unit are lost. */
function fixedOf({ significand, quantum }: Operand): bigint {
  const shift = PLACES + quantum;
  return shift >= 0 ? significand << BigInt(shift) : significand >> BigInt(-shift);
}

function signedFixed(x: Operand): bigint {
  return x.negative ? -fixedOf(x) : fixedOf(x);
}

/** F2XM1: 2^x - 1, for x from -1 to 1; beyond, where the result is undefined, x itself. */
export function power(context: X87Context, x: Operand): F80 {
  const nan = propagateNaN(context, x);
  if (nan) return nan;
  if (x.class === 'zero') return zero(x.negative);
  noteDenormals(context, x);
  if (x.class === 'infinity') return x.negative ? roundFully(context, true, 1n, 0) : infinity(false);
  if (leadingExponent(x) < -TINY) return roundProduct(context, x, LN_2);
  if (leadingExponent(x) >= 0) {
    if (leadingExponent(x) === 0 && isPowerOfTwo(x.significand)) return powerOfOne(context, x);
    context.raise(FSW.PE);
    return encodeOperand(x);
  }
  return roundFixed(context, false, exponentialLess1((signedFixed(x) * LN_2) >> BigInt(PLACES)));
}

/** 2 - 1, or 1/2 - 1. */
function powerOfOne(context: X87Context, x: Operand): F80 {
  return x.negative ? roundFully(context, true, 1n, -1) : roundFully(context, false, 1n, 0);
}

/** FYL2X: y × log2 x. SDM Vol. 2A table 3-56. */
export function log(context: X87Context, x: Operand, y: Operand): F80 {
  const nan = propagateNaN(context, x, y);
  if (nan) return nan;
  if (x.class === 'zero') return logOfZero(context, y);
  if (x.negative) return invalid(context);
  const isOne = x.class === 'normal' && leadingExponent(x) === 0 && isPowerOfTwo(x.significand);
  if ((x.class === 'infinity' && y.class === 'zero') || (isOne && y.class === 'infinity')) return invalid(context);
  noteDenormals(context, x, y);
  if (x.class === 'infinity') return infinity(y.negative);
  const exponent = leadingExponent(x);
  const isNegative = exponent < 0;
  if (y.class === 'infinity') return infinity(y.negative !== isNegative);
  if (y.class === 'zero' || isOne) return zero(isOne ? y.negative : y.negative !== isNegative);
  if (isPowerOfTwo(x.significand))
    return roundFully(context, y.negative !== isNegative, y.significand * BigInt(Math.abs(exponent)), y.quantum);
  const mantissa = fixedOf({ ...x, quantum: x.quantum - exponent });
  return roundProduct(context, y, BigInt(exponent) * ONE + quotient(logarithm(mantissa), LN_2));
}

function logOfZero(context: X87Context, y: Operand): F80 {
  if (y.class === 'zero') return invalid(context);
  if (y.class !== 'infinity') context.raise(FSW.ZE);
  return infinity(!y.negative);
}

function isPowerOfTwo(significand: bigint): boolean {
  return (significand & (significand - 1n)) === 0n;
}

/** FYL2XP1: y × log2 (x + 1), for |x| < 1 - √½; beyond, as far as there is a logarithm. */
export function log1(context: X87Context, x: Operand, y: Operand): F80 {
  const nan = propagateNaN(context, x, y);
  if (nan) return nan;
  if ((x.class === 'zero' && y.class === 'infinity') || (x.class === 'infinity' && (y.class === 'zero' || x.negative)))
    return invalid(context);
  noteDenormals(context, x, y);
  const negative = x.negative !== y.negative;
  if (x.class === 'infinity' || y.class === 'infinity') return infinity(negative);
  if (x.class === 'zero' || y.class === 'zero') return zero(negative);
  if (leadingExponent(x) < -TINY) {
    const scaled = { ...y, negative, significand: y.significand * x.significand, quantum: y.quantum + x.quantum };
    return roundProduct(context, scaled, quotient(ONE, LN_2));
  }
  if (leadingExponent(x) >= 0) return x.negative ? invalid(context) : encodeOperand(x);
  return roundProduct(context, y, binaryLogarithm(ONE + signedFixed(x)));
}

/** Of a number below 2. */
function binaryLogarithm(x: bigint): bigint {
  const shift = BigInt(PLACES + 1 - bitLength(x));
  return quotient(logarithm(x << shift), LN_2) - shift * ONE;
}

/** FPATAN: the angle of the point (x, y). SDM Vol. 2A table 3-28. */
export function arctangent(context: X87Context, x: Operand, y: Operand): F80 {
  const nan = propagateNaN(context, x, y);
  if (nan) return nan;
  noteDenormals(context, x, y);
  const isLow = y.class === 'zero' || (x.class === 'infinity' && y.class !== 'infinity');
  if (isLow) return x.negative ? roundFixed(context, y.negative, PI) : zero(y.negative);
  if (y.class === 'infinity') {
    const angle = x.class !== 'infinity' ? PI / 2n : x.negative ? (3n * PI) / 4n : PI / 4n;
    return roundFixed(context, y.negative, angle);
  }
  if (x.class === 'zero') return roundFixed(context, y.negative, PI / 2n);
  const distance = leadingExponent(y) - leadingExponent(x);
  if (distance < -TINY && !x.negative) return roundRatio(context, y, x);
  const isSteep = distance > 0;
  const [low, high] = isSteep ? [x, y] : [y, x];
  const ratio = distance < -PLACES || distance > PLACES ? 0n : ratioOf(low, high);
  // Of nearly equal numbers the wrong one may count as the larger.
  const angle = ratio <= ONE ? arcTangent(ratio) : PI / 2n - arcTangent(quotient(ONE, ratio));
  const inQuadrant = isSteep ? PI / 2n - angle : angle;
  return roundFixed(context, y.negative, x.negative ? PI - inQuadrant : inQuadrant);
}

/** |x / y| as a fixed-point number. */
function ratioOf(x: Operand, y: Operand): bigint {
  const shift = BigInt(PLACES + x.quantum - y.quantum);
  return shift >= 0n ? (x.significand << shift) / y.significand : x.significand / (y.significand << -shift);
}

/** y / x for a ratio that is tiny: it is a little more than the angle, and a little more than its own first bits. */
function roundRatio(context: X87Context, y: Operand, x: Operand): F80 {
  const dividend = y.significand << 192n;
  const ratio = dividend / x.significand;
  const isExact = ratio * x.significand === dividend;
  return roundFully(context, y.negative, (ratio << 1n) + (isExact ? -1n : 1n), y.quantum - x.quantum - 193);
}

/** FSIN, FCOS and FPTAN take numbers below 2^63. */
const BEYOND = 63;

/** FSIN, FCOS, FPTAN; undefined for what is too large. */
export function trigonometric(context: X87Context, name: X87Function, x: Operand): F80 | undefined {
  const nan = propagateNaN(context, x);
  if (nan) return nan;
  if (x.class === 'infinity') return invalid(context);
  if (x.class === 'zero') return name === 'cosine' ? roundFully(context, false, 1n, 0) : zero(x.negative);
  if (leadingExponent(x) >= BEYOND) return undefined;
  noteDenormals(context, x);
  if (leadingExponent(x) < -TINY) return ofTiny(context, name, x);
  const half = REDUCING_HALF_PI << BigInt(PLACES - HALF_PI_PLACES);
  const magnitude = fixedOf(x);
  const turns = (magnitude + half / 2n) / half;
  const { sine, cosine } = sineAndCosine(magnitude - turns * half);
  const [sines, cosines] = QUADRANTS[Number(turns & 3n)]!(sine, cosine);
  if (name === 'cosine') return roundFixed(context, false, cosines);
  return roundFixed(context, x.negative, name === 'sine' ? sines : quotient(sines, cosines));
}

/** Sine and cosine after so many quarters of a turn. */
const QUADRANTS: readonly ((sine: bigint, cosine: bigint) => [bigint, bigint])[] = [
  (s, c) => [s, c],
  (s, c) => [c, -s],
  (s, c) => [-s, -c],
  (s, c) => [-c, s],
];

/** x (a little less for the sine, a little more for the tangent), or a little less than one. */
function ofTiny(context: X87Context, name: X87Function, x: Operand): F80 {
  const shift = 2n * BigInt(PLACES);
  const near = (significand: bigint, isLess: boolean): bigint => (significand << shift) + (isLess ? -1n : 1n);
  if (name === 'cosine') return roundFully(context, false, near(1n, true), -2 * PLACES);
  return roundFully(context, x.negative, near(x.significand, name === 'sine'), x.quantum - 2 * PLACES);
}
