import { MASK64 } from '../../../../bits.js';
import { ONE, PI, REDUCING_HALF_PI, arcTangent } from '../../../evaluator/extended/fixed-point.js';
import { FSW as FLAGS } from '../../../evaluator/extended/context.js';
import type { X87Function } from '../../../meaning/x87-vocabulary.js';
import { FSW } from '../../../meaning/isa/x87-state.js';
import { FLOAT_FLAGS, SECOND_RESULT, X87 } from '../../../state/layout.js';
import type { Code } from '../../encoding/code.js';
import type { WasmModule } from '../../encoding/module.js';
import { constant, load, select, type Expression, type Statements, type Variable } from '../expression.js';
import { ofNumbers, type ExtendedNeeds } from './arithmetic.js';
import {
  FINE,
  USUAL,
  add,
  difference,
  fractionOf,
  isSure,
  known,
  negateIf,
  normalize,
  shiftLeft,
  shiftedRight,
  type Fraction,
  type Fractions,
  type Precision,
} from './fractions.js';
import {
  BIAS,
  INTEGER_BIT,
  NO_SIGN,
  EXTENDED_TYPE,
  SIGN,
  begin,
  exponentOf,
  finish,
  finishInvalid,
  isInfinite,
  isZero,
  noteDenormals,
  unpack,
  type Operands,
  type Parts,
  type Unpacked,
} from './parts.js';
import { DOUBT_OF_SINES, addSines, addSlowSine, exponentOfSine } from './sines.js';
import { wordOf } from './transcendental.js';

/** The last result, if the number is too large for the function. */
export const OUT_OF_RANGE = 2;
/** FSIN, FCOS and FPTAN take numbers below 2^63. */
const BEYOND = 63;

/**
 * Of numbers below 2^-32, the second term of the series is less than a quarter of a unit in the last place, and more than
 * nothing.
 */
const TINY = -32;

/** Of numbers below 2^-20, the third term of the cosine's series is far below a unit in the last place. */
const SMALL = -19;
/** The square of a number of so few bits has no bits below 2^-128, down to TINY. */
const FEW_BITS = 24;

/** Half of the coefficients of arctan r / r in r², whose signs alternate, for r up to 1/8. */
const ARC_TANGENT = Array.from({ length: 22 }, (_, n) => ONE / BigInt(2 * (2 * n + 1)));

const QUARTER_PI = REDUCING_HALF_PI >> 1n;

/** The arctangents of 1/4 to 1. */
const ARC_TANGENTS = [1n, 2n, 3n, 4n].map((k) => arcTangent((k * ONE) / 4n));

/** An argument as ±r plus a number of quarter turns. */
interface Reduced {
  /** |r| = fraction × 2^exponent, where the first bit of the fraction is set. */
  readonly fraction: Fraction;
  readonly exponent: Variable;
  readonly negative: Variable;
  readonly turns: Variable;
}

/** A positive number: fraction × 2^exponent. */
interface Scaled {
  readonly fraction: Fraction;
  readonly exponent: Expression;
}

/** FSIN, FCOS, FSINCOS, FPTAN and FPATAN: evaluator/extended/transcendental.ts. */
export class ExtendedTrigonometric {
  private readonly sines: number;
  private readonly slowSine: number;

  constructor(
    module: WasmModule,
    private readonly needs: ExtendedNeeds,
    private readonly fractions: Fractions,
  ) {
    this.sines = addSines(module);
    this.slowSine = addSlowSine(module, fractions);
  }

  function(name: X87Function): Code {
    return ofNumbers(this.needs.nan, (to, { x, option }) => {
      to.if(isInfinite(x), () => finishInvalid(to));
      const sign = to.let(name === 'cosine' ? NO_SIGN : x.signExponent.and(SIGN));
      to.if(isZero(x), () => {
        if (name === 'cosine') finish(to, constant('i64', INTEGER_BIT), constant('i32', BIAS));
        else finish(to, x.significand, x.signExponent);
      });
      to.if(exponentOf(x).atLeast(BIAS + BEYOND), () =>
        finish(to, x.significand, x.signExponent, constant('i32', OUT_OF_RANGE)),
      );
      noteDenormals(to, x, x, option);
      const r = this.reduced(to, unpack(to, x));
      if (name === 'tangent') this.tangent(to, sign, r);
      else this.sineOrCosine(to, name, sign, r);
    });
  }

  /**
   * FSINCOS: the sine; the cosine is in SECOND_RESULT, unless the sine is no finite number. What needs more than sinesOf, and all that
   * is not ordinary, is left to the functions for one of them.
   */
  both(functions: Readonly<Record<'sine' | 'cosine', number>>): Code {
    const { code, to, x, option } = begin();
    const isInRange = exponentOf(x)
      .atLeast(BIAS + TINY)
      .and(exponentOf(x).below(BIAS + BEYOND));
    to.if(isInRange.and(x.significand.shr(63).low()), () => {
      const r = this.reduced(to, unpack(to, x));
      to.if(r.exponent.less(TINY).isZero(), () => this.ordinaryPair(to, x, r));
    });
    const resultOf = (name: 'sine' | 'cosine'): readonly Variable[] => {
      const { significand, signExponent } = x;
      const operands = [significand, signExponent, significand, signExponent];
      return to.callMany(EXTENDED_TYPE.results, functions[name], ...operands, option);
    };
    const status = to.let(load('i32.load16_u', X87 + FSW));
    const [sine, cosine] = [resultOf('sine'), resultOf('cosine')];
    const last = to.let(sine[2]!.or(cosine[2]!));
    to.if(last.and(1), () => to.store('i32.store16', X87 + FSW, status));
    storeSecond(to, { significand: cosine[0]!, signExponent: cosine[1]! });
    to.return(sine[0]!, sine[1]!, last);
    code.op('unreachable');
    return code;
  }

  /** Ends the function with sine and cosine if both are sure. */
  private ordinaryPair(to: Statements, x: Parts, r: Reduced): void {
    const pair = this.sinesOf(to, r);
    const signed = (name: 'sine' | 'cosine'): Scaled & { readonly sign: Variable } => {
      const sign = to.let(name === 'cosine' ? NO_SIGN : x.signExponent.and(SIGN));
      const { fraction, exponent } = chosen(to, this.turned(to, name, sign, r), pair);
      return { sign, fraction, exponent: to.let(exponent.sub(normalize(to, fraction))) };
    };
    const [sine, cosine] = [signed('sine'), signed('cosine')];
    to.if(isSure(sine.fraction, DOUBT_OF_SINES).and(isSure(cosine.fraction, DOUBT_OF_SINES)), () => {
      const first = this.fractions.rounded(to, sine.sign, sine.exponent, sine.fraction);
      // C1 is that of the cosine.
      to.store('i32.store', FLOAT_FLAGS, load('i32.load', FLOAT_FLAGS).and(~FLAGS.C1));
      storeSecond(to, this.fractions.rounded(to, cosine.sign, cosine.exponent, cosine.fraction));
      finish(to, first.significand, first.signExponent);
    });
  }

  /** Whether the sine or cosine of the argument is ± the cosine of r rather than its sine; `sign` becomes that of the result. */
  private turned(to: Statements, name: 'sine' | 'cosine', sign: Variable, r: Reduced): Variable {
    const turns = to.let(name === 'sine' ? r.turns : r.turns.add(1));
    const isCosine = to.let(turns.and(1));
    sign.set(sign.xor(turns.and(2).shl(14)));
    to.if(isCosine.isZero(), () => sign.set(sign.xor(r.negative.shl(15))));
    return isCosine;
  }

  /** Subtracts the nearest multiple of π/2, with nothing lost: what is left has 65 bits at most. */
  private reduced(to: Statements, x: Unpacked): Reduced {
    const fraction = wordOf(to, x.significand);
    const exponent = to.let(x.exponent.add(1));
    const negative = to.let(constant('i32', 0));
    const turns = to.let(constant('i32', 0));
    to.if(x.exponent.greater(-2), () => {
      // |x| × 2^HALF_PI_PLACES
      const by = to.let(x.exponent.add(1).wide());
      const whole = {
        high: to.let(x.significand.shr(constant('i64', 63).sub(by))),
        low: to.let(x.significand.shl(1).shl(by)),
      };
      const [top] = to.callMany(
        ['i64', 'i64'],
        this.needs.divide,
        whole.high.shr(2),
        whole.low.shr(2).or(whole.high.shl(62)),
        constant('i64', REDUCING_HALF_PI >> 2n),
      );
      // One too many at most.
      const multiple = {
        high: to.let(
          top!
            .mul(REDUCING_HALF_PI >> 64n)
            .add(to.call('i64', this.needs.multiplyHigh, top!, constant('i64', REDUCING_HALF_PI & MASK64))),
        ),
        low: to.let(top!.mul(REDUCING_HALF_PI & MASK64)),
      };
      const rest = difference(to, whole, multiple);
      negative.set(rest.high.less(0));
      negateIf(to, rest, negative);
      turns.set(top!.low());
      const isMore = rest.high
        .above(QUARTER_PI >> 64n)
        .or(rest.high.equals(QUARTER_PI >> 64n).and(rest.low.above(QUARTER_PI & MASK64)));
      to.if(isMore, () => {
        const other = difference(to, known(to, REDUCING_HALF_PI), rest);
        turns.set(turns.add(1).sub(negative.shl(1)));
        negative.set(negative.xor(1));
        rest.high.set(other.high);
        rest.low.set(other.low);
      });
      exponent.set(constant('i32', 63).sub(normalize(to, rest)));
      fraction.high.set(rest.high);
      fraction.low.set(rest.low);
    });
    return { fraction, exponent, negative, turns };
  }

  private sineOrCosine(to: Statements, name: 'sine' | 'cosine', sign: Variable, r: Reduced): void {
    const isCosine = this.turned(to, name, sign, r);
    to.if(r.exponent.less(TINY), () => {
      to.if(isCosine, () => this.fractions.finishBelow(to, sign, constant('i32', 1), constant('i64', INTEGER_BIT)));
      this.fractions.finishBelow(to, sign, r.exponent, r.fraction.high);
    });
    const { fraction, exponent } = chosen(to, isCosine, this.sinesOf(to, r));
    this.fractions.finishIfSure(to, sign, exponent, fraction, DOUBT_OF_SINES);
    to.if(isCosine, () => this.nearlyExactCosine(to, sign, r, this.squareOf(to, r)));
    const slow = this.slowly(to, r, isCosine);
    this.fractions.finish(to, sign, slow.exponent, slow.fraction, FINE);
    to.code.op('unreachable');
  }

  /** Of a small r with few bits, 1 - r²/2 may be a number, or half way between two: the cosine is a little more than it. */
  private nearlyExactCosine(to: Statements, sign: Expression, r: Reduced, square: Fraction): void {
    to.if(r.exponent.less(SMALL).and(r.fraction.high.shl(FEW_BITS).isZero()), () => {
      const half = shiftedRight(to, square, constant('i32', 1));
      negateIf(to, half, to.let(constant('i32', 1)));
      to.if(half.low.shl(1).isZero(), () => this.fractions.finishWords(to, sign, NO_SIGN, half.high, half.low.or(1)));
    });
  }

  /** Sine by cosine, or after an odd number of quarter turns, minus cosine by sine. */
  private tangent(to: Statements, sign: Variable, r: Reduced): void {
    const odd = to.let(r.turns.and(1));
    sign.set(sign.xor(r.negative.xor(odd).shl(15)));
    const isTiny = to.let(r.exponent.less(TINY));
    to.if(isTiny.and(odd.isZero()), () => this.fractions.finishAbove(to, sign, r.exponent, r.fraction.high));
    to.if(isTiny.and(r.fraction.high.equals(INTEGER_BIT)), () =>
      this.fractions.finishBelow(to, sign, constant('i32', 2).sub(r.exponent), constant('i64', INTEGER_BIT)),
    );
    const ratio = (sine: Scaled, cosine: Scaled, precision: Precision): Scaled => {
      const exponent = to.let(sine.exponent.sub(cosine.exponent));
      const [dividend, divisor] = [sine.fraction, cosine.fraction];
      to.if(odd, () => {
        exchange(to, dividend, divisor);
        exponent.set(constant('i32', 0).sub(exponent));
      });
      const zeros = normalize(to, divisor);
      // 2 / (1 + rest) is the reciprocal of a fraction whose first bit is set.
      shiftLeft(to, divisor, constant('i64', 1));
      const fraction = this.fractions.product(to, dividend, this.fractions.reciprocal(to, divisor, precision));
      return { fraction, exponent: exponent.add(zeros).add(1) };
    };
    const { sine, cosine } = this.sinesOf(to, r);
    const { fraction, exponent } = ratio(sine, cosine, USUAL);
    this.fractions.finishIfSure(to, sign, exponent, fraction, 2n * DOUBT_OF_SINES);
    const [yes, no] = [constant('i32', 1), constant('i32', 0)];
    const slow = ratio(this.slowly(to, r, no), this.slowly(to, r, yes), FINE);
    this.fractions.finish(to, sign, slow.exponent, slow.fraction, FINE);
    to.code.op('unreachable');
  }

  /** Sine and cosine to some 73 bits: see sines.ts. */
  private sinesOf(to: Statements, { fraction, exponent }: Scaled): { sine: Scaled; cosine: Scaled } {
    const { high, low } = fraction;
    const results = to.callMany(['i64', 'i64', 'i64', 'i64'], this.sines, high, low, exponent);
    const scaled = (i: number, by: Expression): Scaled => ({
      fraction: { high: results[i]!, low: results[i + 1]! },
      exponent: by,
    });
    return { sine: scaled(0, exponentOfSine(exponent)), cosine: scaled(2, constant('i32', 1)) };
  }

  /** Sine or cosine to 120 bits and more. */
  private slowly(to: Statements, { fraction, exponent }: Scaled, isCosine: Expression): Scaled {
    const { high, low } = fraction;
    const results = to.callMany(['i64', 'i64'], this.slowSine, high, low, exponent, isCosine);
    const scaled = select(isCosine, constant('i32', 1), exponent.add(1));
    return { fraction: { high: results[0]!, low: results[1]! }, exponent: scaled };
  }

  private squareOf(to: Statements, { fraction, exponent }: Scaled): Fraction {
    const square = this.fractions.product(to, fraction, fraction);
    return shiftedRight(to, square, constant('i32', 0).sub(exponent.shl(1)));
  }

  /** FPATAN: the angle of the point (x, y). */
  arctangent(): Code {
    return ofNumbers(this.needs.nan, (to, operands) => {
      const { x, y } = operands;
      const sign = to.let(y.signExponent.and(SIGN));
      const behind = to.let(x.signExponent.and(SIGN).isSet());
      this.specialArctangent(to, operands, sign, behind);
      const [a, b] = [unpack(to, x), unpack(to, y)];
      const same = a.significand.equals(b.significand).and(a.exponent.equals(b.exponent));
      to.if(same, () => {
        to.if(behind, () => this.fractions.finishKnown(to, sign, (3n * PI) / 4n));
        this.fractions.finishKnown(to, sign, PI / 4n);
      });
      const isHigher = b.significand.above(a.significand);
      const steep = to.let(b.exponent.greater(a.exponent).or(b.exponent.equals(a.exponent).and(isHigher)));
      const low = {
        significand: select(steep, a.significand, b.significand),
        exponent: select(steep, a.exponent, b.exponent),
      };
      const high = {
        significand: select(steep, b.significand, a.significand),
        exponent: select(steep, b.exponent, a.exponent),
      };
      const ratio = this.ratio(to, low, high);
      const isAlone = to.let(steep.or(behind).isZero());
      to.if(isAlone.and(ratio.exponent.less(TINY)), () => this.finishRatio(to, sign, ratio));
      this.finishAngle(to, { sign, behind, steep, isAlone }, ratio);
    });
  }

  private specialArctangent(to: Statements, { x, y, option }: Operands, sign: Variable, behind: Variable): void {
    const { fractions } = this;
    noteDenormals(to, x, y, option);
    const [xInfinite, yInfinite] = [to.let(isInfinite(x)), to.let(isInfinite(y))];
    to.if(isZero(y).or(xInfinite.and(yInfinite.isZero())), () => {
      to.if(behind, () => fractions.finishKnown(to, sign, PI));
      finish(to, constant('i64', 0), sign);
    });
    to.if(yInfinite.and(xInfinite), () => {
      to.if(behind, () => fractions.finishKnown(to, sign, (3n * PI) / 4n));
      fractions.finishKnown(to, sign, PI / 4n);
    });
    to.if(yInfinite.or(isZero(x)), () => fractions.finishKnown(to, sign, PI / 2n));
  }

  /** low / high, which is below 1: fraction × 2^exponent, and whether it is 64 bits and nothing more. */
  private ratio(
    to: Statements,
    low: { readonly significand: Expression; readonly exponent: Expression },
    high: { readonly significand: Expression; readonly exponent: Expression },
  ): Ratio {
    const [dividend, divisor] = [to.let(low.significand), to.let(high.significand)];
    const isLess = to.let(dividend.below(divisor));
    const exponent = to.let(low.exponent.sub(high.exponent).add(isLess.isZero()));
    const first = select(isLess, dividend, dividend.shr(1));
    const second = select(isLess, constant('i64', 0), dividend.shl(63));
    const { divide } = this.needs;
    const [digits, rest] = to.callMany(['i64', 'i64'], divide, first, second, divisor);
    const [more] = to.callMany(['i64', 'i64'], divide, rest!, constant('i64', 0), divisor);
    return { fraction: { high: digits!, low: more! }, exponent, isExact: to.let(rest!.isZero()) };
  }

  /** The arctangent of a tiny ratio: a little less than it. */
  private finishRatio(to: Statements, sign: Expression, { fraction, exponent, isExact }: Ratio): void {
    to.if(isExact, () => this.fractions.finishBelow(to, sign, exponent, fraction.high));
    to.if(exponent.less(2 * TINY), () =>
      this.fractions.finishWords(to, sign, exponent, fraction.high, fraction.low.or(1)),
    );
  }

  private finishAngle(to: Statements, { sign, behind, steep, isAlone }: Direction, ratio: Ratio): void {
    const { fractions } = this;
    const fraction = { high: to.let(ratio.fraction.high), low: to.let(ratio.fraction.low) };
    const exponent = to.let(ratio.exponent);
    // A quarter of the arctangent that is added: of the multiple k of 1/4 that is nearest.
    const base = known(to, 0n);
    const negative = to.let(constant('i32', 0));
    const plain = shiftedRight(to, fraction, constant('i32', 0).sub(exponent));
    to.if(plain.high.shr(61).isSet(), () => {
      const k = to.let(plain.high.shr(61).add(1).shr(1));
      // (ratio - k/4) / (1 + ratio × k/4)
      const quarter = shiftedRight(to, plain, constant('i32', 2));
      const rest = {
        high: to.let(quarter.high.mul(k).add(to.call('i64', this.needs.multiplyHigh, quarter.low, k))),
        low: to.let(quarter.low.mul(k)),
      };
      const distance = difference(to, plain, { high: k.shl(62), low: 0 });
      negative.set(distance.high.less(0));
      negateIf(to, distance, negative);
      const small = fractions.product(to, distance, fractions.reciprocal(to, rest));
      fraction.high.set(small.high);
      fraction.low.set(small.low);
      exponent.set(0);
      ARC_TANGENTS.forEach((angle, i) => {
        const known = fractionOf(angle / 4n);
        to.if(k.equals(i + 1), () => {
          base.high.set(known >> 64n);
          base.low.set(known & MASK64);
        });
      });
    });
    const half = fractions.series(to, ARC_TANGENT, this.squareOf(to, { fraction, exponent }), {
      below: 6,
      alternates: constant('i32', 1),
    });
    const angle = fractions.product(to, fraction, half);
    to.if(isAlone.and(base.high.isZero()), () => fractions.finish(to, sign, exponent.add(1), angle));
    const part = shiftedRight(to, angle, constant('i32', 1).sub(exponent));
    negateIf(to, part, negative);
    add(base, part);
    negateIf(to, base, to.let(steep.xor(behind)));
    const start = (isThere: Expression, value: bigint): void =>
      to.if(isThere, () => add(base, known(to, fractionOf(value / 4n))));
    start(steep, PI / 2n);
    start(behind.and(steep.isZero()), PI);
    fractions.finish(to, sign, constant('i32', 2), base);
  }
}

/** The cosine if `isCosine` is set, else the sine. */
function chosen(
  to: Statements,
  isCosine: Expression,
  { sine, cosine }: { readonly sine: Scaled; readonly cosine: Scaled },
): Scaled {
  const half = (name: 'high' | 'low'): Variable => to.let(select(isCosine, cosine.fraction[name], sine.fraction[name]));
  const fraction = { high: half('high'), low: half('low') };
  return { fraction, exponent: select(isCosine, cosine.exponent, sine.exponent) };
}

function storeSecond(to: Statements, { significand, signExponent }: Parts): void {
  to.store('i64.store', SECOND_RESULT, significand);
  to.store('i32.store', SECOND_RESULT + 8, signExponent);
}

interface Ratio extends Scaled {
  readonly exponent: Variable;
  /** It has no more than 64 bits. */
  readonly isExact: Variable;
}

interface Direction {
  /** Of y. */
  readonly sign: Variable;
  /** x is negative. */
  readonly behind: Variable;
  /** |y| is larger than |x|. */
  readonly steep: Variable;
  /** Neither: the angle is the arctangent itself. */
  readonly isAlone: Variable;
}

function exchange(to: Statements, x: Fraction, y: Fraction): void {
  for (const half of ['high', 'low'] as const) {
    const kept = to.let(x[half]);
    x[half].set(y[half]);
    y[half].set(kept);
  }
}
