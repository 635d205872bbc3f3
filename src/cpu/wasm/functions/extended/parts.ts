import { FSW as FLAGS } from '../../../evaluator/extended/context.js';
import { FCW, FSW, X87_EXCEPTIONS } from '../../../meaning/isa/x87-state.js';
import { FLOAT_FLAGS, X87 } from '../../../state/layout.js';
import { Code } from '../../encoding/code.js';
import type { WasmModule } from '../../encoding/module.js';
import { Statements, constant, load, select, type Expression, type Variable } from '../expression.js';
import { raise } from '../float-flags.js';

/** What the functions of x87 arithmetic share: their type, their operands, how they end, and NaNs. */

export const EXTENDED_TYPE = {
  parameters: ['i64', 'i32', 'i64', 'i32', 'i32'],
  results: ['i64', 'i32', 'i32'],
} as const;

/** Options: an operand was a denormal in memory; QNaNs are valid. */
export const HAS_DENORMAL = 1;
export const QUIET = 2;
/** Options: an operand is an empty register; the register to push to is in use. */
export const EMPTY = 1 << 16;
export const FULL = 1 << 17;

export const SIGN = 0x8000;
export const MAX_EXPONENT = 0x7fff;
export const BIAS = 16383;
export const INTEGER_BIT = 1n << 63n;
export const QUIET_BIT = 1n << 62n;
export const NO_SIGN = constant('i32', 0);

/** A number as the parameters or results of a function. */
export interface Parts {
  readonly significand: Variable;
  readonly signExponent: Variable;
}

/** A finite number: ±significand × 2^(exponent - 63); of zero, the significand is 0. */
export interface Unpacked {
  readonly significand: Variable;
  readonly exponent: Variable;
}

export interface Operands {
  readonly x: Parts;
  readonly y: Parts;
  readonly option: Variable;
}

/**
 * Begins a function, which has no exceptions so far. After a stack fault it returns what `fault` has, the indefinite if
 * nothing is given.
 */
export function begin(fault: (option: Variable) => readonly [Expression, Expression] = () => INDEFINITE): {
  code: Code;
  to: Statements;
} & Operands {
  const code = new Code(EXTENDED_TYPE.parameters);
  const to = new Statements(code);
  const parts = (first: number): Parts => ({
    significand: to.parameter('i64', first),
    signExponent: to.parameter('i32', first + 1),
  });
  const option = to.parameter('i32', 4);
  to.store('i32.store', FLOAT_FLAGS, constant('i32', 0));
  to.if(option.and(EMPTY | FULL), () => {
    const flags = FLAGS.IE | FLAGS.SF;
    raise(to, select(option.and(EMPTY), constant('i32', flags), constant('i32', flags | FLAGS.C1)));
    finish(to, ...fault(option));
  });
  return { code, to, x: parts(0), y: parts(2), option };
}

export const INDEFINITE = [constant('i64', INTEGER_BIT | QUIET_BIT), constant('i32', SIGN | MAX_EXPONENT)] as const;

/** Returns, with FSW brought up to date unless an exception is unmasked; `last` is the last result if none is. */
export function finish(
  to: Statements,
  significand: Expression,
  signExponent: Expression,
  last: Expression = constant('i32', 0),
): void {
  const [first, second] = [to.let(significand), to.let(signExponent)];
  const flags = to.let(load('i32.load', FLOAT_FLAGS));
  const isUnmasked = flags.and(X87_EXCEPTIONS).and(load('i32.load16_u', X87 + FCW).xor(-1));
  to.if(isUnmasked, () => to.return(first, second, constant('i32', 1)));
  const status = load('i32.load16_u', X87 + FSW).and(~FLAGS.C1);
  to.store('i32.store16', X87 + FSW, status.or(flags));
  to.return(first, second, last);
  to.code.op('unreachable');
}

export function finishInvalid(to: Statements, last?: Expression): void {
  raise(to, FLAGS.IE);
  finish(to, ...INDEFINITE, last);
}

/** FCW in the form of MXCSR. */
export function control(): Expression {
  const word = load('i32.load16_u', X87 + FCW);
  return word.and(X87_EXCEPTIONS).shl(7).or(word.and(0xc00).shl(3));
}

export function exponentOf(x: Parts): Expression {
  return x.signExponent.and(MAX_EXPONENT);
}
export function isInfinite(x: Parts): Expression {
  return exponentOf(x).equals(MAX_EXPONENT).and(x.significand.equals(INTEGER_BIT));
}
export function isZero(x: Parts): Expression {
  return x.significand.isZero();
}
/** An exponent that calls for an integer bit, without one. */
export function isUnsupported(x: Parts): Expression {
  return exponentOf(x).isSet().and(x.significand.shr(63).isZero());
}
/** Whether x is a NaN or unsupported. */
export function isWild(x: Parts): Expression {
  const isNaN = exponentOf(x).equals(MAX_EXPONENT).and(x.significand.shl(1).isSet());
  return isNaN.or(isUnsupported(x));
}
export function isQuietNaN(x: Parts): Expression {
  return exponentOf(x).equals(MAX_EXPONENT).and(x.significand.shr(62).equals(3n));
}

export function noteDenormals(to: Statements, x: Parts, y: Parts, option: Expression): void {
  const isDenormal = (z: Parts): Expression => exponentOf(z).isZero().and(z.significand.isSet());
  const any = x === y ? isDenormal(x) : isDenormal(x).or(isDenormal(y));
  to.if(any.or(option.and(HAS_DENORMAL)), () => raise(to, FLAGS.DE));
}

export function unpack(to: Statements, x: Parts): Unpacked {
  const zeros = to.let(x.significand.clz());
  const field = to.let(exponentOf(x));
  const exponent = to.let(select(field.isZero(), constant('i32', 1), field).sub(BIAS).sub(zeros.low()));
  return { significand: to.let(x.significand.shl(zeros)), exponent };
}

/**
 * Adds (x, y), of which one is a NaN or unsupported → the result, as evaluator/extended/operand.ts has it; IE if one is
 * signaling or unsupported.
 */
export function addNaN(module: WasmModule): number {
  const code = new Code(['i64', 'i32', 'i64', 'i32']);
  const to = new Statements(code);
  const [x, y] = [0, 2].map((first) => ({
    significand: to.parameter('i64', first),
    signExponent: to.parameter('i32', first + 1),
  })) as [Parts, Parts];
  const isNaN = (z: Parts): Expression => isWild(z).and(isUnsupported(z).isZero());
  const isSignaling = (z: Parts): Expression => isNaN(z).and(isQuietNaN(z).isZero());
  to.if(isUnsupported(x).or(isUnsupported(y)), () => {
    raise(to, FLAGS.IE);
    to.return(...INDEFINITE);
  });
  to.if(isSignaling(x).or(isSignaling(y)), () => raise(to, FLAGS.IE));
  // A quiet one goes before a signaling one, and that before a number; of two of a kind the larger, or the positive one.
  const rank = (z: Parts): Expression => isNaN(z).add(isQuietNaN(z));
  const [xRank, yRank] = [to.let(rank(x)), to.let(rank(y))];
  const isLarger = x.significand.above(y.significand);
  const isPositive = x.significand.equals(y.significand).and(x.signExponent.and(SIGN).isZero());
  const isFirst = to.let(yRank.less(xRank).or(xRank.equals(yRank).and(isLarger.or(isPositive))));
  const significand = select(isFirst, x.significand, y.significand).or(QUIET_BIT);
  to.return(significand, select(isFirst, x.signExponent, y.signExponent).and(SIGN).or(MAX_EXPONENT));
  code.op('unreachable');
  return module.add(module.type(['i64', 'i32', 'i64', 'i32'], ['i64', 'i32']), code);
}
