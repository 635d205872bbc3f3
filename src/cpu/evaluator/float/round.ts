import type { FloatContext } from './context.js';
import { encode, withSign, type FloatFormat } from './format.js';
import { MXCSR, type RoundingMode } from './mxcsr.js';

/** The number of bits of a positive `value`: the least n with value < 2^n. */
export function bitLength(value: bigint): number {
  const digits = value.toString(16);
  return 4 * digits.length - Math.clz32(parseInt(digits.charAt(0), 16)) + 28;
}

/** Whether `value` is not a multiple of 2^shift, that is, whether dropping `shift` bits loses information. */
export function losesBits(value: bigint, shift: number): boolean {
  return shift > 0 && BigInt.asUintN(shift, value) !== 0n;
}

/**
 * Whether rounding moves a truncated magnitude one unit away from zero. `isOdd` is its last bit, `lost` the part that
 * was cut off and `half` one half of a unit, in the same scale. SDM Vol. 1 4.8.4 "Rounding".
 */
function roundsAway(mode: RoundingMode, negative: boolean, isOdd: boolean, lost: bigint, half: bigint): boolean {
  switch (mode) {
    case 'nearest':
      return lost > half || (lost === half && isOdd);
    case 'down':
      return negative && lost !== 0n;
    case 'up':
      return !negative && lost !== 0n;
    case 'zero':
      return false;
  }
}

/** magnitude / 2^shift as an integer, rounded by `mode` for a number of that sign; a negative shift is exact. */
export function shiftRounded(mode: RoundingMode, negative: boolean, magnitude: bigint, shift: number): bigint {
  if (shift <= 0) return magnitude << BigInt(-shift);
  const truncated = magnitude >> BigInt(shift);
  const lost = BigInt.asUintN(shift, magnitude);
  const isOdd = (truncated & 1n) !== 0n;
  return roundsAway(mode, negative, isOdd, lost, 1n << BigInt(shift - 1)) ? truncated + 1n : truncated;
}

/**
 * Rounds ±significand × 2^quantum to the format. The significand is > 0 and either exact, or has at least two bits more
 * than the format's precision with the last bit set if anything nonzero follows. Raises OE, UE and PE.
 */
export function round(
  context: FloatContext,
  format: FloatFormat,
  negative: boolean,
  significand: bigint,
  quantum: number,
): bigint {
  // First as if the exponent were unbounded: SSE detects underflow after rounding. SDM Vol. 1 4.9.1.5.
  const excess = bitLength(significand) - format.precision;
  const rounded = shiftRounded(context.rounding, negative, significand, excess);
  const isInexact = losesBits(significand, excess);
  const leadingExponent = quantum + excess + bitLength(rounded) - 1;

  if (leadingExponent < format.exponentMin) {
    if (context.underflowMasked) return underflow(context, format, negative, significand, quantum);
    // If unmasked, a tiny result need not be inexact, and PE refers to the result with unbounded exponent.
    context.raise(isInexact ? MXCSR.UE | MXCSR.PE : MXCSR.UE);
    return withSign(format, negative, 0n);
  }
  if (isInexact) context.raise(MXCSR.PE);
  if (leadingExponent > format.exponentMax) return overflow(context, format, negative);
  return encode(format, negative, rounded, quantum + excess);
}

/** The masked response to a tiny result: a zero with FTZ, else a denormal. SDM Vol. 1 10.2.3.3 and 4.9.1.5. */
function underflow(
  context: FloatContext,
  format: FloatFormat,
  negative: boolean,
  significand: bigint,
  quantum: number,
): bigint {
  if (context.flushToZero) {
    context.raise(MXCSR.UE | MXCSR.PE);
    return withSign(format, negative, 0n);
  }
  const shift = format.quantumMin - quantum;
  if (losesBits(significand, shift)) context.raise(MXCSR.UE | MXCSR.PE);
  return encode(format, negative, shiftRounded(context.rounding, negative, significand, shift), format.quantumMin);
}

/**
 * Overflow: infinity, or the largest finite number where the mode rounds towards zero. This masked response is always
 * inexact; unmasked overflow raises PE only if the result with unbounded exponent is inexact. SDM Vol. 1 table 4-10
 * "Masked Responses to Numeric Overflow".
 */
function overflow(context: FloatContext, format: FloatFormat, negative: boolean): bigint {
  context.raise(context.overflowMasked ? MXCSR.OE | MXCSR.PE : MXCSR.OE);
  const towardsZero = context.rounding === 'zero' || context.rounding === (negative ? 'up' : 'down');
  return withSign(format, negative, towardsZero ? format.largest : format.infinity);
}
