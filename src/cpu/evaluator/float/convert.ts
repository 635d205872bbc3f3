import { signed, truncate } from '../../../bits.js';
import { VariedContext, type FloatContext } from './context.js';
import { F16, F32, withSign, type FloatFormat } from './format.js';
import { MXCSR, MXCSR_RC_SHIFT, type RoundingMode } from './mxcsr.js';
import { isNaN, noteDenormals, operand, propagateNaN, quiet, type Operand } from './operand.js';
import { losesBits, round, shiftRounded } from './round.js';

/** CVTSS2SD, CVTPS2PD (exact) and CVTSD2SS, CVTPD2PS (rounds): `source` in another format. */
export function convert(context: FloatContext, from: FloatFormat, to: FloatFormat, source: bigint): bigint {
  const x = operand(context, from, source);
  if (propagateNaN(context, from, x) !== undefined) return convertNaN(from, to, x);
  noteDenormals(context, x);
  if (x.class === 'infinity') return withSign(to, x.negative, to.infinity);
  if (x.class === 'zero') return withSign(to, x.negative, 0n);
  return round(context, to, x.negative, x.significand, x.quantum);
}

/** VCVTPH2PS: exact. Denormals are neither flushed nor reported. SDM Vol. 2C "VCVTPH2PS". */
export function halfToSingle(context: FloatContext, source: bigint): bigint {
  const x = operand({ denormalsAreZeros: false }, F16, source);
  if (propagateNaN(context, F16, x) !== undefined) return convertNaN(F16, F32, x);
  if (x.class === 'infinity') return withSign(F32, x.negative, F32.infinity);
  if (x.class === 'zero') return withSign(F32, x.negative, 0n);
  return round(context, F32, x.negative, x.significand, x.quantum);
}

/**
 * VCVTPS2PH: rounded by bits 1:0 of the control, or by MXCSR if bit 2 is set. FTZ has no effect. SDM Vol. 2C "VCVTPS2PH".
 */
export function singleToHalf(context: FloatContext, source: bigint, control: bigint): bigint {
  const kept = context.mxcsr & ~MXCSR.FTZ;
  const mode = Number(control & 3n) << MXCSR_RC_SHIFT;
  const mxcsr = control & ROUND_BY_MXCSR ? kept : (kept & ~MXCSR.RC) | mode;
  return convert(new VariedContext(context, mxcsr), F32, F16, source);
}

/** A NaN keeps its sign and the most significant bits of its payload; padded with zeros if there is more room. */
function convertNaN(from: FloatFormat, to: FloatFormat, x: Operand): bigint {
  const fraction = quiet(from, x) & from.fractionMask;
  const excess = BigInt(from.fractionBits - to.fractionBits);
  const shifted = excess > 0n ? fraction >> excess : fraction << -excess;
  return withSign(to, x.negative, to.infinity | shifted);
}

/** CVTSI2SS, CVTSI2SD, CVTDQ2PS, CVTDQ2PD: the signed integer in the low `width` bits of `source`, rounded. */
export function fromInteger(context: FloatContext, format: FloatFormat, width: 32 | 64, source: bigint): bigint {
  const value = signed(width, source);
  if (value === 0n) return 0n;
  return round(context, format, value < 0n, value < 0n ? -value : value, 0);
}

/** CVTSS2SI, CVTSD2SI, CVTPS2DQ, CVTPD2DQ: `source` as a signed integer of `width` bits, rounded according to MXCSR. */
export function toInteger(context: FloatContext, format: FloatFormat, width: 32 | 64, source: bigint): bigint {
  return integerOf(context, format, width, source, context.rounding);
}

/** CVTTSS2SI, CVTTSD2SI, CVTTPS2DQ, CVTTPD2DQ: `source` as a signed integer of `width` bits, truncated. */
export function truncateToInteger(context: FloatContext, format: FloatFormat, width: 32 | 64, source: bigint): bigint {
  return integerOf(context, format, width, source, 'zero');
}

/** Bits of ROUNDSS's immediate: MXCSR chooses the mode, and PE is not raised. */
const ROUND_BY_MXCSR = 4n;
const ROUND_QUIETLY = 8n;
const ROUND_MODES: readonly RoundingMode[] = ['nearest', 'down', 'up', 'zero'];

/**
 * ROUNDSS, ROUNDSD, ROUNDPS, ROUNDPD: `source` rounded to an integral number; zeros keep the sign. Denormals raise PE, but not
 * DE. SDM Vol. 2B "ROUNDPD".
 */
export function roundToIntegral(context: FloatContext, format: FloatFormat, source: bigint, control: bigint): bigint {
  const x = operand(context, format, source);
  const nan = propagateNaN(context, format, x);
  if (nan !== undefined) return nan;
  if (x.class === 'infinity' || x.class === 'zero' || x.quantum >= 0) return x.bits;
  const mode = control & ROUND_BY_MXCSR ? context.rounding : ROUND_MODES[Number(control & 3n)]!;
  if (losesBits(x.significand, -x.quantum) && !(control & ROUND_QUIETLY)) context.raise(MXCSR.PE);
  const whole = shiftRounded(mode, x.negative, x.significand, -x.quantum);
  if (whole === 0n) return withSign(format, x.negative, 0n);
  return round(context, format, x.negative, whole, 0);
}

/**
 * The integer as `width` unsigned bits. NaNs, infinities and numbers that do not fit after rounding are invalid and
 * give the integer indefinite, 2^(width - 1). A denormal raises PE but never DE. SDM Vol. 1 11.5.2.1 and table 11-1.
 */
function integerOf(
  context: FloatContext,
  format: FloatFormat,
  width: 32 | 64,
  source: bigint,
  mode: RoundingMode,
): bigint {
  const indefinite = 1n << BigInt(width - 1);
  const x = operand(context, format, source);
  if (isNaN(x) || x.class === 'infinity') {
    context.raise(MXCSR.IE);
    return indefinite;
  }
  const magnitude = shiftRounded(mode, x.negative, x.significand, -x.quantum);
  const value = x.negative ? -magnitude : magnitude;
  if (signed(width, value) !== value) {
    context.raise(MXCSR.IE);
    return indefinite;
  }
  if (losesBits(x.significand, -x.quantum)) context.raise(MXCSR.PE);
  return truncate(width, value);
}
