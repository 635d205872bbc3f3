import { F32, F64, type FloatFormat } from '../../evaluator/float/format.js';
import type { FusedOperation } from '../../meaning/fused.js';
import type { FloatOperation, FloatWidth, Floats, PackedConversion } from '../../meaning/vocabulary.js';
import { MXCSR, MXCSR_FLAGS, MXCSR_DEFAULT, MXCSR_MASK } from '../../evaluator/float/mxcsr.js';
import { MXCSR as MXCSR_ADDRESS } from '../../state/layout.js';
import { Attempts, type FloatContext } from './attempts.js';
import { FusedFloats } from './fused-floats.js';
import { HalfFloats } from './half-floats.js';
import { PackedFloats } from './packed-floats.js';
import { ROUND_QUIETLY, roundingOf } from './rounding.js';
import { TRUNCATED } from '../functions/float-functions.js';
import type { WasmInstruction } from '../encoding/opcodes.js';
import { constantValue, typeOfWidth, type Emitter, type WasmValue } from '../encoding/value.js';

type V = WasmValue;
type F = 'f32' | 'f64';

/** A format in Wasm: its types, and the encodings of the smallest normal number and of infinity, without sign. */
export interface Format {
  readonly name: F;
  readonly int: 'i32' | 'i64';
  readonly width: 32 | 64;
  readonly minNormal: bigint;
  readonly infinity: bigint;
  readonly fraction: number;
}

function wasmFormat(name: F, int: 'i32' | 'i64', { fractionBits, infinity }: FloatFormat): Format {
  return {
    name,
    int,
    width: name === 'f64' ? 64 : 32,
    minNormal: 1n << BigInt(fractionBits),
    infinity,
    fraction: fractionBits,
  };
}

const FORMATS = { f32: wasmFormat('f32', 'i32', F32), f64: wasmFormat('f64', 'i64', F64) };

/**
 * All exceptions masked, rounding to nearest, and PE already set. The other flags do not matter, nor DAZ and FTZ where
 * neither operands nor results are denormal.
 */
const USUAL_CONTROL = MXCSR_DEFAULT | MXCSR.PE;
/** The predicates of comparisons without VEX. */
const LEGACY_PREDICATES = 8;
const OTHER_FLAGS = MXCSR_FLAGS & ~MXCSR.PE;
const FOR_DENORMALS = MXCSR.DAZ | MXCSR.FTZ;

/**
 * Compiles scalar floating point to Wasm. The usual case is in line: operands and results are normal or zero, every
 * exception is masked, and rounding is to nearest. Then the only flag that can be raised is PE, which must be set already. For everything else a function is called
 * (wasm/functions), so NaNs never reach the Wasm operations, and Wasm's nondeterministic NaNs are never observable.
 */
export class WasmFloats implements Floats<V> {
  private readonly packed: PackedFloats;
  private readonly fused: FusedFloats;
  private readonly halves: HalfFloats;
  private readonly attempts: Attempts;

  constructor(
    private readonly emitter: Emitter,
    private readonly context: FloatContext,
  ) {
    this.attempts = new Attempts(emitter, context);
    this.packed = new PackedFloats(emitter, this.attempts, (mayFlush) => this.requireUsualControl(mayFlush));
    this.halves = new HalfFloats(emitter, this.attempts, () => this.requireUsualControl());
    this.fused = new FusedFloats(emitter, this.attempts, () => this.requireUsualControl());
  }

  together<T>(body: () => T): T {
    return this.attempts.together(body);
  }

  floatRound(width: FloatWidth, x: V, control: V): V {
    const f = formatOf(width);
    const { emitter } = this;
    return this.attempts.make(f.int, `${f.name}.round`, [x, x, control], () => {
      // Wasm has one instruction for each mode; NaNs, and modes that are no constants, are for the function.
      const name = roundingOf(control);
      if (name === undefined) emitter.code.i32(1);
      else this.pushComparison(f, 'ne', x, x);
      this.attempts.giveUpIf();
      this.requireNotDenormal(f, x);
      this.pushFloat(f, x);
      emitter.code.op(`${f.name}.${name ?? 'nearest'}`);
      const whole = this.popFloat(f);
      if ((Number(control.constant) & ROUND_QUIETLY) === 0) {
        this.pushComparison(f, 'ne', whole, x);
        emitter.code.if();
        this.requireUsualControl();
        emitter.code.end();
      }
      return whole;
    });
  }
  floatRoundPacked(width: FloatWidth, x: V, control: V): V {
    return this.packed.round(formatOf(width), x, control);
  }

  float(operation: FloatOperation, width: FloatWidth, x: V, y: V): V {
    const f = formatOf(width);
    return this.attempts.make(f.int, `${f.name}.${operation}`, [x, y], () => {
      if (operation === 'min' || operation === 'max') return this.minMax(operation, f, x, y);
      this.requireUsualControl();
      this.requireNotDenormal(f, x);
      this.requireNotDenormal(f, y);
      this.pushFloat(f, x);
      this.pushFloat(f, y);
      this.emitter.code.op(`${f.name}.${operation}`);
      const result = this.popFloat(f);
      if (operation === 'add' || operation === 'sub') this.requireNormalOrZero(f, result, []);
      else this.requireNormalOrZero(f, result, operation === 'mul' ? [x, y] : [x]);
      if (operation === 'div') this.requireFinite(f, y);
      return result;
    });
  }

  floatFused(operation: FusedOperation, width: FloatWidth, x: V, y: V, z: V): V {
    return this.fused.scalar(operation, formatOf(width), [x, y, z]);
  }
  floatFusedPacked(operation: FusedOperation, width: FloatWidth, x: V, y: V, z: V): V {
    return this.fused.packed(operation, formatOf(width), [x, y, z]);
  }

  floatSqrt(width: FloatWidth, x: V): V {
    const f = formatOf(width);
    return this.attempts.make(f.int, `${f.name}.sqrt`, [x, x], () => {
      this.requireUsualControl();
      this.requireNotDenormal(f, x);
      this.pushFloat(f, x);
      this.emitter.code.op(`${f.name}.sqrt`);
      const result = this.popFloat(f);
      this.requireFinite(f, result);
      return result;
    });
  }

  floatCompare(width: FloatWidth, x: V, y: V, quiet: boolean): V {
    const f = formatOf(width);
    const { emitter } = this;
    const signaling = constantValue('i32', quiet ? 0n : 1n);
    return this.attempts.make('i32', `${f.name}.compare`, [x, y, signaling], () => {
      this.requireComparable(f, x, y);
      this.pushComparison(f, 'eq', x, y);
      emitter.code.i32(6).op('i32.shl');
      this.pushComparison(f, 'lt', x, y);
      emitter.code.op('i32.or');
      return emitter.pop('i32');
    });
  }

  floatPredicate(width: FloatWidth, x: V, y: V, predicate: V): V {
    const f = formatOf(width);
    const { emitter } = this;
    const { code } = emitter;
    return this.attempts.make(f.int, `${f.name}.predicate`, [x, y, predicate], () => {
      this.requireComparable(f, x, y);
      this.requireLegacy(predicate);
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
    });
  }

  /** Requires a predicate of the legacy forms. */
  private requireLegacy(predicate: V): void {
    this.emitter.push(predicate).code.i32(LEGACY_PREDICATES).op('i32.ge_u');
    this.attempts.giveUpIf();
  }

  floatToFloat(from: FloatWidth, to: FloatWidth, x: V): V {
    const { emitter } = this;
    const [source, target] = [formatOf(from), formatOf(to)];
    return this.attempts.make(target.int, `${source.name}.toOther`, [x, x], () => {
      this.requireNotDenormal(source, x);
      if (to === 32) this.requireUsualControl();
      this.pushFloat(source, x);
      emitter.code.op(to === 32 ? 'f32.demote_f64' : 'f64.promote_f32');
      const result = this.popFloat(target);
      this.requireFinite(target, result);
      if (to === 32) this.requireNormalOrZero(target, result, [x]);
      return result;
    });
  }

  intToFloat(from: 32 | 64, to: FloatWidth, x: V): V {
    const f = formatOf(to);
    const { emitter } = this;
    const { code } = emitter;
    const convert = (): V => {
      emitter.push(x).code.op(`${f.name}.convert_i${from}_s`);
      return this.popFloat(f);
    };
    if (from === 32 && to === 64) return convert();
    emitter.push(x);
    if (from === 32) code.op('i64.extend_i32_s');
    const wide = emitter.pop('i64');
    return this.attempts.make(f.int, `${f.name}.fromInteger`, [wide, wide], () => {
      // Exact if its magnitude is no larger than that of the first integers that have a place for each.
      const limit = 2n << BigInt(f.fraction);
      emitter
        .push(wide)
        .code.i64(limit)
        .op('i64.add')
        .i64(2n * limit)
        .op('i64.ge_u')
        .if();
      this.requireUsualControl();
      code.end();
      return convert();
    });
  }

  floatToInt(from: FloatWidth, to: 32 | 64, x: V, truncated: boolean): V {
    const f = formatOf(from);
    const { emitter } = this;
    const { code } = emitter;
    const option = constantValue('i32', BigInt(truncated ? to | TRUNCATED : to));
    return this.attempts.make(typeOfWidth(to), `${f.name}.toInteger`, [x, x, option], () => {
      this.requireMagnitudeBelow(f, x, to - 1);
      this.pushFloat(f, x);
      code.op(`${f.name}.${truncated ? 'trunc' : 'nearest'}`);
      const whole = this.popFloat(f);
      // Rounding may have reached 2^31 or 2^63.
      if (!truncated) this.requireMagnitudeBelow(f, whole, to - 1);
      this.pushComparison(f, 'ne', whole, x);
      code.if();
      this.requireUsualControl();
      code.end();
      this.pushFloat(f, whole);
      code.op(`i${to}.trunc_${f.name}_s`);
      return emitter.pop(typeOfWidth(to));
    });
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
  floatFromHalves(x: V): V {
    return this.halves.toSingles(x);
  }
  floatToHalves(x: V, control: V): V {
    return this.halves.ofSingles(x, control);
  }
  floatEstimate(operation: 'rcp' | 'rsqrt', x: V): V {
    return this.packed.estimate(operation, x);
  }

  mxcsr(): V {
    this.emitter.code.i32(0).memory('i32.load', MXCSR_ADDRESS);
    return this.emitter.pop('i32');
  }
  setMxcsr(value: V): void {
    const { emitter } = this;
    emitter.push(value).code.i32(~MXCSR_MASK).op('i32.and');
    this.context.sideExitIf();
    emitter.code.i32(0);
    emitter.push(value).code.memory('i32.store', MXCSR_ADDRESS);
  }

  /** MIN and MAX return the second operand if both are zeros. */
  private minMax(operation: 'min' | 'max', f: Format, x: V, y: V): V {
    this.requireComparable(f, x, y);
    this.emitter.push(x).push(y);
    this.pushComparison(f, operation === 'min' ? 'lt' : 'gt', x, y);
    this.emitter.code.op('select');
    return this.emitter.pop(f.int);
  }

  /** Without `mayFlush`, also that denormals are not flushed. */
  private requireUsualControl(mayFlush = true): void {
    const { code } = this.emitter;
    const ignored = mayFlush ? OTHER_FLAGS | FOR_DENORMALS : OTHER_FLAGS;
    code.i32(0).memory('i32.load', MXCSR_ADDRESS).i32(~ignored).op('i32.and').i32(USUAL_CONTROL).op('i32.ne');
    this.attempts.giveUpIf();
  }

  /** Compares 2 * bits - 1: denormals are below all other numbers except zero, which wraps around to the largest. */
  private requireNotDenormal(f: Format, x: V): void {
    const { emitter } = this;
    this.pushDoubled(f, x);
    pushConstant(emitter, f, 1n);
    emitter.code.op(`${f.int}.sub`);
    pushConstant(emitter, f, 2n * f.minNormal - 1n);
    emitter.code.op(`${f.int}.lt_u`);
    this.attempts.giveUpIf();
  }
  private requireFinite(f: Format, x: V): void {
    this.pushDoubled(f, x);
    pushConstant(this.emitter, f, 2n * f.infinity);
    this.emitter.code.op(`${f.int}.ge_u`);
    this.attempts.giveUpIf();
  }
  /**
   * Requires a result that is normal but not the smallest normal number, which may be the result of rounding up; or
   * zero: because one of `factors` is zero, if there are any.
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
    if (factors.length > 0) code.op('i32.and');
    code.op('i32.eqz');
    this.attempts.giveUpIf();
    code.end();
  }
  private requireComparable(f: Format, x: V, y: V): void {
    const { code } = this.emitter;
    this.pushComparison(f, 'ne', x, x);
    this.pushComparison(f, 'ne', y, y);
    code.op('i32.or');
    this.attempts.giveUpIf();
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
    this.attempts.giveUpIf();
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
