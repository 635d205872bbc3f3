import { F32, F64, encode as encodeFloat, withSign } from '../float/format.js';
import { bitLength, losesBits, shiftRounded } from '../float/round.js';
import { FSW, type X87Context } from './context.js';
import { EXPONENT_MAX, EXPONENT_MIN, PRECISION, encode, infinity, zero, type F80 } from './operand.js';

/** What the exponent of a result is changed by when overflow or underflow is unmasked. SDM Vol. 1 8.5.4, 8.5.5. */
const WRAP = 24576;

/** The range and precision that a result is rounded to. */
interface Range {
  readonly precision: number;
  readonly exponentMin: number;
  readonly exponentMax: number;
}

/** A rounded result; `over` stands for an infinity. */
interface Rounded {
  readonly significand: bigint;
  readonly quantum: number;
  readonly over: boolean;
  /** How the exponent leaves the range with the exception unmasked; 0 if it does not. */
  readonly wraps: -1 | 0 | 1;
}

/**
 * Rounds ±significand × 2^quantum, with significand > 0, either exact or with at least two bits more than the precision
 * and the last one set if anything nonzero follows. Raises OE, UE and PE, and sets C1. SDM Vol. 1 4.9.1.
 */
function roundTo(context: X87Context, range: Range, negative: boolean, significand: bigint, quantum: number): Rounded {
  const { precision, exponentMin, exponentMax } = range;
  const excess = bitLength(significand) - precision;
  const rounded = shiftRounded(context.rounding, negative, significand, excess);
  const leading = quantum + excess + bitLength(rounded) - 1;
  const isTiny = leading < exponentMin;
  if (isTiny && context.isMasked(FSW.UE)) {
    const quantumMin = exponentMin - (precision - 1);
    if (losesBits(significand, quantumMin - quantum)) context.raise(FSW.UE);
    return cut(context, negative, significand, quantum, quantumMin, 0);
  }
  if (isTiny) context.raise(FSW.UE);
  if (leading <= exponentMax) return cut(context, negative, significand, quantum, quantum + excess, isTiny ? -1 : 0);
  context.raise(FSW.OE);
  if (!context.isMasked(FSW.OE)) return cut(context, negative, significand, quantum, quantum + excess, 1);
  context.raise(FSW.PE);
  const towardsZero = context.rounding === 'zero' || context.rounding === (negative ? 'up' : 'down');
  context.c1 = !towardsZero;
  const largest = (1n << BigInt(precision)) - 1n;
  return { significand: largest, quantum: exponentMax - precision + 1, over: !towardsZero, wraps: 0 };
}

/** Rounds to a multiple of 2^unit; raises PE and sets C1. */
function cut(
  context: X87Context,
  negative: boolean,
  significand: bigint,
  quantum: number,
  unit: number,
  wraps: Rounded['wraps'],
): Rounded {
  const shift = unit - quantum;
  const rounded = shiftRounded(context.rounding, negative, significand, shift);
  if (losesBits(significand, shift)) {
    context.raise(FSW.PE);
    context.c1 = rounded > significand >> BigInt(shift);
  }
  return { significand: rounded, quantum: unit, over: false, wraps };
}

/** Rounds to an extended number of `precision` bits. Unmasked overflow and underflow change the exponent by 24576. */
export function round(
  context: X87Context,
  precision: number,
  negative: boolean,
  significand: bigint,
  quantum: number,
): F80 {
  const range = { precision, exponentMin: EXPONENT_MIN, exponentMax: EXPONENT_MAX };
  const result = roundTo(context, range, negative, significand, quantum);
  if (result.over) return infinity(negative);
  const wrapped = result.quantum - WRAP * result.wraps;
  const leading = wrapped + bitLength(result.significand) - 1;
  if (result.wraps === 0 || (leading >= EXPONENT_MIN && leading <= EXPONENT_MAX))
    return encode(negative, result.significand, wrapped);
  // FSCALE may go so far beyond that no change of the exponent helps.
  context.raise(FSW.PE);
  context.c1 = result.wraps > 0;
  return result.wraps > 0 ? infinity(negative) : zero(negative);
}

/** Rounds to all 64 bits, whatever the precision control says. */
export function roundFully(context: X87Context, negative: boolean, significand: bigint, quantum: number): F80 {
  return round(context, PRECISION, negative, significand, quantum);
}

/** Rounds to a single or double; undefined where unmasked overflow or underflow keeps it from being stored. */
export function roundToFloat(
  context: X87Context,
  width: 32 | 64,
  negative: boolean,
  significand: bigint,
  quantum: number,
): bigint | undefined {
  const format = width === 32 ? F32 : F64;
  const result = roundTo(context, format, negative, significand, quantum);
  if (result.wraps !== 0) {
    context.flags &= ~FSW.PE;
    context.c1 = false;
    return undefined;
  }
  if (result.over) return withSign(format, negative, format.infinity);
  return encodeFloat(format, negative, result.significand, result.quantum);
}
