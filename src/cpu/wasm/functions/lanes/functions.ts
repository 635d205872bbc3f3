import { F16, F32, F64, type FloatFormat } from '../../../evaluator/float/format.js';
import type { WasmModule } from '../../encoding/module.js';
import { LaneCode } from './parts.js';
import { LaneArithmetic } from './arithmetic.js';
import { LaneComparisons } from './comparisons.js';
import { LaneConversions } from './conversions.js';
import { addPack } from './rounding.js';

/*
 * IEEE 754 arithmetic of one lane in integers, for all operands and every MXCSR: what evaluator/float computes with bigints.
 * A lane is an i64, zero-extended for singles. Exceptions are added to FLOAT_FLAGS; if one of them is unmasked, the result
 * means nothing.
 *
 * A finite number that is not zero is unpacked to ±significand × 2^(exponent - 63), with bit 63 of the significand set. A
 * significand that is not exact has bits enough that its last one, set if anything nonzero follows, is not rounded to.
 */

/** Indexes of the functions for one format. Parameters are lanes (i64), the control word or truth values (i32). */
export interface LaneFunctions {
  /** (x, y, control) → lane */
  readonly add: number;
  readonly sub: number;
  readonly mul: number;
  readonly div: number;
  readonly min: number;
  readonly max: number;
  /** (x, y, z, option, control) → lane: see meaning/fused.ts, of an even lane */
  readonly fused: number;
  /** (x, control) → lane */
  readonly sqrt: number;
  /** (x, control of ROUNDSS, control) → lane */
  readonly round: number;
  /** (x, y, signaling, control) → ZF PF CF, i64; every NaN is invalid if `signaling` */
  readonly compare: number;
  /** (x, y, predicate, control) → all ones or zeros in i64 */
  readonly predicate: number;
  /** (integer, control) → lane */
  readonly fromInteger: number;
  /** (x, bits, control) → integer of 16, 32 or 64 bits in i64, rounded as the control word says */
  readonly toInteger: number;
  /** (x, control) → lane of the other format */
  readonly toOther: number;
  /** (sign, exponent, significand, control) → lane, rounded; `sign` is 0 or the sign bit in its place */
  readonly pack: number;
}

/** Functions that the formats share. */
export interface CommonFunctions {
  /** (x, y) → the upper half of the product of two unsigned i64. */
  readonly multiplyHigh: number;
  /** (high, low, count) → high and low shifted right, the last bit set if bits were lost that are not zero. */
  readonly shiftRightWide: number;
}

/** (x, control) → lane, between halves and singles. */
export interface HalfFunctions {
  readonly toSingle: number;
  readonly ofSingle: number;
}

export interface FloatLanes {
  readonly f32: LaneFunctions;
  readonly f64: LaneFunctions;
  readonly halves: HalfFunctions;
}

export function addLaneFunctions(module: WasmModule, common: CommonFunctions): FloatLanes {
  const basisOf = (format: FloatFormat): Basis => {
    const pack = addPack(module, format);
    return { format, pack, nan: new LaneCode(module, format, pack).addNaN() };
  };
  const conversionsOf = ({ format, pack, nan }: Basis): LaneConversions =>
    new LaneConversions(module, format, pack, nan);
  const of = (basis: Basis, other: Basis): LaneFunctions => {
    const { format, pack, nan } = basis;
    const lanes = new LaneArithmetic(module, format, pack, nan, common);
    const conversions = conversionsOf(basis);
    return {
      ...{ add: lanes.add('add'), sub: lanes.add('sub'), mul: lanes.mul(), div: lanes.div(), sqrt: lanes.sqrt() },
      fused: lanes.fused(),
      ...new LaneComparisons(module, format, pack).comparisons(),
      ...{ fromInteger: conversions.fromInteger(), toInteger: conversions.toInteger(), round: conversions.round() },
      ...{ toOther: conversions.toOther(other), pack },
    };
  };
  const [f16, f32, f64] = [basisOf(F16), basisOf(F32), basisOf(F64)];
  const halves = {
    toSingle: conversionsOf(f16).toOther(f32, 'quietly'),
    ofSingle: conversionsOf(f32).toOther(f16),
  };
  return { f32: of(f32, f64), f64: of(f64, f32), halves };
}

/** A format with its functions for rounding and NaNs, which all others call. */
interface Basis {
  readonly format: FloatFormat;
  readonly pack: number;
  readonly nan: number;
}
