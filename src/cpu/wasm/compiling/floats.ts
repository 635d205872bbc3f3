import { F32, F64, type FloatFormat } from '../../evaluator/float/format.js';
import type { FloatOperation, FloatWidth, Floats, PackedConversion } from '../../meaning/vocabulary.js';
import { MXCSR, MXCSR_FLAGS, MXCSR_DEFAULT, MXCSR_MASK } from '../../evaluator/float/mxcsr.js';
import { MXCSR as MXCSR_ADDRESS } from '../../state/layout.js';
import { PackedFloats } from './packed-floats.js';
import type { WasmInstruction } from '../encoding/opcodes.js';
import { typeOfWidth, type Emitter, type WasmValue } from '../encoding/value.js';

type V = WasmValue;
type F = 'f32' | 'f64';

/** Thrown if a meaning needs an operation that only the evaluator has; its form is left to the evaluator. */
export class NotCompiled extends Error {}

/** A format in Wasm: its types, and the encodings of the smallest normal number and of infinity, without sign. */
export interface Format {
  readonly name: F;
  readonly int: 'i32' | 'i64';
  readonly width: 32 | 64;
  readonly minNormal: bigint;
  readonly infinity: bigint;
  readonly fraction: number;
}

function wasmFormat(name: F, int: 'i32' | 'i64', { width, fractionBits, infinity }: FloatFormat): Format {
  return { name, int, width, minNormal: 1n << BigInt(fractionBits), infinity, fraction: fractionBits };
}

const FORMATS = { f32: wasmFormat('f32', 'i32', F32), f64: wasmFormat('f64', 'i64', F64) };

/**
 * Compiles scalar floating point to Wasm. Covers the fast path, in which result and flags are known to match the
 * manual; everything else is a side exit to the evaluator. The fast path requires that operands and results are normal
 * or zero, every exception is masked, rounding is to nearest, and DAZ and FTZ are clear (architecture.md, "Floating
 * point is exact"). Then the only flag that can be raised is PE, so the operation must be exact unless PE is already
 * set. NaNs never reach the Wasm operations, so Wasm's nondeterministic NaNs are never observable.
 */
export class WasmFloats implements Floats<V> {
  private readonly packed: PackedFloats;

  constructor(
    private readonly emitter: Emitter,
    private readonly sideExitIf: () => void,
  ) {
    this.packed = new PackedFloats(emitter, sideExitIf, () => this.requireDefaultControl());
  }

  float(operation: FloatOperation, width: FloatWidth, x: V, y: V): V {
    const f = formatOf(width);
    if (operation === 'min' || operation === 'max') return this.minMax(operation, f, x, y);
    const { emitter } = this;
    this.requireDefaultControl();
    this.requireNotDenormal(f, x);
    this.requireNotDenormal(f, y);
    this.pushFloat(f, x);
    this.pushFloat(f, y);
    emitter.code.op(`${f.name}.${operation}`);
    const result = this.popFloat(f);
    if (operation === 'add' || operation === 'sub') this.requireFinite(f, result);
    else this.requireNormalOrZero(f, result, operation === 'mul' ? [x, y] : [x]);
    if (operation === 'div') this.requireFinite(f, y);
    this.unlessInexactAlready(() => this.requireExact(operation, f, x, y, result));
    return result;
  }

  floatSqrt(width: FloatWidth, x: V): V {
    const f = formatOf(width);
    const { emitter } = this;
    this.requireDefaultControl();
    this.requireNotDenormal(f, x);
    this.pushFloat(f, x);
    emitter.code.op(`${f.name}.sqrt`);
    const result = this.popFloat(f);
    this.requireFinite(f, result);
    this.unlessInexactAlready(() => this.requireProduct(f, result, result, x));
    return result;
  }

  floatCompare(width: FloatWidth, x: V, y: V, _quiet: boolean): V {
    const f = formatOf(width);
    this.requireComparable(f, x, y);
    const { emitter } = this;
    this.pushComparison(f, 'eq', x, y);
    emitter.code.i32(6).op('i32.shl');
    this.pushComparison(f, 'lt', x, y);
    emitter.code.op('i32.or');
    return emitter.pop('i32');
  }

  floatPredicate(width: FloatWidth, x: V, y: V, predicate: V): V {
    const f = formatOf(width);
    this.requireComparable(f, x, y);
    const { emitter } = this;
    const { code } = emitter;
    // Of EQ LT LE UNORD, equality makes 0 and 2 true, "less" 1 and 2; bit 2 negates.
    this.pushComparison(f, 'eq', x, y);
    emitter.push(predicate).code.i32(1).op('i32.and').op('i32.eqz').op('i32.and');
    this.pushComparison(f, 'lt', x, y);
    emitter.push(predicate);
    emitter.push(predicate).code.i32(1).op('i32.shr_u').op('i32.xor').i32(1).op('i32.and').op('i32.and').op('i32.or');
    emitter.push(predicate).code.i32(2).op('i32.shr_u').i32(1).op('i32.and').op('i32.xor');
    if (width === 64) code.op('i64.extend_i32_u');
    const truth = emitter.pop(f.int);
    pushConstant(emitter, f, 0n);
    emitter.push(truth).code.op(`${f.int}.sub`);
    return emitter.pop(f.int);
  }

  floatToFloat(from: FloatWidth, to: FloatWidth, x: V): V {
    const { emitter } = this;
    const [source, target] = [formatOf(from), formatOf(to)];
    this.requireNotDenormal(source, x);
    if (to === 32) this.requireDefaultControl();
    this.pushFloat(source, x);
    emitter.code.op(to === 32 ? 'f32.demote_f64' : 'f64.promote_f32');
    const result = this.popFloat(target);
    this.requireFinite(target, result);
    if (to === 64) return result;
    this.requireNormalOrZero(target, result, [x]);
    this.unlessInexactAlready(() => {
      this.pushFloat(target, result);
      emitter.code.op('f64.promote_f32');
      this.pushFloat(source, x);
      emitter.code.op('f64.ne');
      this.sideExitIf();
    });
    return result;
  }

  intToFloat(from: 32 | 64, to: FloatWidth, x: V): V {
    const f = formatOf(to);
    const { emitter } = this;
    emitter.push(x).code.op(`${f.name}.convert_i${from}_s`);
    const result = this.popFloat(f);
    if (from === 32 && to === 64) return result;
    this.requireDefaultControl();
    this.unlessInexactAlready(() => this.requireFewBits(from, f, x));
    return result;
  }

  floatToInt(from: FloatWidth, to: 32 | 64, x: V, truncated: boolean): V {
    const f = formatOf(from);
    const { emitter } = this;
    const { code } = emitter;
    this.requireDefaultControl();
    this.requireMagnitudeBelow(f, x, to - 1);
    this.pushFloat(f, x);
    code.op(`${f.name}.${truncated ? 'trunc' : 'nearest'}`);
    const whole = this.popFloat(f);
    // Rounding may have reached 2^31 or 2^63.
    if (!truncated) this.requireMagnitudeBelow(f, whole, to - 1);
    this.unlessInexactAlready(() => {
      this.pushComparison(f, 'ne', whole, x);
      this.sideExitIf();
    });
    this.pushFloat(f, whole);
    code.op(`i${to}.trunc_${f.name}_s`);
    return emitter.pop(typeOfWidth(to));
  }

  floatPacked(operation: FloatOperation, width: FloatWidth, x: V, y: V): V {
    return this.packed.binary(operation, formatOf(width), x, y);
  }
  floatSqrtPacked(width: FloatWidth, x: V): V {
    return this.packed.sqrt(formatOf(width), x);
  }
  floatPredicatePacked(width: FloatWidth, x: V, y: V, predicate: V): V {
    return this.packed.predicate(formatOf(width), x, y, predicate);
  }
  convertPacked(conversion: PackedConversion, x: V): V {
    return this.packed.convert(conversion, x);
  }
  floatEstimate(): V {
    throw new NotCompiled('estimates are for the evaluator');
  }

  mxcsr(): V {
    this.emitter.code.i32(0).memory('i32.load', MXCSR_ADDRESS);
    return this.emitter.pop('i32');
  }
  setMxcsr(value: V): void {
    const { emitter } = this;
    emitter.push(value).code.i32(~MXCSR_MASK).op('i32.and');
    this.sideExitIf();
    emitter.code.i32(0);
    emitter.push(value).code.memory('i32.store', MXCSR_ADDRESS);
  }

  /** MIN and MAX return the second operand if both are zeros; NaNs and denormals are left to the evaluator. */
  private minMax(operation: 'min' | 'max', f: Format, x: V, y: V): V {
    this.requireComparable(f, x, y);
    this.emitter.push(x).push(y);
    this.pushComparison(f, operation === 'min' ? 'lt' : 'gt', x, y);
    this.emitter.code.op('select');
    return this.emitter.pop(f.int);
  }

  private requireDefaultControl(): void {
    const { code } = this.emitter;
    code.i32(0).memory('i32.load', MXCSR_ADDRESS).i32(~MXCSR_FLAGS).op('i32.and').i32(MXCSR_DEFAULT).op('i32.ne');
    this.sideExitIf();
  }

  /** Compares 2 * bits - 1: denormals are below all other numbers except zero, which wraps around to the largest. */
  private requireNotDenormal(f: Format, x: V): void {
    const { emitter } = this;
    this.pushDoubled(f, x);
    pushConstant(emitter, f, 1n);
    emitter.code.op(`${f.int}.sub`);
    pushConstant(emitter, f, 2n * f.minNormal - 1n);
    emitter.code.op(`${f.int}.lt_u`);
    this.sideExitIf();
  }
  private requireFinite(f: Format, x: V): void {
    this.pushDoubled(f, x);
    pushConstant(this.emitter, f, 2n * f.infinity);
    this.emitter.code.op(`${f.int}.ge_u`);
    this.sideExitIf();
  }
  /**
   * Requires a result that is normal but not the smallest normal number, which may be the result of rounding up; or
   * zero because one of `factors` is zero.
   */
  private requireNormalOrZero(f: Format, result: V, factors: readonly V[]): void {
    const { emitter } = this;
    const { code } = emitter;
    this.pushDoubled(f, result);
    pushConstant(emitter, f, 2n * f.minNormal + 1n);
    code.op(`${f.int}.sub`);
    pushConstant(emitter, f, 2n * (f.infinity - f.minNormal) - 1n);
    code.op(`${f.int}.ge_u`).if();
    this.pushDoubled(f, result);
    code.op(`${f.int}.eqz`);
    factors.forEach((factor, i) => {
      this.pushIsZero(factor);
      if (i > 0) code.op('i32.or');
    });
    code.op('i32.and').op('i32.eqz');
    this.sideExitIf();
    code.end();
  }
  private requireComparable(f: Format, x: V, y: V): void {
    const { code } = this.emitter;
    this.pushComparison(f, 'ne', x, x);
    this.pushComparison(f, 'ne', y, y);
    code.op('i32.or');
    this.sideExitIf();
    this.requireNotDenormal(f, x);
    this.requireNotDenormal(f, y);
  }
  /** Requires |x| < 2^exponent, which excludes NaNs. */
  private requireMagnitudeBelow(f: Format, x: V, exponent: number): void {
    const { emitter } = this;
    const bias = f.name === 'f64' ? 1023n : 127n;
    this.pushDoubled(f, x);
    pushConstant(emitter, f, ((BigInt(exponent) + bias) << BigInt(f.fraction)) * 2n);
    emitter.code.op(`${f.int}.ge_u`);
    this.sideExitIf();
  }

  private unlessInexactAlready(check: () => void): void {
    const { code } = this.emitter;
    code.i32(0).memory('i32.load', MXCSR_ADDRESS).i32(MXCSR.PE).op('i32.and').op('i32.eqz').if();
    check();
    code.end();
  }
  private requireExact(operation: 'add' | 'sub' | 'mul' | 'div', f: Format, x: V, y: V, result: V): void {
    if (operation === 'mul') this.requireProduct(f, x, y, result);
    else if (operation === 'div') this.requireProduct(f, result, y, x);
    else this.requireSum(operation, f, x, y, result);
  }
  /** Requires that result = x + y or x - y is exact; Knuth's TwoSum computes the error. */
  private requireSum(operation: 'add' | 'sub', f: Format, x: V, y: V, result: V): void {
    const { code } = this.emitter;
    const other = operation === 'add' ? 'sub' : 'add';
    this.pushFloat(f, result);
    this.pushFloat(f, x);
    code.op(`${f.name}.sub`);
    const part = this.popFloat(f); // y as it was added, negated for a difference
    this.pushFloat(f, x);
    this.pushFloat(f, result);
    this.pushFloat(f, part);
    code.op(`${f.name}.sub`).op(`${f.name}.sub`);
    const errorOfX = this.popFloat(f);
    if (operation === 'add') {
      this.pushFloat(f, y);
      this.pushFloat(f, part);
      code.op(`${f.name}.sub`);
    } else {
      this.pushFloat(f, part);
      this.pushFloat(f, y);
      code.op(`${f.name}.${other}`);
    }
    const errorOfY = this.popFloat(f);
    this.pushFloat(f, errorOfX);
    this.pushFloat(f, errorOfY);
    code.op(operation === 'add' ? `${f.name}.add` : `${f.name}.sub`);
    pushConstant(this.emitter, f, 0n);
    code.op(f.name === 'f64' ? 'f64.reinterpret_i64' : 'f32.reinterpret_i32').op(`${f.name}.ne`);
    this.sideExitIf();
  }
  /**
   * Requires that product = x * y is exact. For f32 this is checked in f64; for f64 the factors must have few enough
   * significant bits.
   */
  private requireProduct(f: Format, x: V, y: V, product: V): void {
    const { emitter } = this;
    const { code } = emitter;
    if (f.name === 'f32') {
      for (const v of [x, y]) {
        this.pushFloat(f, v);
        code.op('f64.promote_f32');
      }
      code.op('f64.mul');
      this.pushFloat(f, product);
      code.op('f64.promote_f32').op('f64.ne');
      this.sideExitIf();
      return;
    }
    for (const v of [x, y]) emitter.push(v).code.i64(f.minNormal).op('i64.or').op('i64.ctz');
    code
      .op('i64.add')
      .i64(BigInt(f.fraction + 1))
      .op('i64.lt_u');
    this.pushFloat(f, x);
    this.pushFloat(f, y);
    code.op('f64.mul');
    this.pushFloat(f, product);
    code.op('f64.ne').op('i32.or');
    this.sideExitIf();
  }
  /** Requires that the integer's significant bits fit the fraction. */
  private requireFewBits(from: 32 | 64, f: Format, x: V): void {
    const { emitter } = this;
    const { code } = emitter;
    const int = `i${from}` as 'i32' | 'i64';
    const constant = (value: number): unknown => (from === 64 ? code.i64(BigInt(value)) : code.i32(value));
    emitter.push(x);
    constant(from - 1);
    code.op(`${int}.shr_s`);
    const sign = emitter.pop(int);
    emitter.push(x).push(sign).code.op(`${int}.xor`);
    emitter.push(sign).code.op(`${int}.sub`).op(`${int}.clz`);
    emitter.push(x).code.op(`${int}.ctz`).op(`${int}.add`);
    constant(from - f.fraction - 1);
    code.op(`${int}.lt_u`);
    this.sideExitIf();
  }

  private pushFloat(f: Format, x: V): void {
    if (x.float !== undefined) this.emitter.code.get(x.float);
    else this.emitter.push(x).code.op(f.name === 'f64' ? 'f64.reinterpret_i64' : 'f32.reinterpret_i32');
  }
  private popFloat(f: Format): V {
    const { emitter } = this;
    const float = emitter.local(f.name);
    emitter.code.set(float).get(float);
    emitter.code.op(f.name === 'f64' ? 'i64.reinterpret_f64' : 'i32.reinterpret_f32');
    return emitter.pop(f.int, undefined, float);
  }
  private pushComparison(f: Format, comparison: 'eq' | 'ne' | 'lt' | 'gt', x: V, y: V): void {
    this.pushFloat(f, x);
    this.pushFloat(f, y);
    this.emitter.code.op(`${f.name}.${comparison}`);
  }
  private pushDoubled(f: Format, x: V): void {
    this.emitter.push(x);
    pushConstant(this.emitter, f, 1n);
    this.emitter.code.op(`${f.int}.shl`);
  }
  /** Pushes whether x is a zero of either sign. */
  private pushIsZero(x: V): void {
    const int = x.type as 'i32' | 'i64';
    this.emitter.push(x);
    if (int === 'i64') this.emitter.code.i64(1n);
    else this.emitter.code.i32(1);
    this.emitter.code.op(`${int}.shl` as WasmInstruction).op(`${int}.eqz`);
  }
}

export function formatOf(width: FloatWidth): Format {
  return width === 64 ? FORMATS.f64 : FORMATS.f32;
}

export function pushConstant(emitter: Emitter, f: Format, value: bigint): void {
  if (f.name === 'f64') emitter.code.i64(value);
  else emitter.code.i32(Number(BigInt.asIntN(32, value)));
}
