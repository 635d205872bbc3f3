import type { FloatOperation, PackedConversion } from '../../meaning/vocabulary.js';
import { OUTCOMES, outcomesOf } from '../../meaning/predicates.js';
import type { Attempts } from './attempts.js';
import type { Format } from './floats.js';
import { ROUND_QUIETLY, roundingOf } from './rounding.js';
import type { WasmVectorInstruction } from '../encoding/opcodes.js';
import type { Emitter, WasmValue } from '../encoding/value.js';
import { LARGEST, MIN_NORMAL, lanes32, lanes64, type Shape } from '../functions/fused-sums.js';
import { VectorCode } from './vector-code.js';

type V = WasmValue;

/** 2^31 - 1 as a double; the largest float below 2^31. */
const LARGEST_INT = { f32x4: lanes32(0x4eff_ffffn), f64x2: lanes64(0x41df_ffff_ffc0_0000n) };
const LARGEST_INT32 = lanes32(0x7fff_ffffn);
/** The first two lanes of a vector, the others taken from a second. */
const LOW_HALF = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
const HIGH_HALF = [8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31];

/** The Wasm instructions for less, equal, greater (1, 2, 4) and their sums; none for never and always. */
const COMPARISONS = [undefined, 'lt', 'eq', 'le', 'gt', 'ne', 'ge', undefined] as const;
const ONES = (1n << 128n) - 1n;
/** The predicates of comparisons without VEX. */
const LEGACY_PREDICATES = 8;

/** Lanes of ones; the bits that an estimate of 12 bits keeps; the quiet bit. */
const ONE = { f32x4: lanes32(0x3f80_0000n), f64x2: lanes64(0x3ff0_0000_0000_0000n) };
const ESTIMATE_BITS = lanes32(0xffff_f800n);
const QUIET = lanes32(0x0040_0000n);
const SIGN = lanes32(0x8000_0000n);
const DEFAULT_NAN = lanes32(0xffc0_0000n);

/**
 * Compiles packed floating point to Wasm SIMD: in line if every lane is the usual case of floats.ts, else by a call.
 */
export class PackedFloats extends VectorCode {
  constructor(
    emitter: Emitter,
    private readonly attempts: Attempts,
    private readonly requireUsualControl: (mayFlush?: boolean) => void,
  ) {
    super(emitter);
  }

  binary(operation: FloatOperation, f: Format, x: V, y: V): V {
    const shape = shapeOf(f);
    return this.attempts.make('v128', `${shape}.${operation}`, [x, y], () => {
      if (operation === 'min' || operation === 'max') {
        this.requireComparable(shape, [x, y]);
        // pmin(a, b) is b < a ? b : a; MIN is x < y ? x : y.
        return this.apply(`${shape}.${operation === 'min' ? 'pmin' : 'pmax'}`, y, x);
      }
      // Sums may be denormal, and exact.
      this.requireUsualControl(operation === 'mul' || operation === 'div');
      this.requireNoDenormal(shape, [x, y]);
      const result = this.apply(`${shape}.${operation}`, x, y);
      if (operation === 'div') this.requireFinite(shape, y);
      if (operation === 'mul' || operation === 'div')
        this.requireNormalOrZero(shape, result, operation === 'mul' ? [x, y] : [x]);
      this.requireFinite(shape, result);
      return result;
    });
  }

  round(f: Format, x: V, control: V): V {
    const shape = shapeOf(f);
    return this.attempts.make('v128', `${shape}.round`, [x, x, control], () => {
      const name = roundingOf(control);
      if (name === undefined) {
        this.emitter.code.i32(1);
        this.attempts.giveUpIf();
      }
      this.requireComparable(shape, [x]);
      const whole = this.unary(`${shape}.${name ?? 'nearest'}`, x);
      if ((Number(control.constant) & ROUND_QUIETLY) === 0)
        this.usualControlUnless(this.apply(`${shape}.eq`, whole, x));
      return whole;
    });
  }

  sqrt(f: Format, x: V): V {
    const shape = shapeOf(f);
    return this.attempts.make('v128', `${shape}.sqrt`, [x, x], () => {
      this.requireUsualControl();
      this.requireNoDenormal(shape, [x]);
      const result = this.unary(`${shape}.sqrt`, x);
      this.requireFinite(shape, result);
      return result;
    });
  }

  predicate(f: Format, x: V, y: V, predicate: V): V {
    const shape = shapeOf(f);
    const { emitter } = this;
    const { code } = emitter;
    return this.attempts.make('v128', `${shape}.predicate`, [x, y, predicate], () => {
      this.requireComparable(shape, [x, y]);
      if (predicate.constant !== undefined) return this.comparison(shape, x, y, outcomesOf(Number(predicate.constant)));
      emitter.push(predicate).code.i32(LEGACY_PREDICATES).op('i32.ge_u');
      this.attempts.giveUpIf();
      const equal = this.apply(`${shape}.eq`, x, y);
      const less = this.apply(`${shape}.lt`, x, y);
      // As for scalars: equality makes 0 and 2 true, "less" 1 and 2; bit 2 negates.
      const mask = (push: () => void): V => {
        code.i32(0);
        push();
        code.op('i32.sub').vectorOp('i32x4.splat');
        return emitter.pop('v128');
      };
      const ofEqual = mask(() => emitter.push(predicate).code.i32(1).op('i32.and').op('i32.eqz'));
      const ofLess = mask(() => {
        emitter.push(predicate);
        emitter.push(predicate).code.i32(1).op('i32.shr_u').op('i32.xor').i32(1).op('i32.and');
      });
      const negated = mask(() => emitter.push(predicate).code.i32(2).op('i32.shr_u').i32(1).op('i32.and'));
      const truth = this.apply('v128.or', this.apply('v128.and', equal, ofEqual), this.apply('v128.and', less, ofLess));
      return this.apply('v128.xor', truth, negated);
    });
  }

  /** All ones where two numbers compare as one of the outcomes. */
  private comparison(shape: Shape, x: V, y: V, outcomes: number): V {
    const name = COMPARISONS[outcomes & ~OUTCOMES.unordered];
    if (name === undefined) return this.constant(outcomes & OUTCOMES.less ? ONES : 0n);
    return this.apply(`${shape}.${name}`, x, y);
  }

  convert(conversion: PackedConversion, x: V): V {
    if (conversion === 'i32x2.f64x2') return this.unary('f64x2.convert_low_i32x4_s', x);
    return this.attempts.make('v128', conversion, [x, x], () => {
      switch (conversion) {
        case 'i32x4.f32x4':
          return this.intToFloat(x);
        case 'f64x2.i32x2':
          return this.toInt('f64x2', 'i32x4.trunc_sat_f64x2_s_zero', x, 'nearest');
        case 'f64x2.i32x2t':
          return this.toInt('f64x2', 'i32x4.trunc_sat_f64x2_s_zero', x, 'trunc');
        case 'f32x4.i32x4':
          return this.toInt('f32x4', 'i32x4.trunc_sat_f32x4_s', x, 'nearest');
        case 'f32x4.i32x4t':
          return this.toInt('f32x4', 'i32x4.trunc_sat_f32x4_s', x, 'trunc');
        case 'f64x2.f32x2':
          return this.demote(x);
        case 'f32x2.f64x2':
          return this.promote(x);
      }
    });
  }

  /** Rounds as evaluator/float-operations.ts does, whatever MXCSR says. */
  estimate(operation: 'rcp' | 'rsqrt', x: V): V {
    const sign = this.apply('v128.and', x, this.constant(SIGN));
    const normal = this.zeroInsteadOfDenormals(x, sign);
    const value =
      operation === 'rcp' ? this.apply('f32x4.div', this.constant(ONE.f32x4), normal) : this.inverseRoot(normal);
    const cut = this.apply('v128.and', value, this.constant(ESTIMATE_BITS));
    const result = this.zeroInsteadOfDenormals(cut, sign);
    // NaNs that Wasm makes are not specified.
    const isNumber = this.apply('f32x4.eq', value, value);
    const isGiven = this.apply('f32x4.eq', x, x);
    const quiet = this.apply('v128.or', x, this.constant(QUIET));
    return this.choose(isGiven, this.choose(isNumber, result, this.constant(DEFAULT_NAN)), quiet);
  }

  /** Each step is rounded to a double, the last one to a single. */
  private inverseRoot(x: V): V {
    const { emitter } = this;
    const half = (low: V): V => {
      const root = this.unary('f64x2.sqrt', this.unary('f64x2.promote_low_f32x4', low));
      return this.unary('f32x4.demote_f64x2_zero', this.apply('f64x2.div', this.constant(ONE.f64x2), root));
    };
    emitter.push(x).push(x).code.shuffle(HIGH_HALF);
    const upper = emitter.pop('v128');
    emitter.push(half(x)).push(half(upper)).code.shuffle(LOW_HALF);
    return emitter.pop('v128');
  }
  private zeroInsteadOfDenormals(x: V, sign: V): V {
    const small = this.apply('f32x4.lt', this.magnitude('f32x4', x), this.constant(MIN_NORMAL.f32x4));
    return this.choose(small, sign, x);
  }

  private intToFloat(x: V): V {
    const result = this.unary('f32x4.convert_i32x4_s', x);
    const back = this.unary('i32x4.trunc_sat_f32x4_s', result);
    // The largest integer is rounded to 2^31, which comes back saturated: as if nothing had been lost.
    const saturated = this.apply('i32x4.eq', x, this.constant(LARGEST_INT32));
    this.usualControlUnless(this.apply('v128.andnot', this.apply('i32x4.eq', back, x), saturated));
    return result;
  }
  private toInt(shape: Shape, convert: WasmVectorInstruction, x: V, rounding: 'nearest' | 'trunc'): V {
    this.requireAll(this.apply(`${shape}.le`, this.magnitude(shape, x), this.constant(LARGEST_INT[shape])));
    const whole = this.unary(`${shape}.${rounding}`, x);
    this.usualControlUnless(this.apply(`${shape}.eq`, whole, x));
    return this.unary(convert, whole);
  }
  private demote(x: V): V {
    this.requireUsualControl();
    this.requireNoDenormal('f64x2', [x]);
    const result = this.unary('f32x4.demote_f64x2_zero', x);
    this.requireFinite('f32x4', result);
    const back = this.unary('f64x2.promote_low_f32x4', result);
    const smallest = this.constant(lanes64(0x3810_0000_0000_0000n)); // the smallest normal f32
    const large = this.apply('f64x2.lt', smallest, this.magnitude('f64x2', back));
    const zero = this.apply('f64x2.eq', x, this.constant(0n));
    this.requireAll(this.apply('v128.or', large, zero));
    return result;
  }
  private promote(x: V): V {
    const { emitter } = this;
    emitter.push(x).code.v128Const(0n).shuffle(LOW_HALF);
    const low = emitter.pop('v128');
    this.requireNoDenormal('f32x4', [low]);
    this.requireFinite('f32x4', low);
    return this.unary('f64x2.promote_low_f32x4', low);
  }

  private requireComparable(shape: Shape, operands: readonly V[]): void {
    for (const x of operands) this.requireAll(this.apply(`${shape}.eq`, x, x));
    this.requireNoDenormal(shape, operands);
  }
  private requireNoDenormal(shape: Shape, operands: readonly V[]): void {
    for (const x of operands) {
      const small = this.apply(`${shape}.lt`, this.magnitude(shape, x), this.constant(MIN_NORMAL[shape]));
      const notZero = this.apply(`${shape}.ne`, x, this.constant(0n));
      this.emitter.push(small).push(notZero).code.vectorOp('v128.and').vectorOp('v128.any_true');
      this.attempts.giveUpIf();
    }
  }
  private requireFinite(shape: Shape, x: V): void {
    this.requireAll(this.apply(`${shape}.le`, this.magnitude(shape, x), this.constant(LARGEST[shape])));
  }
  private requireNormalOrZero(shape: Shape, result: V, factors: readonly V[]): void {
    let fine = this.apply(`${shape}.lt`, this.constant(MIN_NORMAL[shape]), this.magnitude(shape, result));
    for (const factor of factors)
      fine = this.apply('v128.or', fine, this.apply(`${shape}.eq`, factor, this.constant(0n)));
    this.requireAll(fine);
  }
  /** Requires the usual control unless all lanes of `isExact` are set: exact results do not depend on it. */
  private usualControlUnless(isExact: V): void {
    this.emitter.push(isExact).code.vectorOp('i32x4.all_true').op('i32.eqz').if();
    this.requireUsualControl();
    this.emitter.code.end();
  }
  private requireAll(mask: V): void {
    this.emitter.push(mask).code.vectorOp('i32x4.all_true').op('i32.eqz');
    this.attempts.giveUpIf();
  }
  private magnitude(shape: Shape, x: V): V {
    return this.unary(`${shape}.abs`, x);
  }
}

function shapeOf(f: Format): Shape {
  return f.name === 'f64' ? 'f64x2' : 'f32x4';
}
