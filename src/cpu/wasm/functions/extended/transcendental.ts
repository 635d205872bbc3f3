import { LN_2, ONE, PLACES, quotient } from '../../../evaluator/extended/fixed-point.js';
import { Code } from '../../encoding/code.js';
import type { WasmModule } from '../../encoding/module.js';
import { Statements, constant, select, type Expression, type Variable } from '../expression.js';
import type { ExtendedNeeds } from './arithmetic.js';
import { BIAS, INTEGER_BIT, MAX_EXPONENT, SIGN, begin, finish, type Parts } from './parts.js';

/*
 * F2XM1 and FYL2X of ordinary numbers, in fixed-point numbers of 128 bits. All others, and results so near to a value between two
 * numbers that rounding is in doubt, are left to the evaluator, which has 512 bits: so both give the exact result, rounded.
 */

/** A fraction: (high, low) × 2^-128. */
interface Fraction {
  readonly high: Variable;
  readonly low: Variable;
}

/** How far the last word of a product may be off, with room to spare. */
const DOUBT = 1n << 26n;
/** Exponents of results that are far from overflow and underflow. */
const MOST_EXPONENT = 16000;

const WORD = (1n << 64n) - 1n;

/** The first 128 bits of a number below 1 that has PLACES bits. */
function fractionOf(value: bigint): bigint {
  return value >> BigInt(PLACES - 128);
}

function factorial(n: number): bigint {
  return n < 2 ? 1n : BigInt(n) * factorial(n - 1);
}

/** Half of the coefficients of (e^t - 1) / t, for t below ln 2, and of artanh(s) / s in s², for s below 0.172. */
const EXPONENTIAL = Array.from({ length: 32 }, (_, n) => ONE / (2n * factorial(n + 1)));
const AREA_TANGENT = Array.from({ length: 26 }, (_, n) => ONE / BigInt(2 * (2 * n + 1)));

/** √2 × 2^63. */
const ROOT_2 = 0xb504_f333_f9de_6484n;

export class ExtendedTranscendental {
  private readonly multiply: number;

  constructor(
    module: WasmModule,
    private readonly needs: ExtendedNeeds,
  ) {
    this.multiply = addMultiply(module, needs.multiplyHigh);
  }

  /** x × ln 2 × (e^t - 1) / t, where t is x × ln 2. */
  power(): Code {
    const { code, to, x } = begin();
    leaveUnless(
      to,
      exponentOf(x)
        .sub(BIAS - 64)
        .below(64)
        .and(isNormal(x)),
    );
    const exponent = to.let(exponentOf(x).sub(BIAS));
    const shift = to.let(constant('i32', -1).sub(exponent).wide());
    const magnitude = {
      high: to.let(x.significand.shr(shift)),
      low: to.let(x.significand.shl(1).shl(constant('i64', 63).sub(shift))),
    };
    const negative = to.let(x.signExponent.and(SIGN));
    const t = this.product(to, magnitude, known(to, fractionOf(LN_2)));
    const half = this.series(to, EXPONENTIAL, t, negative);
    const factor = this.product(to, half, known(to, fractionOf(LN_2)));
    shiftLeft(to, factor, constant('i64', 1));
    this.finishProduct(to, negative, exponent, x.significand, factor);
    return code;
  }

  /** y × (E + log2 m), where x is m × 2^E and m is between √½ and √2. */
  log(): Code {
    const { code, to, x, y } = begin();
    const isPowerOfTwo = x.significand.equals(INTEGER_BIT);
    leaveUnless(to, isNormal(x).and(isNormal(y)).and(x.signExponent.and(SIGN).isZero()).and(isPowerOfTwo.isZero()));
    const m = x.significand;
    const isBelow1 = to.let(m.atLeast(ROOT_2));
    const exponent = to.let(exponentOf(x).sub(BIAS).add(isBelow1));
    // (m - 1) / (m + 1), where m + 1 is 2^64 + rest in some unit.
    const numerator = to.let(select(isBelow1, constant('i64', 0).sub(m), m.sub(INTEGER_BIT)));
    const zeros = to.let(numerator.clz());
    const ratio = this.product(
      to,
      { high: to.let(numerator.shl(zeros)), low: to.let(constant('i64', 0)) },
      this.reciprocal(to, to.let(select(isBelow1, m, numerator))),
    );
    const small = shiftedRight(to, ratio, zeros);
    const half = this.series(to, AREA_TANGENT, this.product(to, small, small), constant('i32', 0));
    const scaled = this.product(to, half, known(to, fractionOf(quotient(ONE / 2n, LN_2))));
    const log = this.product(to, ratio, scaled);
    // log × 2^(3 - zeros) is |log2 m|.
    const sign = to.let(isBelow1);
    const top = to.let(constant('i32', 2).sub(zeros.low()));
    to.if(exponent.isSet(), () => {
      const whole = to.let(select(exponent.less(0), constant('i32', 0).sub(exponent), exponent).wide().shl(48));
      const fraction = shiftedRight(to, log, to.let(zeros.add(13)));
      const differ = to.let(exponent.less(0).xor(isBelow1));
      to.if(
        differ,
        () => {
          log.high.set(whole.sub(fraction.high).sub(fraction.low.isSet().wide()));
          log.low.set(constant('i64', 0).sub(fraction.low));
        },
        () => {
          log.high.set(whole.or(fraction.high));
          log.low.set(fraction.low);
        },
      );
      sign.set(exponent.less(0));
      top.set(constant('i32', 15));
    });
    const lead = to.let(log.high.clz());
    shiftLeft(to, log, lead);
    const total = to.let(
      top
        .sub(lead.low())
        .add(exponentOf(y))
        .sub(BIAS - 1),
    );
    leaveUnless(to, total.add(MOST_EXPONENT).below(2 * MOST_EXPONENT));
    this.finishProduct(to, y.signExponent.and(SIGN).xor(sign.shl(15)), total, y.significand, log);
    return code;
  }

  /** ±significand × factor × 2^(exponent - 63), rounded, where both have their first bit set. */
  private finishProduct(
    to: Statements,
    sign: Expression,
    exponent: Expression,
    significand: Expression,
    factor: Fraction,
  ): void {
    const { multiplyHigh, packFully } = this.needs;
    const high = to.call('i64', multiplyHigh, significand, factor.high);
    const part = to.call('i64', multiplyHigh, significand, factor.low);
    const low = to.let(significand.mul(factor.high).add(part));
    const product = { high: to.let(high.add(low.below(part).wide())), low };
    const zeros = to.let(product.high.clz());
    shiftLeft(to, product, zeros);
    leaveUnless(
      to,
      low
        .add(DOUBT)
        .and(INTEGER_BIT - 1n)
        .atLeast(2n * DOUBT),
    );
    const rounded = to.callMany(['i64', 'i32'], packFully, sign, exponent.sub(zeros.low()), product.high, low);
    finish(to, rounded[0]!, rounded[1]!);
  }

  /** The sum of coefficients times powers of x, with alternating signs if `alternates` is set; they become smaller. */
  private series(to: Statements, coefficients: readonly bigint[], x: Fraction, alternates: Expression): Fraction {
    const flip = to.let(select(alternates, constant('i64', -1), constant('i64', 0)));
    const sum = known(to, fractionOf(coefficients.at(-1)!));
    for (const coefficient of coefficients.slice(0, -1).reverse()) {
      const { high, low } = this.product(to, sum, x);
      // The complement is one unit too small, which does not count.
      low.set(low.xor(flip));
      sum.low.set(low.add(fractionOf(coefficient) & WORD));
      const carry = sum.low.below(low).wide();
      sum.high.set(
        high
          .xor(flip)
          .add(fractionOf(coefficient) >> 64n)
          .add(carry),
      );
    }
    return sum;
  }

  /** 2^64 / (2^64 + rest), by Newton's iteration from the reciprocal of a double. */
  private reciprocal(to: Statements, rest: Variable): Fraction {
    const one = constant('i64', 1023n << 52n).asDouble();
    const double = rest
      .shr(12)
      .or(1023n << 52n)
      .asDouble();
    const bits = to.let(one.binary('div', double).asBits());
    // Between a half and 1; the first bit of the double's significand is not stored.
    const high = to.let(bits.shl(11).or(INTEGER_BIT));
    const shift = constant('i64', 1022).sub(bits.shr(52));
    high.set(select(bits.shr(52).equals(1023n), constant('i64', -1), high.shr(shift)));
    const result = { high, low: to.let(constant('i64', 0)) };
    const other = { high: rest, low: to.let(constant('i64', 0)) };
    for (let i = 0; i < 2; i++) {
      const sum = this.product(to, result, other);
      // What result × (1 + rest) lacks to 1, which may be negative.
      sum.low.set(sum.low.add(result.low));
      sum.high.set(sum.high.add(result.high).add(sum.low.below(result.low).wide()));
      const negative = to.let(constant('i64', 0).sub(sum.high.binary('shr_s', 63n).isZero().wide()));
      const error = { high: to.let(sum.high.xor(-1).xor(negative)), low: to.let(sum.low.xor(-1).xor(negative)) };
      const step = this.product(to, result, error);
      step.low.set(step.low.xor(negative));
      step.high.set(step.high.xor(negative));
      result.low.set(result.low.add(step.low));
      result.high.set(result.high.add(step.high).add(result.low.below(step.low).wide()));
    }
    return result;
  }

  private product(to: Statements, x: Fraction, y: Fraction): Fraction {
    const [high, low] = to.callMany(['i64', 'i64'], this.multiply, x.high, x.low, y.high, y.low);
    return { high: high!, low: low! };
  }
}

/** Adds the product of two fractions, a few units of the last place too small at most. */
function addMultiply(module: WasmModule, multiplyHigh: number): number {
  const code = new Code(['i64', 'i64', 'i64', 'i64']);
  const to = new Statements(code);
  const [xHigh, xLow, yHigh, yLow] = [0, 1, 2, 3].map((i) => to.parameter('i64', i)) as [
    Variable,
    Variable,
    Variable,
    Variable,
  ];
  const high = to.call('i64', multiplyHigh, xHigh, yHigh);
  const low = to.let(xHigh.mul(yHigh));
  for (const part of [to.call('i64', multiplyHigh, xHigh, yLow), to.call('i64', multiplyHigh, xLow, yHigh)]) {
    low.set(low.add(part));
    high.set(high.add(low.below(part).wide()));
  }
  to.return(high, low);
  code.op('unreachable');
  return module.add(module.type(['i64', 'i64', 'i64', 'i64'], ['i64', 'i64']), code);
}

/** Leaves the instruction to the evaluator. */
function leaveUnless(to: Statements, condition: Expression): void {
  to.if(condition.isZero(), () => to.return(constant('i64', 0), constant('i32', 0), constant('i32', 1)));
}

function exponentOf(x: Parts): Expression {
  return x.signExponent.and(MAX_EXPONENT);
}

/** Neither zero nor denormal, infinite, a NaN or unsupported. */
function isNormal(x: Parts): Expression {
  return exponentOf(x)
    .sub(1)
    .below(MAX_EXPONENT - 1)
    .and(x.significand.shr(63).low());
}

function known(to: Statements, value: bigint): Fraction {
  return { high: to.let(constant('i64', value >> 64n)), low: to.let(constant('i64', value & WORD)) };
}

/** By fewer than 64 bits. */
function shiftLeft(to: Statements, { high, low }: Fraction, by: Expression): void {
  const carried = to.let(low.shr(1).shr(constant('i64', 63).sub(by)));
  high.set(high.shl(by).or(carried));
  low.set(low.shl(by));
}

function shiftedRight(to: Statements, { high, low }: Fraction, by: Variable): Fraction {
  const isLong = to.let(by.atLeast(64));
  const kept = low.shr(by).or(high.shl(1).shl(constant('i64', 63).sub(by)));
  return {
    high: to.let(select(isLong, constant('i64', 0), high.shr(by))),
    low: to.let(select(isLong, high.shr(by), kept)),
  };
}
