import { FSW as FLAGS } from '../../../evaluator/extended/context.js';
import { F32, type FloatFormat } from '../../../evaluator/float/format.js';
import type { Code } from '../../encoding/code.js';
import { constant, select, type Expression, type Operand, type Statements, type Variable } from '../expression.js';
import { TRUNCATED } from '../float-functions.js';
import { raise, roundingMode } from '../float-flags.js';
import { ROUNDED_UP, roundToInteger } from '../lanes/rounding.js';
import { ofNumbers } from './arithmetic.js';
import {
  BIAS,
  INTEGER_BIT,
  MAX_EXPONENT,
  NO_SIGN,
  QUIET_BIT,
  SIGN,
  begin,
  control,
  finish,
  isInfinite,
  isUnsupported,
  isWild,
  isZero,
  noteDenormals,
  unpack,
  type Parts,
} from './parts.js';

const DIGITS = 18;
const DECIMAL_INDEFINITE = [constant('i64', 0xc000n << 48n), constant('i32', 0xffff)] as const;

/** Conversions between the extended format and the others: FLD, FST, FIST, FILD, FRNDINT, FBLD and FBSTP. */

/** Bits of a format. `pack` rounds to it: see lanes/functions.ts. */
export function toFloat(nan: number, format: FloatFormat, pack: number): Code {
  const { fractionBits, fractionMask, infinity, indefinite } = format;
  const { code, to, x } = begin(() => [constant('i64', indefinite), NO_SIGN]);
  const shift = format === F32 ? 16 : 48;
  const sign = to.let(x.signExponent.and(SIGN).wide().shl(shift));
  to.if(isWild(x), () => {
    const [significand] = to.callMany(
      ['i64', 'i32'],
      nan,
      x.significand,
      x.signExponent,
      x.significand,
      x.signExponent,
    );
    to.if(isUnsupported(x), () => finish(to, constant('i64', indefinite), NO_SIGN));
    const fraction = significand!.shr(63 - fractionBits).and(fractionMask);
    finish(to, sign.or(infinity).or(fraction), NO_SIGN);
  });
  to.if(isInfinite(x), () => finish(to, sign.or(infinity), NO_SIGN));
  to.if(isZero(x), () => finish(to, sign, NO_SIGN));
  const { significand, exponent } = unpack(to, x);
  finish(to, to.call('i64', pack, sign, exponent, significand, control()), NO_SIGN);
  return code;
}

/** The integer indefinite of the width in the option. */
function integerIndefinite(option: Expression): Expression {
  return constant('i64', 1).shl(option.and(0xff).sub(1).wide());
}

export function toInteger(): Code {
  const { code, to, x, option } = begin((given) => [integerIndefinite(given), NO_SIGN]);
  const indefinite = to.let(integerIndefinite(option));
  const invalid = (): void => {
    raise(to, FLAGS.IE);
    finish(to, indefinite, NO_SIGN);
  };
  to.if(isWild(x).or(isInfinite(x)), invalid);
  to.if(isZero(x), () => finish(to, constant('i64', 0), NO_SIGN));
  const negative = to.let(x.signExponent.and(SIGN).isSet());
  const { significand, exponent } = unpack(to, x);
  to.if(exponent.greater(63), invalid);
  const mode = select(option.and(TRUNCATED), constant('i32', 3), roundingMode(control()));
  const rounded = roundToInteger(to, { exponent, significand, negative, mode });
  to.if(rounded.magnitude.above(indefinite.sub(negative.isZero().wide())), invalid);
  noteInexact(to, rounded);
  finish(to, select(negative, constant('i64', 0).sub(rounded.magnitude), rounded.magnitude), NO_SIGN);
  return code;
}

/** A single or double as an extended number: FLD, with its exceptions, or an operand. */
export function widen(format: FloatFormat, loads: boolean): Code {
  const { code, to, x } = begin();
  const bits = x.significand;
  const { fractionBits, fractionMask, exponentMax, signMask, infinity } = format;
  const sign = to.let(
    bits
      .shr(format.width - 16)
      .low()
      .and(SIGN),
  );
  const magnitude = to.let(bits.and(signMask - 1n));
  const fraction = to.let(bits.and(fractionMask).shl(63 - fractionBits));
  const end = (significand: Expression, exponent: Expression, isDenormal = 0): void => {
    if (loads && isDenormal) raise(to, FLAGS.DE);
    if (loads) finish(to, significand, sign.or(exponent));
    else to.return(significand, sign.or(exponent), constant('i32', isDenormal));
  };
  to.if(magnitude.isZero(), () => end(magnitude, constant('i32', 0)));
  to.if(magnitude.atLeast(infinity), () => {
    if (loads)
      to.if(fraction.isSet().and(fraction.and(QUIET_BIT).isZero()), () => {
        raise(to, FLAGS.IE);
        fraction.set(fraction.or(QUIET_BIT));
      });
    end(fraction.or(INTEGER_BIT), constant('i32', MAX_EXPONENT));
  });
  to.if(magnitude.shr(fractionBits).isZero(), () => {
    const zeros = to.let(magnitude.clz());
    const exponent = constant('i32', BIAS + format.exponentMin - fractionBits + 63).sub(zeros.low());
    end(magnitude.shl(zeros), exponent, 1);
  });
  end(
    fraction.or(INTEGER_BIT),
    magnitude
      .shr(fractionBits)
      .low()
      .add(BIAS - exponentMax),
  );
  return code;
}

/** An integer of 64 bits as an extended number: FILD, or an operand. */
export function widenInteger(loads: boolean): Code {
  const { code, to, x } = begin();
  const value = x.significand;
  const negative = to.let(value.less(0n));
  const magnitude = to.let(select(negative, constant('i64', 0).sub(value), value));
  const { significand, signExponent } = ofMagnitude(to, magnitude, negative.shl(15));
  if (loads) finish(to, significand, signExponent);
  else to.return(significand, signExponent, NO_SIGN);
  return code.op('unreachable');
}

function noteInexact(to: Statements, { rest, up }: { rest: Variable; up: Variable }): void {
  to.if(rest.isSet(), () => raise(to, select(up, constant('i32', FLAGS.PE | ROUNDED_UP), constant('i32', FLAGS.PE))));
}

/** An integer given by its magnitude and its sign, 0 or 8000h, as an extended number. */
export function ofMagnitude(to: Statements, magnitude: Variable, sign: Operand): Parts {
  const zeros = to.let(magnitude.clz());
  const exponent = select(magnitude.isZero(), NO_SIGN, constant('i32', BIAS + 63).sub(zeros.low()));
  return { significand: to.let(magnitude.shl(zeros)), signExponent: to.let(exponent.or(sign)) };
}

/** FRNDINT. */
export function toWhole(nan: number): Code {
  return ofNumbers(nan, (to, { x, option }) => {
    noteDenormals(to, x, x, option);
    const itself = (): void => finish(to, x.significand, x.signExponent);
    to.if(isInfinite(x).or(isZero(x)), itself);
    const { significand, exponent } = unpack(to, x);
    to.if(exponent.greater(62), itself);
    const negative = to.let(x.signExponent.and(SIGN).isSet());
    const rounded = roundToInteger(to, { exponent, significand, negative, mode: roundingMode(control()) });
    noteInexact(to, rounded);
    const whole = ofMagnitude(to, rounded.magnitude, x.signExponent.and(SIGN));
    finish(to, whole.significand, whole.signExponent);
  });
}

/** FBSTP: the digits, sixteen in the first part. */
export function toDecimal(): Code {
  const { code, to, x } = begin(() => DECIMAL_INDEFINITE);
  const invalid = (): void => {
    raise(to, FLAGS.IE);
    finish(to, ...DECIMAL_INDEFINITE);
  };
  to.if(isWild(x).or(isInfinite(x)), invalid);
  const sign = to.let(x.signExponent.and(SIGN));
  to.if(isZero(x), () => finish(to, constant('i64', 0), sign));
  const { significand, exponent } = unpack(to, x);
  to.if(exponent.greater(62), invalid);
  const rounded = roundToInteger(to, { exponent, significand, negative: sign.isSet(), mode: roundingMode(control()) });
  const left = rounded.magnitude;
  to.if(left.atLeast(10n ** BigInt(DIGITS)), invalid);
  noteInexact(to, rounded);
  const digits = to.let(constant('i64', 0));
  const shift = to.let(constant('i64', 0));
  to.loop(() => {
    digits.set(digits.or(left.remainderBy(10).shl(shift)));
    left.set(left.dividedBy(10));
    shift.set(shift.add(4));
    return shift.below(64);
  });
  finish(to, digits, left.dividedBy(10).shl(4).or(left.remainderBy(10)).low().or(sign));
  return code;
}

/** FBLD: digits above 9 give what their sum gives. */
export function ofDecimal(): Code {
  const { code, to, x } = begin();
  const digit = (index: Expression): Expression => x.signExponent.shr(index).and(15).wide();
  const value = to.let(
    digit(constant('i32', 4))
      .mul(10)
      .add(digit(constant('i32', 0))),
  );
  const shift = to.let(constant('i64', 64));
  to.loop(() => {
    shift.set(shift.sub(4));
    value.set(value.mul(10).add(x.significand.shr(shift).and(15)));
    return shift.isSet();
  });
  const { significand, signExponent } = ofMagnitude(to, value, x.signExponent.and(SIGN));
  to.return(significand, signExponent, NO_SIGN);
  return code.op('unreachable');
}
