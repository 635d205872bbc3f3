import type { FloatContext } from './context.js';
import { withSign, type FloatFormat } from './format.js';
import { MXCSR } from './mxcsr.js';

/** The classes of SDM Vol. 1 4.8.3 "Real Number and Non-number Encodings". */
export type FloatClass = 'zero' | 'denormal' | 'normal' | 'infinity' | 'QNaN' | 'SNaN';

/** A decoded operand. Zero and finite numbers are ±significand × 2^quantum; both are 0 otherwise. */
export interface Operand {
  readonly class: FloatClass;
  readonly negative: boolean;
  readonly significand: bigint;
  readonly quantum: number;
  /** The encoding, after DAZ. */
  readonly bits: bigint;
}

/** Decodes `bits`; with DAZ, a denormal becomes a zero of the same sign and raises nothing. */
export function operand(context: Pick<FloatContext, 'denormalsAreZeros'>, format: FloatFormat, bits: bigint): Operand {
  const negative = (bits & format.signMask) !== 0n;
  const fraction = bits & format.fractionMask;
  const exponentField = Number((bits & format.infinity) >> BigInt(format.fractionBits));
  if (exponentField === 0) {
    const isZero = fraction === 0n || context.denormalsAreZeros;
    if (isZero) return { class: 'zero', negative, significand: 0n, quantum: 0, bits: withSign(format, negative, 0n) };
    return { class: 'denormal', negative, significand: fraction, quantum: format.quantumMin, bits };
  }
  if ((bits & format.infinity) === format.infinity) {
    const nonNumber = (fraction & format.quietBit) !== 0n ? 'QNaN' : 'SNaN';
    return { class: fraction === 0n ? 'infinity' : nonNumber, negative, significand: 0n, quantum: 0, bits };
  }
  const significand = fraction + format.fractionMask + 1n;
  return { class: 'normal', negative, significand, quantum: exponentField - 1 + format.quantumMin, bits };
}

export function isNaN(x: Operand): boolean {
  return x.class === 'QNaN' || x.class === 'SNaN';
}

/** The quiet form of a NaN: an SNaN becomes the QNaN with the same sign and payload, a QNaN is unchanged. */
export function quiet(format: FloatFormat, x: Operand): bigint {
  return x.bits | format.quietBit;
}

/**
 * The result if at least one operand is a NaN, else undefined: the quiet form of the first NaN operand. Any SNaN is an
 * invalid operation. NaNs take precedence over every other exception of the lane, so no other may have been raised
 * before. SDM Vol. 1 table 4-7 "Rules for Handling NaNs" and 4.9.2 "Floating-Point Exception Priority".
 */
export function propagateNaN(context: FloatContext, format: FloatFormat, ...operands: Operand[]): bigint | undefined {
  const first = operands.find(isNaN);
  if (first === undefined) return undefined;
  if (operands.some((x) => x.class === 'SNaN')) context.raise(MXCSR.IE);
  return quiet(format, first);
}

/** The masked response to an invalid operation without NaN operands. SDM Vol. 1 table 11-1. */
export function invalid(context: FloatContext, format: FloatFormat): bigint {
  context.raise(MXCSR.IE);
  return format.indefinite;
}

/**
 * Raises DE if an operand is denormal; call it after checking for NaNs, invalid operation and division by zero, which
 * take precedence.
 */
export function noteDenormals(context: FloatContext, ...operands: Operand[]): void {
  if (operands.some((x) => x.class === 'denormal')) context.raise(MXCSR.DE);
}
