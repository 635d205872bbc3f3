import { MXCSR } from '../../evaluator/float/mxcsr.js';
import { F32, type FloatFormat } from '../../evaluator/float/format.js';
import { Expression, constant, select, type Statements, type Variable } from './expression.js';
import { raise, roundingMode } from './float-flags.js';

export type Operation = 'add' | 'sub' | 'mul' | 'div' | 'sqrt';

const DOWN = 1;
const UP = 2;
/** Splits a double into two halves: Veltkamp's constant. */
const SPLITTER = 2 ** 27 + 1;

interface Rounded {
  /** The result rounded to nearest. */
  readonly bits: Variable;
  /** A number with the sign of what the exact result has more. */
  readonly error: Variable;
}

/**
 * Returns the result in the rounding modes other than nearest, for operands of which no step of the computation leaves the range:
 * the one next to that of Wasm, where the error has the wrong sign. Goes on for the zero of a difference.
 */
export function emitDirected(
  to: Statements,
  format: FloatFormat,
  operation: Operation,
  { x, y, control }: { readonly x: Variable; readonly y: Variable; readonly control: Variable },
): void {
  const { bits, error } = format === F32 ? ofSingles(to, operation, x, y) : ofDoubles(to, operation, x, y);
  const zero = zeroOf(error.type);
  const isMore = to.let(error.binary('gt', zero, 'i32'));
  const isLess = to.let(error.binary('lt', zero, 'i32'));
  const mode = to.let(roundingMode(control));
  const negative = to.let(bits.and(format.signMask).isSet());
  const towardsZero = select(negative, isMore, isLess);
  const moves = select(mode.equals(DOWN), isLess, select(mode.equals(UP), isMore, towardsZero));
  const grows = select(negative, mode.equals(DOWN), mode.equals(UP));
  to.if(bits.and(format.signMask - 1n).isSet(), () => {
    to.if(isMore.or(isLess), () => raise(to, MXCSR.PE));
    to.return(bits.add(select(grows, constant('i64', 1), constant('i64', -1)).mul(moves.wide())));
  });
}

/** Knuth's TwoSum. */
function sum(to: Statements, a: Expression, b: Expression): { total: Variable; error: Variable } {
  const total = to.let(a.add(b));
  const part = to.let(total.sub(a));
  return { total, error: to.let(a.sub(total.sub(part)).add(b.sub(part))) };
}

/** Products of singles are exact as doubles. */
function ofSingles(to: Statements, operation: Operation, x: Expression, y: Expression): Rounded {
  const [a, b] = [to.let(x.low().asSingle()), to.let(y.low().asSingle())];
  if (operation === 'add' || operation === 'sub') {
    const { total, error } = sum(to, a, operation === 'add' ? b : negated(to, b));
    return { bits: to.let(total.asSingleBits().wide()), error };
  }
  if (operation === 'mul') {
    const product = to.let(a.promoted().mul(b.promoted()));
    const result = to.let(product.demoted());
    return { bits: to.let(result.asSingleBits().wide()), error: to.let(product.sub(result.promoted())) };
  }
  const result = to.let(operation === 'div' ? a.binary('div', b) : a.unary('sqrt'));
  const bits = to.let(result.asSingleBits().wide());
  if (operation === 'sqrt') return { bits, error: to.let(a.promoted().sub(result.promoted().mul(result.promoted()))) };
  const rest = to.let(a.promoted().sub(result.promoted().mul(b.promoted())));
  return { bits, error: to.let(rest.mul(b.promoted())) };
}

function ofDoubles(to: Statements, operation: Operation, x: Expression, y: Expression): Rounded {
  const [a, b] = [to.let(x.asDouble()), to.let(y.asDouble())];
  if (operation === 'add' || operation === 'sub') {
    const { total, error } = sum(to, a, operation === 'add' ? b : negated(to, b));
    return { bits: to.let(total.asBits()), error };
  }
  if (operation === 'mul') {
    const product = to.let(a.mul(b));
    return { bits: to.let(product.asBits()), error: productError(to, product, a, b) };
  }
  const result = to.let(operation === 'div' ? a.binary('div', b) : a.unary('sqrt'));
  const factor = operation === 'div' ? b : result;
  const product = to.let(result.mul(factor));
  const rest = to.let(a.sub(product).sub(productError(to, product, result, factor)));
  // The quotient is larger where the rest has the divisor's sign; only that counts, so nothing is lost where it is tiny.
  const error = operation === 'div' ? rest.mul(signOf(b)) : rest;
  return { bits: to.let(result.asBits()), error: to.let(error) };
}

/** What the exact product has more, by Dekker. */
function productError(to: Statements, product: Expression, a: Expression, b: Expression): Variable {
  const split = (value: Expression): readonly [high: Variable, low: Variable] => {
    const large = to.let(value.mul(double(SPLITTER)));
    const high = to.let(large.sub(large.sub(value)));
    return [high, to.let(value.sub(high))];
  };
  const [aHigh, aLow] = split(a);
  const [bHigh, bLow] = split(b);
  const crossed = aHigh.mul(bHigh).sub(product).add(aHigh.mul(bLow)).add(aLow.mul(bHigh));
  return to.let(crossed.add(aLow.mul(bLow)));
}

function negated(to: Statements, value: Expression): Variable {
  return to.let(zeroOf(value.type).sub(value));
}

/** 1 with the sign of a double. */
function signOf(value: Expression): Expression {
  return value
    .asBits()
    .and(1n << 63n)
    .or(0x3ff0_0000_0000_0000n)
    .asDouble();
}

const view = new DataView(new ArrayBuffer(8));

function double(value: number): Expression {
  view.setFloat64(0, value);
  return constant('i64', view.getBigUint64(0)).asDouble();
}

function zeroOf(type: Expression['type']): Expression {
  return type === 'f32' ? constant('i32', 0).asSingle() : double(0);
}
