import { FSW as FLAGS } from '../../../evaluator/extended/context.js';
import type { Code } from '../../encoding/code.js';
import { constant, select, type Expression, type Statements, type Variable } from '../expression.js';
import { raise } from '../float-flags.js';
import { ofNumbers, type ExtendedNeeds } from './arithmetic.js';
import { ofMagnitude } from './conversions.js';
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
  type Unpacked,
} from './parts.js';

/** Values that the last result has, if no unmasked exception is raised: C0 to C3 in their places, and IS_QUOTIENT. */
export const IS_QUOTIENT = 2;

/** From this difference of the exponents on, FPREM only reduces the dividend. */
const COMPLETE_BELOW = 64;
/** A number that no sum of exponents reaches. */
const MOST_SCALE = 0x1_0000;

/** FSCALE, FXTRACT, FPREM and FPREM1: evaluator/extended/convert.ts and remainder.ts. */
export class ExtendedExponents {
  constructor(private readonly needs: ExtendedNeeds) {}

  scale(): Code {
    return ofNumbers(this.needs.nan, (to, { x, y, option }) => {
      const sign = to.let(x.signExponent.and(SIGN));
      to.if(isInfinite(y), () => {
        const negative = to.let(y.signExponent.and(SIGN));
        to.if(select(negative, isInfinite(x), isZero(x)), () => finishInvalid(to));
        noteDenormals(to, x, x, option);
        const exponent = select(negative, constant('i32', 0), constant('i32', MAX_EXPONENT));
        finish(to, select(negative, constant('i64', 0), constant('i64', INTEGER_BIT)), sign.or(exponent));
      });
      noteDenormals(to, x, y, option);
      to.if(isInfinite(x).or(isZero(x)), () => finish(to, x.significand, x.signExponent));
      const [a, b] = [unpack(to, x), unpack(to, y)];
      const whole = select(
        b.exponent.greater(16),
        constant('i32', MOST_SCALE),
        b.significand.shr(constant('i32', 63).sub(b.exponent).wide()).low(),
      );
      const by = to.let(select(isZero(y).or(b.exponent.less(0)), constant('i32', 0), whole));
      const signed = select(y.signExponent.and(SIGN), constant('i32', 0).sub(by), by);
      this.finishRounded(to, sign, a.exponent.add(signed), a.significand);
    });
  }

  /** One of the two results. */
  extract(part: 'exponent' | 'significand'): Code {
    return ofNumbers(this.needs.nan, (to, { x, option }) => {
      const sign = to.let(x.signExponent.and(SIGN));
      const end = (exponent: readonly [Expression, Expression], significand: readonly [Expression, Expression]): void =>
        finish(to, ...(part === 'exponent' ? exponent : significand));
      const infinity = (of: Expression): readonly [Expression, Expression] => [
        constant('i64', INTEGER_BIT),
        of.or(MAX_EXPONENT),
      ];
      to.if(isZero(x), () => {
        raise(to, FLAGS.ZE);
        end(infinity(constant('i32', SIGN)), [x.significand, sign]);
      });
      noteDenormals(to, x, x, option);
      to.if(isInfinite(x), () => end(infinity(constant('i32', 0)), infinity(sign)));
      const { significand, exponent } = unpack(to, x);
      const negative = to.let(exponent.less(0));
      const magnitude = to.let(select(negative, constant('i32', 0).sub(exponent), exponent).wide());
      const number = ofMagnitude(to, magnitude, negative.shl(15));
      end([number.significand, number.signExponent], [significand, sign.or(BIAS)]);
    });
  }

  /** FPREM, or FPREM1 if the option is NEAREST. */
  remainder(): Code {
    return ofNumbers(this.needs.nan, (to, { x, y, option }) => {
      to.if(isInfinite(x).or(isZero(y)), () => finishInvalid(to));
      noteDenormals(to, x, y, constant('i32', 0));
      const quotientOfZero = constant('i32', IS_QUOTIENT);
      const sign = to.let(x.signExponent.and(SIGN));
      to.if(isZero(x), () => finish(to, x.significand, sign, quotientOfZero));
      const [a, b] = [unpack(to, x), unpack(to, y)];
      const distance = to.let(a.exponent.sub(b.exponent));
      to.if(isInfinite(y).or(distance.less(-1)), () =>
        this.finishRounded(to, sign, a.exponent, a.significand, quotientOfZero),
      );
      const nearest = to.let(option.and(NEAREST));
      to.if(distance.less(0), () => this.belowDivisor(to, { a, b, sign, nearest }));
      this.divided(to, { a, b, sign, nearest }, distance);
    });
  }

  /** A dividend whose exponent is one less than the divisor's: the quotient is 0, or 1 where that is nearer. */
  private belowDivisor(to: Statements, { a, b, sign, nearest }: Division): void {
    to.if(nearest.isSet().and(a.significand.above(b.significand)), () => {
      const rest = to.let(b.significand.shl(1).sub(a.significand));
      this.finishRemainder(to, sign.xor(SIGN), rest, a.exponent, constant('i32', IS_QUOTIENT | FLAGS.C1));
    });
    this.finishRounded(to, sign, a.exponent, a.significand, constant('i32', IS_QUOTIENT));
  }

  private divided(to: Statements, { a, b, sign, nearest }: Division, distance: Variable): void {
    const partial = distance.sub(32).sub(distance.and(31));
    const skipped = to.let(select(distance.less(COMPLETE_BELOW), constant('i32', 0), partial));
    const shift = to.let(distance.sub(skipped).wide());
    const high = a.significand.shr(1).shr(constant('i64', 63).sub(shift));
    const low = a.significand.shl(shift);
    const [quotient, rest] = to.callMany(['i64', 'i64'], this.needs.divide, high, low, b.significand);
    const isComplete = to.let(skipped.isZero());
    const other = to.let(b.significand.sub(rest!));
    const isNearer = rest!.above(other).or(rest!.equals(other).and(quotient!.low().and(1)));
    to.if(nearest.isSet().and(isComplete).and(isNearer), () => {
      quotient!.set(quotient!.add(1));
      rest!.set(other);
      sign.set(sign.xor(SIGN));
    });
    const bit = (index: number, code: number): Expression =>
      select(quotient!.low().and(1 << index), constant('i32', code), constant('i32', 0));
    const codes = bit(2, FLAGS.C0).or(bit(1, FLAGS.C3)).or(bit(0, FLAGS.C1));
    const last = to.let(select(isComplete, codes, constant('i32', FLAGS.C2)).or(IS_QUOTIENT));
    this.finishRemainder(to, sign, rest!, b.exponent.add(skipped), last);
  }

  /** ±rest × 2^(exponent - 63), which is exact; a rest of zero has the dividend's sign. */
  private finishRemainder(
    to: Statements,
    sign: Expression,
    rest: Variable,
    exponent: Expression,
    last: Expression,
  ): void {
    to.if(rest.isZero(), () => finish(to, rest, sign, last));
    const zeros = to.let(rest.clz());
    this.finishRounded(to, sign, exponent.sub(zeros.low()), to.let(rest.shl(zeros)), last);
  }

  /** To all 64 bits, whatever the precision control says. */
  private finishRounded(
    to: Statements,
    sign: Expression,
    exponent: Expression,
    value: Expression,
    last?: Expression,
  ): void {
    const { packFully } = this.needs;
    const [significand, signExponent] = to.callMany(
      ['i64', 'i32'],
      packFully,
      sign,
      exponent,
      value,
      constant('i64', 0),
    );
    finish(to, significand!, signExponent!, last);
  }
}

/** The option of FPREM1. */
export const NEAREST = 1;

interface Division {
  readonly a: Unpacked;
  readonly b: Unpacked;
  /** Of the dividend. */
  readonly sign: Variable;
  readonly nearest: Variable;
}
