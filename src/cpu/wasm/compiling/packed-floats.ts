import type { FloatOperation, PackedConversion } from '../../meaning/vocabulary.js';
import { MXCSR } from '../../evaluator/float/mxcsr.js';
import { MXCSR as MXCSR_ADDRESS } from '../../state/layout.js';
import type { Format } from './floats.js';
import type { WasmVectorInstruction } from '../encoding/opcodes.js';
import type { Emitter, WasmValue } from '../encoding/value.js';

type V = WasmValue;
type Shape = 'f32x4' | 'f64x2';

/** Largest finite and smallest normal numbers, in every lane. */
const LARGEST = { f32x4: lanes32(0x7f7f_ffffn), f64x2: lanes64(0x7fef_ffff_ffff_ffffn) };
const MIN_NORMAL = { f32x4: lanes32(0x0080_0000n), f64x2: lanes64(0x0010_0000_0000_0000n) };
/** 2^31 - 1 as a double; the largest float below 2^31. */
const LARGEST_INT = { f32x4: lanes32(0x4eff_ffffn), f64x2: lanes64(0x41df_ffff_ffc0_0000n) };
const LARGEST_INT32 = lanes32(0x7fff_ffffn);
/** The first two lanes of a vector, the others taken from a second. */
const LOW_HALF = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];

/**
 * Compiles packed floating point to Wasm SIMD, under the same conditions as for scalars in floats.ts, which must hold
 * in every lane. Exactness of a product, quotient or root is not checked: unless PE is already set, it is left to the
 * evaluator.
 */
export class PackedFloats {
  constructor(
    private readonly emitter: Emitter,
    private readonly sideExitIf: () => void,
    private readonly requireDefaultControl: () => void,
  ) {}

  binary(operation: FloatOperation, f: Format, x: V, y: V): V {
    const shape = shapeOf(f);
    if (operation === 'min' || operation === 'max') {
      this.requireComparable(shape, [x, y]);
      // pmin(a, b) is b < a ? b : a; MIN is x < y ? x : y.
      return this.apply(`${shape}.${operation === 'min' ? 'pmin' : 'pmax'}`, y, x);
    }
    this.requireDefaultControl();
    const sum = operation === 'add' || operation === 'sub';
    if (!sum) this.requireInexactAlready();
    this.requireNoDenormal(shape, [x, y]);
    const result = this.apply(`${shape}.${operation}`, x, y);
    if (operation === 'div') this.requireFinite(shape, y);
    if (sum) this.requireSum(operation, shape, x, y, result);
    else this.requireNormalOrZero(shape, result, operation === 'mul' ? [x, y] : [x]);
    this.requireFinite(shape, result);
    return result;
  }

  sqrt(f: Format, x: V): V {
    const shape = shapeOf(f);
    this.requireDefaultControl();
    this.requireInexactAlready();
    this.requireNoDenormal(shape, [x]);
    const result = this.unary(`${shape}.sqrt`, x);
    this.requireFinite(shape, result);
    return result;
  }

  predicate(f: Format, x: V, y: V, predicate: V): V {
    const shape = shapeOf(f);
    const { emitter } = this;
    const { code } = emitter;
    this.requireComparable(shape, [x, y]);
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
  }

  convert(conversion: PackedConversion, x: V): V {
    switch (conversion) {
      case 'i32x2.f64x2':
        return this.unary('f64x2.convert_low_i32x4_s', x);
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
  }

  private intToFloat(x: V): V {
    this.requireDefaultControl();
    const result = this.unary('f32x4.convert_i32x4_s', x);
    this.unlessInexactAlready(() => {
      const back = this.unary('i32x4.trunc_sat_f32x4_s', result);
      // The largest integer is rounded to 2^31, which comes back saturated: as if nothing had been lost.
      const saturated = this.apply('i32x4.eq', x, this.constant(LARGEST_INT32));
      this.sideExitUnlessAll(this.apply('v128.andnot', this.apply('i32x4.eq', back, x), saturated));
    });
    return result;
  }
  private toInt(shape: Shape, convert: WasmVectorInstruction, x: V, rounding: 'nearest' | 'trunc'): V {
    this.requireDefaultControl();
    this.sideExitUnlessAll(this.apply(`${shape}.le`, this.magnitude(shape, x), this.constant(LARGEST_INT[shape])));
    const whole = this.unary(`${shape}.${rounding}`, x);
    this.unlessInexactAlready(() => this.sideExitUnlessAll(this.apply(`${shape}.eq`, whole, x)));
    return this.unary(convert, whole);
  }
  private demote(x: V): V {
    this.requireDefaultControl();
    this.requireNoDenormal('f64x2', [x]);
    const result = this.unary('f32x4.demote_f64x2_zero', x);
    this.requireFinite('f32x4', result);
    const back = this.unary('f64x2.promote_low_f32x4', result);
    const exact = this.apply('f64x2.eq', back, x);
    const smallest = this.constant(lanes64(0x3810_0000_0000_0000n)); // the smallest normal f32
    const large = this.apply('f64x2.lt', smallest, this.magnitude('f64x2', back));
    const zero = this.apply('f64x2.eq', x, this.constant(0n));
    this.sideExitUnlessAll(this.apply('v128.or', large, zero));
    this.unlessInexactAlready(() => this.sideExitUnlessAll(exact));
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
    for (const x of operands) this.sideExitUnlessAll(this.apply(`${shape}.eq`, x, x));
    this.requireNoDenormal(shape, operands);
  }
  private requireNoDenormal(shape: Shape, operands: readonly V[]): void {
    for (const x of operands) {
      const small = this.apply(`${shape}.lt`, this.magnitude(shape, x), this.constant(MIN_NORMAL[shape]));
      const notZero = this.apply(`${shape}.ne`, x, this.constant(0n));
      this.emitter.push(small).push(notZero).code.vectorOp('v128.and').vectorOp('v128.any_true');
      this.sideExitIf();
    }
  }
  private requireFinite(shape: Shape, x: V): void {
    this.sideExitUnlessAll(this.apply(`${shape}.le`, this.magnitude(shape, x), this.constant(LARGEST[shape])));
  }
  private requireNormalOrZero(shape: Shape, result: V, factors: readonly V[]): void {
    let fine = this.apply(`${shape}.lt`, this.constant(MIN_NORMAL[shape]), this.magnitude(shape, result));
    for (const factor of factors)
      fine = this.apply('v128.or', fine, this.apply(`${shape}.eq`, factor, this.constant(0n)));
    this.sideExitUnlessAll(fine);
  }
  private requireSum(operation: 'add' | 'sub', shape: Shape, x: V, y: V, result: V): void {
    this.unlessInexactAlready(() => {
      const part = this.apply(`${shape}.sub`, result, x);
      const errorOfX = this.apply(`${shape}.sub`, x, this.apply(`${shape}.sub`, result, part));
      const errorOfY = operation === 'add' ? this.apply(`${shape}.sub`, y, part) : this.apply(`${shape}.add`, part, y);
      const error = this.apply(`${shape}.${operation}`, errorOfX, errorOfY);
      this.sideExitUnlessAll(this.apply(`${shape}.eq`, error, this.constant(0n)));
    });
  }
  private requireInexactAlready(): void {
    this.pushPrecisionFlag();
    this.emitter.code.op('i32.eqz');
    this.sideExitIf();
  }
  private unlessInexactAlready(check: () => void): void {
    this.pushPrecisionFlag();
    this.emitter.code.op('i32.eqz').if();
    check();
    this.emitter.code.end();
  }
  private pushPrecisionFlag(): void {
    this.emitter.code.i32(0).memory('i32.load', MXCSR_ADDRESS).i32(MXCSR.PE).op('i32.and');
  }
  private sideExitUnlessAll(mask: V): void {
    this.emitter.push(mask).code.vectorOp('i32x4.all_true').op('i32.eqz');
    this.sideExitIf();
  }

  private magnitude(shape: Shape, x: V): V {
    return this.unary(`${shape}.abs`, x);
  }
  private constant(value: bigint): V {
    return { type: 'v128', local: -1, constant: value };
  }
  private unary(name: WasmVectorInstruction, x: V): V {
    this.emitter.push(x).code.vectorOp(name);
    return this.emitter.pop('v128');
  }
  private apply(name: WasmVectorInstruction, x: V, y: V): V {
    this.emitter.push(x).push(y).code.vectorOp(name);
    return this.emitter.pop('v128');
  }
}

function shapeOf(f: Format): Shape {
  return f.name === 'f64' ? 'f64x2' : 'f32x4';
}

function lanes64(value: bigint): bigint {
  return value | (value << 64n);
}

function lanes32(value: bigint): bigint {
  return lanes64(value | (value << 32n));
}
