import { F32, F64, type FloatFormat } from '../float/format.js';
import { bitLength } from '../float/round.js';
import { FSW, type X87Context } from './context.js';

/** An extended number as a register holds it. SDM Vol. 1 4.2.2. */
export interface F80 {
  /** 64 bits, with the integer bit. */
  readonly significand: bigint;
  /** The sign in bit 15, and the biased exponent. */
  readonly signExponent: number;
}

/** Classes of SDM Vol. 1 table 4-3 and 8.2.2 "Unsupported Double Extended-Precision Floating-Point Encodings". */
export type F80Class = 'zero' | 'denormal' | 'normal' | 'infinity' | 'QNaN' | 'SNaN' | 'unsupported';

/** A decoded operand. Zero and finite numbers are ±significand × 2^quantum. */
export interface Operand {
  readonly class: F80Class;
  readonly negative: boolean;
  /** Of a NaN, the 64 bits of its extended form. */
  readonly significand: bigint;
  readonly quantum: number;
}

export const SIGN = 0x8000;
export const MAX_EXPONENT = 0x7fff;
export const INTEGER_BIT = 1n << 63n;
export const QUIET_BIT = 1n << 62n;
export const BIAS = 0x3fff;
/** Exponent of the leading bit of the smallest normal and of the largest finite number. */
export const EXPONENT_MIN = -16382;
export const EXPONENT_MAX = 16383;
/** Bits of the significand. */
export const PRECISION = 64;
/** Exponent of the last bit of denormals. */
export const QUANTUM_MIN = EXPONENT_MIN - (PRECISION - 1);

export const INDEFINITE: F80 = { significand: INTEGER_BIT | QUIET_BIT, signExponent: SIGN | MAX_EXPONENT };

export function infinity(negative: boolean): F80 {
  return { significand: INTEGER_BIT, signExponent: signOf(negative) | MAX_EXPONENT };
}

export function zero(negative: boolean): F80 {
  return { significand: 0n, signExponent: signOf(negative) };
}

function signOf(negative: boolean): number {
  return negative ? SIGN : 0;
}

/** Decodes an extended number; pseudo-denormals count as denormals. */
export function decode({ significand, signExponent }: F80): Operand {
  const negative = (signExponent & SIGN) !== 0;
  const exponent = signExponent & MAX_EXPONENT;
  if (exponent === 0) {
    if (significand === 0n) return { class: 'zero', negative, significand, quantum: 0 };
    return { class: 'denormal', negative, significand, quantum: QUANTUM_MIN };
  }
  if ((significand & INTEGER_BIT) === 0n) return { class: 'unsupported', negative, significand, quantum: 0 };
  if (exponent !== MAX_EXPONENT)
    return { class: 'normal', negative, significand, quantum: exponent - BIAS - (PRECISION - 1) };
  if (significand === INTEGER_BIT) return { class: 'infinity', negative, significand, quantum: 0 };
  return { class: (significand & QUIET_BIT) === 0n ? 'SNaN' : 'QNaN', negative, significand, quantum: 0 };
}

/** Decodes a single or double. */
export function decodeFloat(width: 32 | 64, bits: bigint): Operand {
  const format: FloatFormat = width === 32 ? F32 : F64;
  const negative = (bits & format.signMask) !== 0n;
  const fraction = bits & format.fractionMask;
  const exponent = Number((bits & format.infinity) >> BigInt(format.fractionBits));
  const extended = INTEGER_BIT | (fraction << BigInt(63 - format.fractionBits));
  if (exponent === 0) {
    if (fraction === 0n) return { class: 'zero', negative, significand: 0n, quantum: 0 };
    return { class: 'denormal', negative, significand: fraction, quantum: format.quantumMin };
  }
  if ((bits & format.infinity) === format.infinity) {
    const nan = (fraction & format.quietBit) === 0n ? 'SNaN' : 'QNaN';
    return { class: fraction === 0n ? 'infinity' : nan, negative, significand: extended, quantum: 0 };
  }
  const significand = fraction + format.fractionMask + 1n;
  return { class: 'normal', negative, significand, quantum: exponent - 1 + format.quantumMin };
}

/** An integer as an operand. */
export function decodeInteger(value: bigint): Operand {
  if (value === 0n) return { class: 'zero', negative: false, significand: 0n, quantum: 0 };
  return { class: 'normal', negative: value < 0n, significand: value < 0n ? -value : value, quantum: 0 };
}

/** The encoding of ±significand × 2^quantum, which must be representable. */
export function encode(negative: boolean, significand: bigint, quantum: number): F80 {
  if (significand === 0n) return zero(negative);
  const shift = Math.min(PRECISION - bitLength(significand), quantum - QUANTUM_MIN);
  const shifted = shift < 0 ? significand >> BigInt(-shift) : significand << BigInt(shift);
  const isNormal = (shifted & INTEGER_BIT) !== 0n;
  const exponent = isNormal ? quantum - shift + (PRECISION - 1) + BIAS : 0;
  return { significand: shifted, signExponent: signOf(negative) | exponent };
}

/** The encoding of an operand that is no NaN: exact. */
export function encodeOperand(x: Operand): F80 {
  if (x.class === 'infinity') return infinity(x.negative);
  return encode(x.negative, x.significand, x.quantum);
}

/** Exponent of the leading bit of a finite number that is not zero. */
export function leadingExponent({ significand, quantum }: Operand): number {
  return quantum + bitLength(significand) - 1;
}

export function isNaN(x: Operand): boolean {
  return x.class === 'QNaN' || x.class === 'SNaN';
}

/** The masked response to an invalid operation. SDM Vol. 1 table 8-10. */
export function invalid(context: X87Context): F80 {
  context.raise(FSW.IE);
  return INDEFINITE;
}

/**
 * The result if an operand is a NaN or unsupported, else undefined. Of two NaNs of one kind the one with the larger
 * significand, of an SNaN and a QNaN the QNaN. SDM Vol. 1 table 4-7 "Rules for Handling NaNs".
 */
export function propagateNaN(context: X87Context, ...operands: Operand[]): F80 | undefined {
  if (operands.some((x) => x.class === 'unsupported')) return invalid(context);
  const nans = operands.filter(isNaN);
  if (nans.length === 0) return undefined;
  if (nans.some((x) => x.class === 'SNaN')) context.raise(FSW.IE);
  const quiets = nans.filter((x) => x.class === 'QNaN');
  const chosen = (quiets.length > 0 ? quiets : nans).reduce(largerNaN);
  return { significand: chosen.significand | QUIET_BIT, signExponent: signOf(chosen.negative) | MAX_EXPONENT };
}

/** Of equal significands, the positive one. */
function largerNaN(x: Operand, y: Operand): Operand {
  if (x.significand !== y.significand) return x.significand > y.significand ? x : y;
  return x.negative ? y : x;
}

/** Raises DE if an operand is a denormal; it has the lowest priority of the exceptions of operands. */
export function noteDenormals(context: X87Context, ...operands: Operand[]): void {
  if (operands.some((x) => x.class === 'denormal')) context.raise(FSW.DE);
}
