import { FSW as FLAGS } from '../../../evaluator/extended/context.js';
import type { Code } from '../../encoding/code.js';
import { constant, select, type Expression, type Statements, type Variable } from '../expression.js';
import { raise, roundingMode } from '../float-flags.js';
import { upperProduct } from '../wide-arithmetic.js';
import {
  INTEGER_BIT,
  MAX_EXPONENT,
  NO_SIGN,
  QUIET,
  SIGN,
  begin,
  control,
  finish,
  finishInvalid,
  isInfinite,
  isQuietNaN,
  isWild,
  isZero,
  noteDenormals,
  unpack,
  type Operands,
  type Parts,
} from './parts.js';

const UNORDERED = 0x45;
const LESS = 1;
const EQUAL = 0x40;

/** Indexes of functions that these call. */
export interface ExtendedNeeds {
  /** (x, y), of which one is a NaN or unsupported → the result. */
  readonly nan: number;
  /** Rounding to the precision of FCW.PC, and to all 64 bits: see pack.ts. */
  readonly pack: number;
  readonly packFully: number;
  readonly multiplyHigh: number;
  readonly divide: number;
}

/** FADD, FSUB, FMUL, FDIV, FSQRT and FCOM. */
export class ExtendedArithmetic {
  constructor(private readonly needs: ExtendedNeeds) {}

  sum(isDifference: boolean): Code {
    return ofNumbers(this.needs.nan, (to, { x, y, option }) => {
      if (isDifference) y.signExponent.set(y.signExponent.xor(SIGN));
      const differ = to.let(x.signExponent.xor(y.signExponent).and(SIGN).isSet());
      const infinite = [isInfinite(x), isInfinite(y)] as const;
      to.if(infinite[0].and(infinite[1]).and(differ), () => finishInvalid(to));
      noteDenormals(to, x, y, option);
      to.if(infinite[0], () => finish(to, x.significand, x.signExponent));
      to.if(infinite[1], () => finish(to, y.significand, y.signExponent));
      const zero = select(roundingMode(control()).equals(1), constant('i32', SIGN), constant('i32', 0));
      to.if(x.significand.or(y.significand).isZero(), () =>
        finish(to, constant('i64', 0), select(differ, zero, x.signExponent)),
      );
      const [a, b] = [unpack(to, x), unpack(to, y)];
      const sign = to.let(x.signExponent.and(SIGN));
      const isSmaller = a.exponent
        .less(b.exponent)
        .or(a.exponent.equals(b.exponent).and(a.significand.below(b.significand)));
      to.if(isSmaller, () => {
        exchange(to, a.exponent, b.exponent);
        exchange(to, a.significand, b.significand);
        sign.set(y.signExponent.and(SIGN));
      });
      // In 128 bits, of which one is spared for the carry.
      const [low, high] = [to.let(a.significand.shl(63)), to.let(a.significand.shr(1))];
      const other = shiftedRight128(to, b.significand, to.let(a.exponent.sub(b.exponent).add(1)));
      to.if(
        differ,
        () => {
          high.set(high.sub(other.high).sub(low.below(other.low).wide()));
          low.set(low.sub(other.low));
        },
        () => {
          low.set(low.add(other.low));
          high.set(high.add(other.high).add(low.below(other.low).wide()));
        },
      );
      to.if(high.or(low).isZero(), () => finish(to, high, zero));
      const exponent = to.let(a.exponent.add(1));
      normalize(to, high, low, exponent);
      this.finishRounded(to, sign, exponent, high, low);
    });
  }

  product(): Code {
    return ofNumbers(this.needs.nan, (to, { x, y, option }) => {
      const sign = to.let(x.signExponent.xor(y.signExponent).and(SIGN));
      const infinite = to.let(isInfinite(x).or(isInfinite(y)));
      const zero = to.let(isZero(x).or(isZero(y)));
      to.if(infinite.and(zero), () => finishInvalid(to));
      noteDenormals(to, x, y, option);
      to.if(infinite, () => finish(to, constant('i64', INTEGER_BIT), sign.or(MAX_EXPONENT)));
      to.if(zero, () => finish(to, constant('i64', 0), sign));
      const [a, b] = [unpack(to, x), unpack(to, y)];
      const high = to.let(upperProduct(to, a.significand, b.significand));
      const low = to.let(a.significand.mul(b.significand));
      const exponent = to.let(a.exponent.add(b.exponent).add(1));
      normalize(to, high, low, exponent);
      this.finishRounded(to, sign, exponent, high, low);
    });
  }

  quotient(): Code {
    return ofNumbers(this.needs.nan, (to, { x, y, option }) => {
      const sign = to.let(x.signExponent.xor(y.signExponent).and(SIGN));
      const [xInfinite, yInfinite] = [to.let(isInfinite(x)), to.let(isInfinite(y))];
      const [xZero, yZero] = [to.let(isZero(x)), to.let(isZero(y))];
      to.if(xInfinite.and(yInfinite).or(xZero.and(yZero)), () => finishInvalid(to));
      const infinity = (): void => finish(to, constant('i64', INTEGER_BIT), sign.or(MAX_EXPONENT));
      to.if(yZero, () => {
        to.if(xInfinite.isZero(), () => raise(to, FLAGS.ZE));
        infinity();
      });
      noteDenormals(to, x, y, option);
      to.if(xInfinite, infinity);
      to.if(xZero.or(yInfinite), () => finish(to, constant('i64', 0), sign));
      const [a, b] = [unpack(to, x), unpack(to, y)];
      const isLess = to.let(a.significand.below(b.significand));
      const exponent = to.let(a.exponent.sub(b.exponent).sub(isLess));
      const high = select(isLess, a.significand, a.significand.shr(1));
      const low = select(isLess, constant('i64', 0), a.significand.shl(63));
      const [digits, rest] = to.callMany(['i64', 'i64'], this.needs.divide, high, low, b.significand);
      // What is left against half of the divisor.
      const other = to.let(b.significand.sub(rest!));
      const half = select(rest!.below(other), constant('i64', 0), constant('i64', INTEGER_BIT));
      const below = half.or(rest!.isSet().and(rest!.differs(other)).wide());
      this.finishRounded(to, sign, exponent, digits!, to.let(below));
    });
  }

  /** The root of a radicand of 127 or 128 bits: that of a double, corrected by a step of Newton's iteration. */
  squareRoot(): Code {
    return ofNumbers(this.needs.nan, (to, { x, option }) => {
      to.if(isZero(x), () => finish(to, x.significand, x.signExponent));
      to.if(x.signExponent.and(SIGN), () => finishInvalid(to));
      noteDenormals(to, x, x, option);
      to.if(isInfinite(x), () => finish(to, x.significand, x.signExponent));
      const { significand, exponent } = unpack(to, x);
      const odd = to.let(exponent.and(1));
      const [high, low] = [
        to.let(select(odd, significand, significand.shr(1))),
        to.let(select(odd, constant('i64', 0), significand.shl(63))),
      ];
      const double = significand.shl(1).shr(12).add(odd.wide().add(1023).shl(52)).asDouble();
      // The root of the double is at most 2^12 too large.
      const root = to.let(
        double
          .unary('sqrt')
          .asBits()
          .shl(11)
          .or(INTEGER_BIT)
          .sub(1 << 12),
      );
      const rest = this.restOfSquare(to, root, high, low);
      root.set(root.add(rest.high.shl(50).or(rest.low.shr(14)).dividedBy(root.shr(13))).sub(1));
      const exact = this.restOfSquare(to, root, high, low);
      for (let i = 0; i < 2; i++)
        to.if(
          exact.high.above(root.shr(63)).or(exact.high.equals(root.shr(63)).and(exact.low.above(root.shl(1)))),
          () => {
            const next = to.let(root.shl(1).or(1));
            exact.high.set(exact.high.sub(root.shr(63)).sub(exact.low.below(next).wide()));
            exact.low.set(exact.low.sub(next));
            root.set(root.add(1));
          },
        );
      // What is left is at most twice the root; half a unit is reached beyond the root itself.
      const isMore = exact.high.isSet().or(exact.low.above(root));
      const below = select(isMore, constant('i64', 3n << 62n), exact.low.isSet().wide().shl(62));
      const half = exponent.sub(odd).binary('shr_s', 1);
      this.finishRounded(to, NO_SIGN, half, root, to.let(below));
    });
  }
  /** (high, low) less the square of `root`. */
  private restOfSquare(
    to: Statements,
    root: Variable,
    high: Variable,
    low: Variable,
  ): { high: Variable; low: Variable } {
    const square = to.let(root.mul(root));
    const upper = to.call('i64', this.needs.multiplyHigh, root, root);
    return { high: to.let(high.sub(upper).sub(low.below(square).wide())), low: to.let(low.sub(square)) };
  }

  comparison(): Code {
    const { code, to, x, y, option } = begin(() => [constant('i64', UNORDERED), NO_SIGN]);
    to.if(isWild(x).or(isWild(y)), () => {
      const isInvalid = (z: Parts): Expression => isWild(z).and(isQuietNaN(z).and(option.and(QUIET).isSet()).isZero());
      to.if(isInvalid(x).or(isInvalid(y)), () => raise(to, FLAGS.IE));
      finish(to, constant('i64', UNORDERED), constant('i32', 0));
    });
    noteDenormals(to, x, y, option);
    to.if(x.significand.or(y.significand).isZero(), () => finish(to, constant('i64', EQUAL), constant('i32', 0)));
    const [a, b] = [unpack(to, x), unpack(to, y)];
    const negative = to.let(x.signExponent.and(SIGN).isSet());
    const outcome = (isLess: Expression): Expression => select(isLess, constant('i64', LESS), constant('i64', 0));
    const differ = x.signExponent.xor(y.signExponent).and(SIGN);
    to.if(differ, () => finish(to, outcome(negative), constant('i32', 0)));
    const same = a.exponent.equals(b.exponent).and(a.significand.equals(b.significand));
    to.if(same, () => finish(to, constant('i64', EQUAL), constant('i32', 0)));
    const below = a.exponent.less(b.exponent).or(a.exponent.equals(b.exponent).and(a.significand.below(b.significand)));
    finish(to, outcome(below.xor(negative)), constant('i32', 0));
    return code;
  }

  private finishRounded(
    to: Statements,
    sign: Expression,
    exponent: Expression,
    high: Expression,
    low: Expression,
  ): void {
    const [significand, signExponent] = to.callMany(['i64', 'i32'], this.needs.pack, sign, exponent, high, low);
    finish(to, significand!, signExponent!);
  }
}

/** A function of two numbers, or of one given twice, after NaNs and what is unsupported. */
export function ofNumbers(nan: number, emit: (to: Statements, operands: Operands) => void): Code {
  const { code, to, x, y, option } = begin();
  to.if(isWild(x).or(isWild(y)), () => {
    const parameters = [x.significand, x.signExponent, y.significand, y.signExponent];
    const [significand, signExponent] = to.callMany(['i64', 'i32'], nan, ...parameters);
    finish(to, significand!, signExponent!);
  });
  emit(to, { x, y, option });
  return code;
}

function exchange(to: Statements, x: Variable, y: Variable): void {
  const before = to.let(x);
  x.set(y);
  y.set(before);
}

/** x × 2^64 shifted right by `count` (i32) from 1 on, in two halves, with the last bit set if bits were lost. */
function shiftedRight128(to: Statements, x: Variable, count: Variable): { high: Variable; low: Variable } {
  const high = to.let(constant('i64', 0));
  const low = to.let(constant('i64', 0));
  const back = constant('i32', 0).sub(count).wide();
  to.if(
    count.below(64),
    () => {
      high.set(x.shr(count.wide()));
      low.set(x.shl(back));
    },
    () => {
      const kept = select(count.equals(64), x, x.shr(count.wide()).or(x.shl(back).isSet().wide()));
      low.set(select(count.below(128), kept, x.isSet().wide()));
    },
  );
  return { high, low };
}

/** Shifts two halves, of which one is not 0, to the left until the upper one's first bit is set. */
function normalize(to: Statements, high: Variable, low: Variable, exponent: Variable): void {
  to.if(high.isZero(), () => {
    high.set(low);
    low.set(0);
    exponent.set(exponent.sub(64));
  });
  const zeros = to.let(high.clz());
  high.set(high.shl(zeros).or(low.shr(1).shr(constant('i64', 63).sub(zeros))));
  low.set(low.shl(zeros));
  exponent.set(exponent.sub(zeros.low()));
}
