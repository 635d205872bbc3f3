import { MXCSR } from '../../evaluator/float/mxcsr.js';
import { F32, type FloatFormat } from '../../evaluator/float/format.js';
import { Expression, type Statements, type Variable } from './expression.js';
import { emitDirected, type Operation } from './directed-lanes.js';
import { raise, roundingMode } from './float-flags.js';
import { MASKS } from './vector-statements.js';

interface Lanes {
  readonly x: Variable;
  readonly y: Variable;
  readonly control: Variable;
}

const FLUSHES = MXCSR.DAZ | MXCSR.FTZ;
/** What products, quotients and roots of finite numbers raise, if they are finite too. */
const OF_FINITE = MXCSR.DE | MXCSR.UE | MXCSR.PE;

/**
 * Returns the result where Wasm's is right and it is easy to find out what is raised; goes on otherwise. Rounding is to nearest
 * then, and the exponents are so far from the limits that the result is normal; or it is a sum of denormals, or whatever may
 * be raised has been raised before.
 */
export function emitOrdinary(to: Statements, format: FloatFormat, operation: Operation, lanes: Lanes): void {
  const { x, y, control } = lanes;
  const second = operation === 'sqrt' ? x.below(format.signMask) : isModerate(format, y, MOST_DIRECTED);
  to.if(control.and(MXCSR.RC), () => {
    to.if(isModerate(format, x, MOST_DIRECTED).and(second), () => emitDirected(to, format, operation, lanes));
  });
  if (operation === 'add' || operation === 'sub') return emitSum(to, format, operation, { x, y, control });
  const isUsual = roundingMode(control).isZero().and(isModerate(format, x));
  const condition = operation === 'sqrt' ? isUsual.and(x.below(format.signMask)) : isUsual.and(isModerate(format, y));
  to.if(condition, () => {
    if (format === F32) single(to, operation, x, y);
    else double(to, operation, x, y);
  });
  const relevant = MASKS | MXCSR.RC | FLUSHES | OF_FINITE;
  const isFast = operation === 'sqrt' ? isNormal(format, x) : staysNormal(format, operation, x, y);
  to.if(
    control
      .and(relevant)
      .equals(MASKS | OF_FINITE)
      .and(isFast),
    () => {
      const float = (bits: Expression): Expression => (format === F32 ? bits.low().asSingle() : bits.asDouble());
      const [a, b] = [float(x), float(y)];
      const value = operation === 'sqrt' ? a.unary('sqrt') : a.binary(operation, b);
      const result = to.let(format === F32 ? value.asSingleBits().wide() : value.asBits());
      const isFinite = (bits: Expression): Expression => bits.and(format.signMask - 1n).below(format.infinity);
      const others = operation === 'div' ? isFinite(y).and(y.and(format.signMask - 1n).isSet()) : isFinite(y);
      to.if(isFinite(result).and(isFinite(x)).and(others), () => to.return(result));
    },
  );
}

/** Whether x is not below the normal numbers. */
function isNormal(format: FloatFormat, x: Expression): Expression {
  return x.and(format.signMask - 1n).above(format.fractionMask);
}

/**
 * Whether neither operand nor result is below the normal numbers: some processors take 150 cycles for such a product or
 * quotient, several times as long as integer arithmetic does. Magnitudes are added and subtracted as logarithms, nearly.
 */
function staysNormal(format: FloatFormat, operation: 'mul' | 'div', x: Expression, y: Expression): Expression {
  const magnitude = (bits: Expression): Expression => bits.and(format.signMask - 1n);
  const power = (exponent: number): bigint => BigInt(exponent) << BigInt(format.fractionBits);
  const isLarge =
    operation === 'mul'
      ? magnitude(x)
          .add(magnitude(y))
          .atLeast(power(format.exponentMax + 2))
      : magnitude(x)
          .sub(magnitude(y))
          .greater(power(2 - format.exponentMax));
  return isNormal(format, x).and(isNormal(format, y)).and(isLarge);
}

/** Sums of denormals are exact. */
function emitSum(to: Statements, format: FloatFormat, operation: 'add' | 'sub', { x, y, control }: Lanes): void {
  const limit = BigInt(2 * format.exponentMax - 8) << BigInt(format.fractionBits);
  const magnitude = (bits: Expression): Expression => bits.and(format.signMask - 1n);
  const isBelow = (bits: Expression): Expression => magnitude(bits).below(limit);
  const keepsDenormals = control.and(FLUSHES | MXCSR.UM).equals(MXCSR.UM);
  const areModerate = isModerate(format, x).and(isModerate(format, y));
  const areFine = keepsDenormals.and(isBelow(x)).and(isBelow(y)).or(areModerate);
  to.if(roundingMode(control).isZero().and(areFine), () => {
    const isDenormal = (bits: Expression): Expression => magnitude(bits).sub(1n).below(format.fractionMask);
    to.if(isDenormal(x).or(isDenormal(y)), () => raise(to, MXCSR.DE));
    sum(to, format, operation, x, y);
  });
}

/** How far exponents of doubles may be from that of 1: for a product, and for the error of one with a quotient. */
const MOST = 500;
const MOST_DIRECTED = 400;
const MOST_OF_SINGLES = 60;

/** Whether the exponent is within about half of the format's range. */
function isModerate(format: FloatFormat, x: Expression, mostOfDoubles = MOST): Expression {
  const { exponentMax, fractionBits, signMask } = format;
  const most = format === F32 ? MOST_OF_SINGLES : mostOfDoubles;
  const least = BigInt(exponentMax - most) << BigInt(fractionBits);
  const range = BigInt(2 * most) << BigInt(fractionBits);
  return x
    .and(signMask - 1n)
    .sub(least)
    .below(range);
}

function finish(to: Statements, isInexact: Expression, result: Expression): void {
  to.if(isInexact, () => raise(to, MXCSR.PE));
  to.return(result);
}

/** The error is that of Knuth's TwoSum. */
function sum(to: Statements, format: FloatFormat, operation: 'add' | 'sub', x: Expression, y: Expression): void {
  const isSingle = format === F32;
  const float = (bits: Expression): Variable => to.let(isSingle ? bits.low().asSingle() : bits.asDouble());
  const [a, b] = [float(x), float(operation === 'sub' ? y.xor(format.signMask) : y)];
  const total = to.let(a.add(b));
  const part = to.let(total.sub(a));
  const error = a.sub(total.sub(part)).add(b.sub(part));
  const zero = new Expression(error.type, (code) => {
    if (isSingle) code.i32(0).op('f32.reinterpret_i32');
    else code.i64(0n).op('f64.reinterpret_i64');
  });
  finish(to, error.differs(zero), isSingle ? total.asSingleBits().wide() : total.asBits());
}

/** Products of singles are exact as doubles. */
function single(to: Statements, operation: 'mul' | 'div' | 'sqrt', x: Expression, y: Expression): void {
  const [a, b] = [to.let(x.low().asSingle()), to.let(y.low().asSingle())];
  if (operation === 'mul') {
    const product = to.let(a.promoted().mul(b.promoted()));
    const result = to.let(product.demoted());
    return finish(to, result.promoted().differs(product), result.asSingleBits().wide());
  }
  const result = to.let(operation === 'div' ? a.binary('div', b) : a.unary('sqrt'));
  const factor = operation === 'div' ? b : result;
  finish(to, result.promoted().mul(factor.promoted()).differs(a.promoted()), result.asSingleBits().wide());
}

/**
 * Significands of m and n bits, without zeros at the end, have a product of m + n or m + n - 1 bits: of 53 bits or fewer it is
 * exact, of 54 or more it is not. Where that leaves it open, this goes on.
 */
function double(to: Statements, operation: 'mul' | 'div' | 'sqrt', x: Expression, y: Expression): void {
  const [a, b] = [to.let(x.asDouble()), to.let(y.asDouble())];
  const zeros = (bits: Expression): Expression =>
    bits
      .or(1n << 52n)
      .ctz()
      .low();
  if (operation === 'mul') {
    const cut = to.let(zeros(x).add(zeros(y)));
    to.if(cut.differs(52), () => finish(to, cut.below(52), a.mul(b).asBits()));
    return;
  }
  const result = to.let(operation === 'div' ? a.binary('div', b) : a.unary('sqrt'));
  const bits = to.let(result.asBits());
  const factor = operation === 'div' ? b : result;
  const cut = to.let(zeros(bits).add(operation === 'div' ? zeros(y) : zeros(bits)));
  to.if(cut.differs(52), () => finish(to, cut.below(52).or(result.mul(factor).differs(a)), bits));
}
