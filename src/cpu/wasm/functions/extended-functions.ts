import { F32, F64, type FloatFormat } from '../../evaluator/float/format.js';
import { FSW as FLAGS } from '../../evaluator/extended/context.js';
import { FCW, FSW, X87_EXCEPTIONS } from '../../meaning/isa/x87-state.js';
import { FLOAT_FLAGS, X87 } from '../../state/layout.js';
import { Code } from '../encoding/code.js';
import type { WasmModule } from '../encoding/module.js';
import { Statements, constant, load, select, type Expression, type Variable } from './expression.js';
import { addExtendedPack } from './extended-pack.js';
import { TRUNCATED } from './float-functions.js';
import { raise, roundingMode } from './float-flags.js';
import { ROUNDED_UP, roundToInteger, type LaneFunctions } from './float-lanes.js';

/**
 * The common arithmetic of the x87 FPU, as evaluator/extended does it with bigints. All functions have one type: two numbers,
 * each a significand (i64) and its sign and exponent (i32), and an option, to a result of two such parts and whether an
 * unmasked exception was raised; if not, FSW has the exceptions and C1.
 */
export type ExtendedFunction =
  | `x87.${'add' | 'subtract' | 'multiply' | 'divide'}`
  /** ZF PF CF as the first part; the option may have QUIET. */
  | 'x87.compare'
  /** Bits of the format as the first part. */
  | 'x87.toSingle'
  | 'x87.toDouble'
  /** The option is the width, plus TRUNCATED. */
  | 'x87.toInteger'
  /** Of the bits of a format; of integers, those of 64 bits. */
  | 'x87.loadSingle'
  | 'x87.loadDouble'
  /** The same without exceptions, for operands; the last result tells whether it was a denormal. */
  | 'x87.widenSingle'
  | 'x87.widenDouble'
  | 'x87.widenInteger';

export const EXTENDED_TYPE = {
  parameters: ['i64', 'i32', 'i64', 'i32', 'i32'],
  results: ['i64', 'i32', 'i32'],
} as const;

/** Options: an operand was a denormal in memory; QNaNs are valid. */
const HAS_DENORMAL = 1;
export const QUIET = 2;

const SIGN = 0x8000;
const MAX_EXPONENT = 0x7fff;
const BIAS = 16383;
const INTEGER_BIT = 1n << 63n;
const QUIET_BIT = 1n << 62n;
const UNORDERED = 0x45;
const LESS = 1;
const EQUAL = 0x40;

/** A number as the parameters or results of a function. */
interface Parts {
  readonly significand: Variable;
  readonly signExponent: Variable;
}

/** A finite number: ±significand × 2^(exponent - 63); of zero, the significand is 0. */
interface Unpacked {
  readonly significand: Variable;
  readonly exponent: Variable;
}

interface Operands {
  readonly x: Parts;
  readonly y: Parts;
  readonly option: Variable;
}

/** Functions of other files that these call. */
export interface ExtendedNeeds {
  readonly multiplyHigh: number;
  readonly divide: number;
  readonly f32: LaneFunctions;
  readonly f64: LaneFunctions;
}

export function addExtendedFunctions(module: WasmModule, needs: ExtendedNeeds): ReadonlyMap<ExtendedFunction, number> {
  const functions = new ExtendedFunctions(module, needs);
  const indexes = new Map<ExtendedFunction, number>();
  const add = (name: ExtendedFunction, code: Code): void => {
    indexes.set(name, module.add(module.type(EXTENDED_TYPE.parameters, EXTENDED_TYPE.results), code, name));
  };
  add('x87.add', functions.sum(false));
  add('x87.subtract', functions.sum(true));
  add('x87.multiply', functions.product());
  add('x87.divide', functions.quotient());
  add('x87.compare', functions.comparison());
  add('x87.toSingle', functions.toFloat(F32, needs.f32.pack));
  add('x87.toDouble', functions.toFloat(F64, needs.f64.pack));
  add('x87.toInteger', functions.toInteger());
  add('x87.loadSingle', functions.widen(F32, true));
  add('x87.loadDouble', functions.widen(F64, true));
  add('x87.widenSingle', functions.widen(F32, false));
  add('x87.widenDouble', functions.widen(F64, false));
  add('x87.widenInteger', functions.widenInteger());
  return indexes;
}

class ExtendedFunctions {
  private readonly nan: number;
  private readonly pack: number;

  constructor(
    module: WasmModule,
    private readonly needs: ExtendedNeeds,
  ) {
    this.nan = addNaN(module);
    this.pack = addExtendedPack(module);
  }

  sum(isDifference: boolean): Code {
    return this.arithmetic((to, { x, y, option }) => {
      if (isDifference) y.signExponent.set(y.signExponent.xor(SIGN));
      const differ = to.let(x.signExponent.xor(y.signExponent).and(SIGN).isSet());
      const infinite = [isInfinite(x), isInfinite(y)] as const;
      to.if(infinite[0].and(infinite[1]).and(differ), () => this.finishInvalid(to));
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
    return this.arithmetic((to, { x, y, option }) => {
      const sign = to.let(x.signExponent.xor(y.signExponent).and(SIGN));
      const infinite = to.let(isInfinite(x).or(isInfinite(y)));
      const zero = to.let(isZero(x).or(isZero(y)));
      to.if(infinite.and(zero), () => this.finishInvalid(to));
      noteDenormals(to, x, y, option);
      to.if(infinite, () => finish(to, constant('i64', INTEGER_BIT), sign.or(MAX_EXPONENT)));
      to.if(zero, () => finish(to, constant('i64', 0), sign));
      const [a, b] = [unpack(to, x), unpack(to, y)];
      const high = to.call('i64', this.needs.multiplyHigh, a.significand, b.significand);
      const low = to.let(a.significand.mul(b.significand));
      const exponent = to.let(a.exponent.add(b.exponent).add(1));
      normalize(to, high, low, exponent);
      this.finishRounded(to, sign, exponent, high, low);
    });
  }

  quotient(): Code {
    return this.arithmetic((to, { x, y, option }) => {
      const sign = to.let(x.signExponent.xor(y.signExponent).and(SIGN));
      const [xInfinite, yInfinite] = [to.let(isInfinite(x)), to.let(isInfinite(y))];
      const [xZero, yZero] = [to.let(isZero(x)), to.let(isZero(y))];
      to.if(xInfinite.and(yInfinite).or(xZero.and(yZero)), () => this.finishInvalid(to));
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

  comparison(): Code {
    const { code, to, x, y, option } = begin();
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

  toFloat(format: FloatFormat, pack: number): Code {
    const { code, to, x } = begin();
    const { fractionBits, fractionMask, infinity, indefinite } = format;
    const shift = format === F32 ? 16 : 48;
    const sign = to.let(x.signExponent.and(SIGN).wide().shl(shift));
    const none = constant('i32', 0);
    to.if(isWild(x), () => {
      const [significand] = to.callMany(
        ['i64', 'i32'],
        this.nan,
        x.significand,
        x.signExponent,
        x.significand,
        x.signExponent,
      );
      to.if(isUnsupported(x), () => finish(to, constant('i64', indefinite), none));
      const fraction = significand!.shr(63 - fractionBits).and(fractionMask);
      finish(to, sign.or(infinity).or(fraction), none);
    });
    to.if(isInfinite(x), () => finish(to, sign.or(infinity), none));
    to.if(isZero(x), () => finish(to, sign, none));
    const { significand, exponent } = unpack(to, x);
    finish(to, to.call('i64', pack, sign, exponent, significand, control()), none);
    return code;
  }

  toInteger(): Code {
    const { code, to, x, option } = begin();
    const none = constant('i32', 0);
    const indefinite = to.let(constant('i64', 1).shl(option.and(0xff).sub(1).wide()));
    const invalid = (): void => {
      raise(to, FLAGS.IE);
      finish(to, indefinite, none);
    };
    to.if(isWild(x).or(isInfinite(x)), invalid);
    to.if(isZero(x), () => finish(to, constant('i64', 0), none));
    const negative = to.let(x.signExponent.and(SIGN).isSet());
    const { significand, exponent } = unpack(to, x);
    to.if(exponent.greater(63), invalid);
    const mode = select(option.and(TRUNCATED), constant('i32', 3), roundingMode(control()));
    const rounded = roundToInteger(to, { exponent, significand, negative, mode });
    to.if(rounded.magnitude.above(indefinite.sub(negative.isZero().wide())), invalid);
    to.if(rounded.rest.isSet(), () =>
      raise(to, select(rounded.up, constant('i32', FLAGS.PE | ROUNDED_UP), constant('i32', FLAGS.PE))),
    );
    finish(to, select(negative, constant('i64', 0).sub(rounded.magnitude), rounded.magnitude), none);
    return code;
  }

  /** A single or double as an extended number: FLD, with its exceptions, or an operand. */
  widen(format: FloatFormat, loads: boolean): Code {
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

  widenInteger(): Code {
    const { code, to, x } = begin();
    const value = x.significand;
    const none = constant('i32', 0);
    to.if(value.isZero(), () => to.return(value, none, none));
    const negative = to.let(value.less(0n));
    const magnitude = to.let(select(negative, constant('i64', 0).sub(value), value));
    const zeros = to.let(magnitude.clz());
    const exponent = constant('i32', BIAS + 63).sub(zeros.low());
    to.return(magnitude.shl(zeros), exponent.or(negative.shl(15)), none);
    return code.op('unreachable');
  }

  /** A function of two numbers, after NaNs and what is unsupported. */
  private arithmetic(emit: (to: Statements, operands: Operands) => void): Code {
    const { code, to, x, y, option } = begin();
    to.if(isWild(x).or(isWild(y)), () => {
      const parameters = [x.significand, x.signExponent, y.significand, y.signExponent];
      const [significand, signExponent] = to.callMany(['i64', 'i32'], this.nan, ...parameters);
      finish(to, significand!, signExponent!);
    });
    emit(to, { x, y, option });
    return code;
  }

  private finishRounded(
    to: Statements,
    sign: Expression,
    exponent: Expression,
    high: Expression,
    low: Expression,
  ): void {
    const [significand, signExponent] = to.callMany(['i64', 'i32'], this.pack, sign, exponent, high, low);
    finish(to, significand!, signExponent!);
  }
  private finishInvalid(to: Statements): void {
    raise(to, FLAGS.IE);
    finish(to, constant('i64', INTEGER_BIT | QUIET_BIT), constant('i32', SIGN | MAX_EXPONENT));
  }
}

function begin(): { code: Code; to: Statements } & Operands {
  const code = new Code(EXTENDED_TYPE.parameters);
  const to = new Statements(code);
  const parts = (first: number): Parts => ({
    significand: to.parameter('i64', first),
    signExponent: to.parameter('i32', first + 1),
  });
  to.store('i32.store', FLOAT_FLAGS, constant('i32', 0));
  return { code, to, x: parts(0), y: parts(2), option: to.parameter('i32', 4) };
}

/** Returns, with FSW brought up to date unless an exception is unmasked. */
function finish(to: Statements, significand: Expression, signExponent: Expression): void {
  const [first, second] = [to.let(significand), to.let(signExponent)];
  const flags = to.let(load('i32.load', FLOAT_FLAGS));
  const isUnmasked = flags.and(X87_EXCEPTIONS).and(load('i32.load16_u', X87 + FCW).xor(-1));
  to.if(isUnmasked, () => to.return(first, second, constant('i32', 1)));
  const status = load('i32.load16_u', X87 + FSW).and(~FLAGS.C1);
  to.store('i32.store16', X87 + FSW, status.or(flags));
  to.return(first, second, constant('i32', 0));
  to.code.op('unreachable');
}

/** FCW in the form of MXCSR. */
function control(): Expression {
  const word = load('i32.load16_u', X87 + FCW);
  return word.and(X87_EXCEPTIONS).shl(7).or(word.and(0xc00).shl(3));
}

function exponentOf(x: Parts): Expression {
  return x.signExponent.and(MAX_EXPONENT);
}
function isInfinite(x: Parts): Expression {
  return exponentOf(x).equals(MAX_EXPONENT).and(x.significand.equals(INTEGER_BIT));
}
function isZero(x: Parts): Expression {
  return x.significand.isZero();
}
/** An exponent that calls for an integer bit, without one. */
function isUnsupported(x: Parts): Expression {
  return exponentOf(x).isSet().and(x.significand.shr(63).isZero());
}
/** Whether x is a NaN or unsupported. */
function isWild(x: Parts): Expression {
  const isNaN = exponentOf(x).equals(MAX_EXPONENT).and(x.significand.shl(1).isSet());
  return isNaN.or(isUnsupported(x));
}
function isQuietNaN(x: Parts): Expression {
  return exponentOf(x).equals(MAX_EXPONENT).and(x.significand.shr(62).equals(3n));
}

function noteDenormals(to: Statements, x: Parts, y: Parts, option: Expression): void {
  const isDenormal = (z: Parts): Expression => exponentOf(z).isZero().and(z.significand.isSet());
  const any = isDenormal(x).or(isDenormal(y)).or(option.and(HAS_DENORMAL));
  to.if(any, () => raise(to, FLAGS.DE));
}

function unpack(to: Statements, x: Parts): Unpacked {
  const zeros = to.let(x.significand.clz());
  const field = to.let(exponentOf(x));
  const exponent = to.let(select(field.isZero(), constant('i32', 1), field).sub(BIAS).sub(zeros.low()));
  return { significand: to.let(x.significand.shl(zeros)), exponent };
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

/**
 * Adds (x, y), of which one is a NaN or unsupported → the result, as evaluator/extended/operand.ts has it; IE if one is
 * signaling or unsupported.
 */
function addNaN(module: WasmModule): number {
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
    to.return(constant('i64', INTEGER_BIT | QUIET_BIT), constant('i32', SIGN | MAX_EXPONENT));
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
