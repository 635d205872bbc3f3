import { FSW as FLAGS } from '../../../evaluator/extended/context.js';
import { LN_2, ONE, factorial, quotient } from '../../../evaluator/extended/fixed-point.js';
import type { Code } from '../../encoding/code.js';
import { constant, select, type Expression, type Statements, type Variable } from '../expression.js';
import { raise } from '../float-flags.js';
import { ofNumbers, type ExtendedNeeds } from './arithmetic.js';
import {
  fractionOf,
  known,
  leaveUnless,
  normalize,
  shiftLeft,
  shiftedRight,
  type Fraction,
  type Fractions,
} from './fractions.js';
import {
  BIAS,
  INTEGER_BIT,
  MAX_EXPONENT,
  SIGN,
  finish,
  finishInvalid,
  isInfinite,
  isZero,
  noteDenormals,
  unpack,
  type Operands,
  type Unpacked,
} from './parts.js';

/** Half of the coefficients of (e^t - 1) / t, for t below ln 2, and of artanh(s) / s in s², for s below 0.172. */
const EXPONENTIAL = Array.from({ length: 32 }, (_, n) => ONE / (2n * factorial(n + 1)));
const AREA_TANGENT = Array.from({ length: 26 }, (_, n) => ONE / BigInt(2 * (2 * n + 1)));

/** √2 × 2^63. */
const ROOT_2 = 0xb504_f333_f9de_6484n;
/** The range of FYL2XP1, from -(1 - √½) to √2 - 1, × 2^65. */
const LEAST = 0x95f6_1998_0c43_36f7n;
const MOST = 0xd413_cccf_e779_9211n;

/** F2XM1, FYL2X and FYL2XP1: evaluator/extended/transcendental.ts. */
export class ExtendedTranscendental {
  constructor(
    private readonly needs: ExtendedNeeds,
    private readonly fractions: Fractions,
  ) {}

  /** x × ln 2 × (e^t - 1) / t, where t is x × ln 2. */
  power(): Code {
    const { fractions } = this;
    return ofNumbers(this.needs.nan, (to, { x, option }) => {
      to.if(isZero(x), () => finish(to, x.significand, x.signExponent));
      noteDenormals(to, x, x, option);
      const negative = to.let(x.signExponent.and(SIGN));
      to.if(isInfinite(x), () => {
        const limit = select(negative, constant('i32', SIGN | BIAS), constant('i32', MAX_EXPONENT));
        finish(to, x.significand, limit);
      });
      const { significand, exponent } = unpack(to, x);
      to.if(exponent.greater(-1), () => {
        to.if(exponent.isZero().and(significand.equals(INTEGER_BIT)), () => {
          const known = select(negative, constant('i32', SIGN | (BIAS - 1)), constant('i32', BIAS));
          finish(to, significand, known);
        });
        raise(to, FLAGS.PE);
        finish(to, x.significand, x.signExponent);
      });
      const magnitude = shiftedRight(to, wordOf(to, significand), constant('i32', -1).sub(exponent));
      const t = fractions.product(to, magnitude, known(to, fractionOf(LN_2)));
      const half = fractions.series(to, EXPONENTIAL, t, { below: 0.52, alternates: negative });
      const factor = fractions.product(to, half, known(to, fractionOf(LN_2)));
      shiftLeft(to, factor, constant('i64', 1));
      fractions.finishProduct(to, negative, exponent, significand, factor);
    });
  }

  /** y × (E + log2 m), where x is m × 2^E and m is between √½ and √2. */
  log(): Code {
    return ofNumbers(this.needs.nan, (to, operands) => {
      const { x, y, option } = operands;
      const ySign = to.let(y.signExponent.and(SIGN));
      to.if(isZero(x), () => {
        to.if(isZero(y), () => finishInvalid(to));
        to.if(isInfinite(y).isZero(), () => raise(to, FLAGS.ZE));
        finish(to, constant('i64', INTEGER_BIT), ySign.xor(SIGN | MAX_EXPONENT));
      });
      to.if(x.signExponent.and(SIGN), () => finishInvalid(to));
      const isOne = to.let(x.significand.equals(INTEGER_BIT).and(x.signExponent.equals(BIAS)));
      const infinite = to.let(isInfinite(x));
      to.if(infinite.and(isZero(y)).or(isOne.and(isInfinite(y))), () => finishInvalid(to));
      noteDenormals(to, x, y, option);
      to.if(infinite, () => finish(to, x.significand, ySign.or(MAX_EXPONENT)));
      const [a, b] = [unpack(to, x), unpack(to, y)];
      const sign = to.let(ySign.xor(a.exponent.less(0).shl(15)));
      to.if(isInfinite(y), () => finish(to, y.significand, sign.or(MAX_EXPONENT)));
      to.if(isZero(y).or(isOne), () => finish(to, constant('i64', 0), select(isOne, ySign, sign)));
      to.if(a.significand.equals(INTEGER_BIT), () => this.finishMultiple(to, sign, b, a.exponent));
      this.ofOrdinary(to, a, b, ySign);
    });
  }

  /** ±y × |exponent|. */
  private finishMultiple(to: Statements, sign: Expression, y: Unpacked, exponent: Expression): void {
    const by = to.let(select(exponent.less(0), constant('i32', 0).sub(exponent), exponent).wide());
    const product = {
      high: to.call('i64', this.needs.multiplyHigh, y.significand, by),
      low: to.let(y.significand.mul(by)),
    };
    const zeros = normalize(to, product);
    this.fractions.finishWords(to, sign, y.exponent.add(65).sub(zeros), product.high, product.low);
  }

  private ofOrdinary(to: Statements, x: Unpacked, y: Unpacked, ySign: Expression): void {
    const { fractions } = this;
    const m = x.significand;
    const isBelow1 = to.let(m.atLeast(ROOT_2));
    const exponent = to.let(x.exponent.add(isBelow1));
    // (m - 1) / (m + 1), where m + 1 is 2^64 + rest in some unit.
    const numerator = to.let(select(isBelow1, constant('i64', 0).sub(m), m.sub(INTEGER_BIT)));
    const zeros = to.let(numerator.clz());
    const rest = wordOf(to, select(isBelow1, m, numerator));
    const ratio = fractions.product(to, wordOf(to, numerator.shl(zeros)), fractions.reciprocal(to, rest));
    const top = to.let(constant('i32', 0).sub(zeros.low()));
    const log = this.logOf(to, ratio, top);
    // log × 2^top is |log2 m|.
    const sign = to.let(isBelow1);
    to.if(exponent.isSet(), () => {
      const whole = to.let(select(exponent.less(0), constant('i32', 0).sub(exponent), exponent).wide().shl(48));
      const fraction = shiftedRight(to, log, constant('i32', 16).sub(top));
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
      top.set(16);
    });
    this.finishMultiplied(to, ySign.xor(sign.shl(15)), y, log, top);
  }

  /** FYL2XP1: y × log2 (1 + x). What is beyond its range, where the result is undefined, is left to the evaluator. */
  log1(): Code {
    return ofNumbers(this.needs.nan, (to, operands) => {
      const sign = to.let(operands.x.signExponent.xor(operands.y.signExponent).and(SIGN));
      this.specialLog1(to, operands, sign);
      const [x, y] = [unpack(to, operands.x), unpack(to, operands.y)];
      const negative = to.let(operands.x.signExponent.and(SIGN).isSet());
      to.if(x.exponent.greater(-1), () => {
        to.if(negative, () => finishInvalid(to));
        finish(to, operands.x.significand, operands.x.signExponent);
      });
      const most = select(negative, constant('i64', LEAST), constant('i64', MOST));
      leaveUnless(to, x.exponent.less(-2).or(x.exponent.equals(-2).and(most.atLeast(x.significand))));
      this.nearOne(to, { x, y, negative, sign });
    });
  }

  private specialLog1(to: Statements, { x, y, option }: Operands, sign: Variable): void {
    const [xInfinite, yInfinite] = [to.let(isInfinite(x)), to.let(isInfinite(y))];
    const [xZero, yZero] = [to.let(isZero(x)), to.let(isZero(y))];
    const isMinus = x.signExponent.and(SIGN).isSet();
    to.if(xZero.and(yInfinite).or(xInfinite.and(yZero.or(isMinus))), () => finishInvalid(to));
    noteDenormals(to, x, y, option);
    to.if(xInfinite.or(yInfinite), () => finish(to, constant('i64', INTEGER_BIT), sign.or(MAX_EXPONENT)));
    to.if(xZero.or(yZero), () => finish(to, constant('i64', 0), sign));
  }

  /** The area tangent of x / (2 + x): of x/2 / (1 + x/2), or of |x| / (1 + (1 - |x|)). */
  private nearOne(
    to: Statements,
    { x, y, negative, sign }: { x: Unpacked; y: Unpacked; negative: Variable; sign: Variable },
  ): void {
    const { fractions } = this;
    const top = to.let(x.exponent.add(negative));
    const rest = shiftedRight(to, wordOf(to, x.significand), constant('i32', 0).sub(top));
    // The complement is one unit too small, which does not count.
    const flip = to.let(constant('i64', 0).sub(negative.wide()));
    rest.high.set(rest.high.xor(flip));
    rest.low.set(rest.low.xor(flip));
    const ratio = fractions.product(to, wordOf(to, x.significand), fractions.reciprocal(to, rest));
    const log = this.logOf(to, ratio, top);
    this.finishMultiplied(to, sign, y, log, top);
  }

  /** The binary logarithm of (1 + s) / (1 - s), for s = ratio × 2^top; `top` becomes what it is to be multiplied by. */
  private logOf(to: Statements, ratio: Fraction, top: Variable): Fraction {
    const { fractions } = this;
    const small = shiftedRight(to, ratio, constant('i32', 0).sub(top));
    const half = fractions.series(to, AREA_TANGENT, fractions.product(to, small, small), {
      below: 5,
      alternates: constant('i32', 0),
    });
    const scaled = fractions.product(to, half, known(to, fractionOf(quotient(ONE / 2n, LN_2))));
    top.set(top.add(3));
    return fractions.product(to, ratio, scaled);
  }

  /** ±y × log × 2^top. */
  private finishMultiplied(to: Statements, sign: Expression, y: Unpacked, log: Fraction, top: Expression): void {
    const zeros = normalize(to, log);
    this.fractions.finishProduct(to, sign, to.let(top.sub(zeros).add(y.exponent)), y.significand, log);
  }
}

/** A word as the first half of a fraction. */
export function wordOf(to: Statements, word: Expression): Fraction {
  return { high: to.let(word), low: to.let(constant('i64', 0)) };
}
