import { signed, truncate } from '../../../bits.js';
import { F32, F64, withSign } from '../float/format.js';
import { losesBits, shiftRounded } from '../float/round.js';
import type { RoundingMode } from '../float/mxcsr.js';
import { FSW, type X87Context } from './context.js';
import {
  INDEFINITE,
  encode,
  encodeOperand,
  infinity,
  invalid,
  isNaN,
  leadingExponent,
  noteDenormals,
  propagateNaN,
  zero,
  type F80,
  type Operand,
} from './operand.js';
import { roundFully, roundToFloat } from './round.js';

/** FLD of a single or double, FILD: exact, but SNaNs become quiet. */
export function toExtended(context: X87Context, x: Operand): F80 {
  const nan = propagateNaN(context, x);
  if (nan) return nan;
  noteDenormals(context, x);
  return encodeOperand(x);
}

/** FST to a single or double; undefined if it is not stored. */
export function toFloat(context: X87Context, width: 32 | 64, x: Operand): bigint | undefined {
  const format = width === 32 ? F32 : F64;
  const nan = propagateNaN(context, x);
  if (nan) {
    if (nan === INDEFINITE) return format.indefinite;
    const fraction = (nan.significand >> BigInt(63 - format.fractionBits)) & format.fractionMask;
    return withSign(format, x.negative, format.infinity | fraction);
  }
  if (x.class === 'infinity') return withSign(format, x.negative, format.infinity);
  if (x.class === 'zero') return withSign(format, x.negative, 0n);
  return roundToFloat(context, width, x.negative, x.significand, x.quantum);
}

/** The value rounded to an integer, with PE and C1; undefined for what is not a number, or infinite. */
function integerOf(context: X87Context, x: Operand, mode: RoundingMode): bigint | undefined {
  if (isNaN(x) || x.class === 'unsupported' || x.class === 'infinity') return undefined;
  const magnitude = shiftRounded(mode, x.negative, x.significand, -x.quantum);
  if (losesBits(x.significand, -x.quantum)) {
    context.raise(FSW.PE);
    context.c1 = magnitude > x.significand >> BigInt(-x.quantum);
  }
  return x.negative ? -magnitude : magnitude;
}

/** Takes back PE and C1, where the operation is invalid instead. */
function invalidInteger(context: X87Context): void {
  context.flags = FSW.IE;
  context.c1 = false;
}

/** FIST, FISTP, FISTTP: the integer indefinite, 2^(width - 1), for what does not fit. */
export function toInteger(context: X87Context, width: 16 | 32 | 64, x: Operand, truncated: boolean): bigint {
  const value = integerOf(context, x, truncated ? 'zero' : context.rounding);
  if (value !== undefined && signed(width, value) === value) return truncate(width, value);
  invalidInteger(context);
  return 1n << BigInt(width - 1);
}

const DIGITS = 18;
const SIGN_BYTE = 72n;
/** The packed BCD indefinite. SDM Vol. 1 table 4-4. */
export const DECIMAL_INDEFINITE = 0xffff_c000_0000_0000_0000n;

/** FBSTP: eighteen digits and a sign, 80 bits. */
export function toDecimal(context: X87Context, x: Operand): bigint {
  const value = integerOf(context, x, context.rounding);
  const digits = value === undefined ? '' : String(value < 0n ? -value : value);
  if (value === undefined || digits.length > DIGITS) {
    invalidInteger(context);
    return DECIMAL_INDEFINITE;
  }
  return BigInt('0x' + digits) | ((x.negative ? 0x80n : 0n) << SIGN_BYTE);
}

/** FBLD: digits above 9 give what their sum gives. */
export function fromDecimal(bits: bigint): F80 {
  let value = 0n;
  for (let digit = DIGITS - 1; digit >= 0; digit--) value = 10n * value + ((bits >> BigInt(4 * digit)) & 15n);
  return encode(((bits >> SIGN_BYTE) & 0x80n) !== 0n, value, 0);
}

/** FRNDINT: rounded to an integer. */
export function roundToInteger(context: X87Context, x: Operand): F80 {
  const nan = propagateNaN(context, x);
  if (nan) return nan;
  noteDenormals(context, x);
  if (x.class === 'infinity' || x.class === 'zero') return encodeOperand(x);
  if (context.stopsEarly || x.quantum >= 0) return encodeOperand(x);
  const value = integerOf(context, x, context.rounding)!;
  return encode(x.negative, value < 0n ? -value : value, 0);
}

/**
 * FXTRACT: the exponent and the significand. Of zero, ZE: minus infinity and zero; of infinity, plus infinity and
 * infinity. SDM Vol. 2A "FXTRACT".
 */
export function extract(context: X87Context, x: Operand): { exponent: F80; significand: F80 } {
  const nan = propagateNaN(context, x);
  if (nan) return { exponent: nan, significand: nan };
  if (x.class === 'zero') {
    context.raise(FSW.ZE);
    return { exponent: infinity(true), significand: zero(x.negative) };
  }
  noteDenormals(context, x);
  if (x.class === 'infinity') return { exponent: infinity(false), significand: infinity(x.negative) };
  const bits = x.significand.toString(2).length;
  const exponent = BigInt(x.quantum + bits - 1);
  return {
    exponent: encode(exponent < 0n, exponent < 0n ? -exponent : exponent, 0),
    significand: encode(x.negative, x.significand, 1 - bits),
  };
}

/** A number that no sum of exponents reaches. */
const MOST_SCALE = 0x1_0000;

/** FSCALE: x × 2^y, y truncated. SDM Vol. 2A table 3-37. */
export function scale(context: X87Context, x: Operand, y: Operand): F80 {
  const nan = propagateNaN(context, x, y);
  if (nan) return nan;
  if (y.class === 'infinity') {
    if (x.class === (y.negative ? 'infinity' : 'zero')) return invalid(context);
    noteDenormals(context, x);
    return y.negative ? zero(x.negative) : infinity(x.negative);
  }
  noteDenormals(context, x, y);
  if (x.class === 'zero' || x.class === 'infinity') return encodeOperand(x);
  return roundFully(context, x.negative, x.significand, x.quantum + truncated(y));
}

/** y as an integer, within ±MOST_SCALE. */
function truncated(y: Operand): number {
  if (y.class === 'zero' || leadingExponent(y) < 0) return 0;
  const magnitude =
    leadingExponent(y) > 16 ? MOST_SCALE : Number(shiftRounded('zero', y.negative, y.significand, -y.quantum));
  return y.negative ? -magnitude : magnitude;
}
