import { constantValue, type Emitter, type WasmValue } from '../encoding/value.js';
import { lanes32 } from '../functions/fused-sums.js';
import type { Attempts } from './attempts.js';
import { VectorCode } from './vector-code.js';

type V = WasmValue;

const HALF_SIGN = 0x8000n;
const HALF_MAGNITUDE = 0x7fffn;
const HALF_INFINITY = 0x7c00n;
const INFINITY = 0x7f80_0000n;
/** 2^112: the difference of the biases of the exponents, which makes a single of a half moved to its place, denormal or not. */
const SCALE = 0x7780_0000n;
/** The difference of the biases in the place of a half's exponent. */
const BIAS = 112n << 10n;
/** What the fraction of a single has more, in bits. */
const MORE_BITS = 13n;
const LOST = (1n << MORE_BITS) - 1n;
/** Singles below and above those that become normal halves: 2^-14 less a unit, and 65520, which rounds to infinity. */
const BELOW_NORMAL = 0x387f_ffffn;
const TOO_LARGE = 0x477f_f000n;
/** Bits 1:0 of the control: other modes than to nearest. */
const MODES = 3n;

/** Compiles conversions of numbers of half precision to Wasm SIMD: in line if nothing but PE may be raised, else by a call. */
export class HalfFloats extends VectorCode {
  constructor(
    emitter: Emitter,
    private readonly attempts: Attempts,
    private readonly requireUsualControl: () => void,
  ) {
    super(emitter);
  }

  /** In line if there is no NaN. */
  toSingles(x: V): V {
    return this.attempts.make('v128', 'f16x4.f32x4', [x, x], () => {
      const halves = this.unary('i32x4.extend_low_i16x8_u', x);
      const magnitude = this.apply('v128.and', halves, this.each(HALF_MAGNITUDE));
      this.emitter.push(this.apply('i32x4.gt_s', magnitude, this.each(HALF_INFINITY))).code.vectorOp('v128.any_true');
      this.attempts.giveUpIf();
      const moved = this.apply('i32x4.shl', magnitude, constantValue('i32', MORE_BITS));
      const number = this.apply('f32x4.mul', moved, this.each(SCALE));
      const isInfinite = this.apply('i32x4.eq', magnitude, this.each(HALF_INFINITY));
      const infinity = this.apply('v128.and', isInfinite, this.each(INFINITY));
      const signs = this.apply('v128.and', halves, this.each(HALF_SIGN));
      const sign = this.apply('i32x4.shl', signs, constantValue('i32', 16n));
      return this.apply('v128.or', this.apply('v128.or', number, infinity), sign);
    });
  }

  /** In line if all results are zero or normal, and rounded to nearest. */
  ofSingles(x: V, control: V): V {
    const { emitter } = this;
    return this.attempts.make('v128', 'f32x4.f16x4', [x, x, control], () => {
      emitter.push(control).code.i32(Number(MODES)).op('i32.and');
      this.attempts.giveUpIf();
      const magnitude = this.apply('v128.and', x, this.each(0x7fff_ffffn));
      const isZero = this.apply('i32x4.eq', magnitude, this.each(0n));
      const isLarge = this.apply('i32x4.gt_s', magnitude, this.each(BELOW_NORMAL));
      const isSmall = this.apply('i32x4.gt_s', this.each(TOO_LARGE), magnitude);
      this.unlessAll(this.apply('v128.or', isZero, this.apply('v128.and', isLarge, isSmall)));
      this.attempts.giveUpIf();
      const lost = this.apply('v128.and', magnitude, this.each(LOST));
      this.unlessAll(this.apply('i32x4.eq', lost, this.each(0n)));
      emitter.code.if();
      this.requireUsualControl();
      emitter.code.end();
      const places = constantValue('i32', MORE_BITS);
      // To even: half a unit of the last place is added, less one where the last bit is 0.
      const last = this.apply('v128.and', this.apply('i32x4.shr_u', magnitude, places), this.each(1n));
      const raised = this.apply('i32x4.add', this.apply('i32x4.add', magnitude, this.each(LOST >> 1n)), last);
      const rounded = this.apply('i32x4.shr_u', raised, places);
      const half = this.apply('i32x4.max_s', this.apply('i32x4.sub', rounded, this.each(BIAS)), this.each(0n));
      const signs = this.apply('i32x4.shr_u', x, constantValue('i32', 16n));
      const signed = this.apply('v128.or', half, this.apply('v128.and', signs, this.each(HALF_SIGN)));
      return this.apply('i16x8.narrow_i32x4_u', signed, this.each(0n));
    });
  }

  /** Pushes whether some lane of the mask is clear. */
  private unlessAll(mask: V): void {
    this.emitter.push(mask).code.vectorOp('i32x4.all_true').op('i32.eqz');
  }
  private each(bits: bigint): V {
    return this.constant(lanes32(bits));
  }
}
