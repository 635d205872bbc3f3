import { MXCSR } from '../../evaluator/float/mxcsr.js';
import { F32, type FloatFormat } from '../../evaluator/float/format.js';
import type { WasmVectorInstruction } from '../encoding/opcodes.js';
import { constant, type Expression, type Statements, type Variable } from './expression.js';
import { raise } from './float-flags.js';
import { MASKS, allTrue, anyTrue, bitselect, constantVector, vector } from './vector-statements.js';

export type PackedOperation = 'add' | 'sub' | 'mul' | 'div' | 'min' | 'max' | 'predicate';
type Shape = 'f32x4' | 'f64x2';

/** What is known of two vectors of operands; masks have all ones in the lanes of which something holds. */
interface Operands {
  readonly x: Variable;
  readonly y: Variable;
  /** Lanes with a NaN. */
  readonly unordered: Variable;
  readonly control: Variable;
}

/**
 * Finishes with the result of all lanes by Wasm's vector instructions, where every exception is masked and nothing but NaNs,
 * infinities, denormal operands and exact small sums is out of the ordinary. Goes on otherwise, without having raised anything.
 */
export class PackedLanes {
  private readonly shape: Shape;
  private readonly integers: 'i32x4' | 'i64x2';

  constructor(
    private readonly to: Statements,
    private readonly format: FloatFormat,
    private readonly finish: (result: Expression) => void,
  ) {
    this.shape = format === F32 ? 'f32x4' : 'f64x2';
    this.integers = format === F32 ? 'i32x4' : 'i64x2';
  }

  emit(operation: PackedOperation, option: Variable, control: Variable): void {
    const { to } = this;
    const isExact = operation === 'min' || operation === 'max' || operation === 'predicate';
    const relevant = isExact ? MASKS : MASKS | MXCSR.RC | MXCSR.PE;
    to.if(control.and(relevant).equals(isExact ? MASKS : MASKS | MXCSR.PE), () => {
      const [x, y] = [to.parameter('v128', 0), to.parameter('v128', 1)];
      to.if(control.and(MXCSR.DAZ), () => {
        for (const operand of [x, y]) operand.set(this.flushed(operand));
      });
      const unordered = to.let(vector('v128.or', this.isNaN(x), this.isNaN(y)));
      const operands = { x, y, unordered, control };
      if (operation === 'predicate') this.predicate(operands, option);
      else if (operation === 'min' || operation === 'max') this.minMax(operation, operands);
      else this.arithmetic(operation, operands);
    });
  }

  /** pmin(a, b) is b < a ? b : a; MIN is x < y ? x : y. */
  private minMax(operation: 'min' | 'max', operands: Operands): void {
    const { to } = this;
    const { x, y, unordered } = operands;
    to.if(anyTrue(unordered), () => raise(to, MXCSR.IE));
    this.noteDenormals(operands);
    this.finish(this.lanes(operation === 'min' ? 'pmin' : 'pmax', y, x));
  }

  /** EQ LT LE UNORD, and their negations from 4 on; LT and LE are signaling. Later predicates are left to the lanes. */
  private predicate(operands: Operands, option: Variable): void {
    const { to } = this;
    const { x, y, unordered } = operands;
    to.if(option.below(8), () => {
      const base = to.let(option.and(3));
      const isSignaling = base.equals(1).or(base.equals(2));
      to.if(anyTrue(unordered), () => this.noteInvalid(operands, isSignaling));
      this.noteDenormals(operands);
      const holds = to.let(this.lanes('eq', x, y));
      to.if(base.equals(1), () => holds.set(this.lanes('lt', x, y)));
      to.if(base.equals(2), () => holds.set(this.lanes('le', x, y)));
      to.if(base.equals(3), () => holds.set(unordered));
      to.if(option.and(4), () => holds.set(vector('v128.not', holds)));
      this.finish(holds);
    });
  }

  private arithmetic(operation: 'add' | 'sub' | 'mul' | 'div', operands: Operands): void {
    const { to } = this;
    if (operation === 'add' || operation === 'sub') return this.anyArithmetic(operation, operands);
    to.if(this.staysNormal(operation, operands), () => this.anyArithmetic(operation, operands));
  }

  /**
   * Whether no lane has a denormal, or is likely to make one: some processors take 150 cycles for such a product or quotient, for
   * each lane several times as long as integer arithmetic does.
   */
  private staysNormal(operation: 'mul' | 'div', { x, y }: Operands): Expression {
    const { to, format } = this;
    const isTiny = to.let(vector('v128.or', this.isDenormal(x), this.isDenormal(y)));
    const magnitudes = [this.magnitude(x), this.magnitude(y)] as const;
    const power = (exponent: number): Expression =>
      this.each((BigInt(exponent) << BigInt(format.fractionBits)) & (2n * format.signMask - 1n));
    // The bits as logarithms, nearly.
    const isLarge =
      operation === 'mul'
        ? this.whole('gt_s', magnitudes[0], this.whole('sub', power(format.exponentMax + 2), magnitudes[1]))
        : this.whole('gt_s', this.whole('sub', ...magnitudes), power(2 - format.exponentMax));
    const zeros = [x, y].map((value) => this.lanes('eq', value, constantVector(0n)));
    const isFine = vector('v128.or', isLarge, vector('v128.or', zeros[0]!, zeros[1]!));
    return allTrue(vector('v128.andnot', isFine, isTiny));
  }

  private anyArithmetic(operation: 'add' | 'sub' | 'mul' | 'div', operands: Operands): void {
    const { to, format } = this;
    const { x, y, unordered, control } = operands;
    const result = to.let(this.lanes(operation, x, y));
    const magnitude = to.let(this.magnitude(result));
    const isZero = (value: Expression): Expression => this.lanes('eq', value, constantVector(0n));
    const isInfinite = (value: Expression): Expression =>
      this.lanes('eq', this.magnitude(value), this.each(infinityOf(format)));
    const isOrdinary = vector(
      'v128.and',
      this.lanes('lt', this.each(minNormalOf(format)), magnitude),
      this.lanes('lt', magnitude, this.each(infinityOf(format))),
    );
    const fine = to.let(vector('v128.or', isOrdinary, vector('v128.or', isInfinite(x), isInfinite(y))));
    const add = (more: Expression): void => void fine.set(vector('v128.or', fine, more));
    if (operation === 'add' || operation === 'sub') {
      // Small sums are exact.
      add(isZero(result));
      to.if(control.and(MXCSR.FTZ).isZero(), () => add(this.lanes('le', magnitude, this.each(minNormalOf(format)))));
    } else {
      add(isZero(x));
      if (operation === 'mul') add(isZero(y));
      else fine.set(vector('v128.andnot', fine, isZero(y)));
    }
    fine.set(vector('v128.or', unordered, vector('v128.and', fine, this.lanes('eq', result, result))));
    to.if(allTrue(fine), () => {
      this.noteDenormals(operands);
      to.if(anyTrue(unordered), () => {
        this.noteInvalid(operands, constant('i32', 0));
        for (const operand of [y, x])
          result.set(bitselect(vector('v128.or', operand, this.each(format.quietBit)), result, this.isNaN(operand)));
      });
      this.finish(result);
    });
  }

  /** IE if a NaN is signaling, or all are. */
  private noteInvalid({ x, y }: Operands, all: Expression): void {
    const { to } = this;
    const isSignaling = (value: Expression): Expression => {
      const quiet = vector('v128.and', value, this.each(this.format.quietBit));
      return vector('v128.and', this.isNaN(value), this.whole('eq', quiet, constantVector(0n)));
    };
    to.if(anyTrue(vector('v128.or', isSignaling(x), isSignaling(y))).or(all), () => raise(to, MXCSR.IE));
  }
  /** DE, unless denormals count as zeros, or the other operand is a NaN. */
  private noteDenormals({ x, y, unordered, control }: Operands): void {
    const { to } = this;
    const denormal = vector('v128.andnot', vector('v128.or', this.isDenormal(x), this.isDenormal(y)), unordered);
    to.if(control.and(MXCSR.DAZ).isZero(), () => to.if(anyTrue(denormal), () => raise(to, MXCSR.DE)));
  }

  private flushed(value: Expression): Expression {
    return bitselect(vector('v128.and', value, this.each(this.format.signMask)), value, this.isDenormal(value));
  }
  private isDenormal(value: Expression): Expression {
    const isSmall = this.lanes('lt', this.magnitude(value), this.each(minNormalOf(this.format)));
    return vector('v128.and', isSmall, this.lanes('ne', value, constantVector(0n)));
  }
  private isNaN(value: Expression): Expression {
    return this.lanes('ne', value, value);
  }
  private magnitude(value: Expression): Expression {
    return vector(`${this.shape}.abs`, value);
  }
  private each(bits: bigint): Expression {
    return constantVector(this.format === F32 ? bits * 0x1_0000_0001_0000_0001_0000_0001n : bits * ((1n << 64n) + 1n));
  }
  private lanes(name: string, x: Expression, y: Expression): Expression {
    return vector(`${this.shape}.${name}` as WasmVectorInstruction, x, y);
  }
  private whole(name: string, x: Expression, y: Expression): Expression {
    return vector(`${this.integers}.${name}` as WasmVectorInstruction, x, y);
  }
}

function minNormalOf({ fractionMask }: FloatFormat): bigint {
  return fractionMask + 1n;
}
function infinityOf({ infinity }: FloatFormat): bigint {
  return infinity;
}
