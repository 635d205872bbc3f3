import { MXCSR } from '../../evaluator/float/mxcsr.js';
import { NEGATES } from '../../meaning/fused.js';
import { OUTCOMES, PREDICATES } from '../../meaning/predicates.js';
import { F16, F32, F64, type FloatFormat } from '../../evaluator/float/format.js';
import { Code } from '../encoding/code.js';
import type { WasmModule } from '../encoding/module.js';
import { Statements, constant, select, type Expression, type Variable } from './expression.js';
import { emitOrdinary } from './ordinary-lanes.js';
import { raise, roundingMode } from './float-flags.js';

/*
 * IEEE 754 arithmetic of one lane in integers, for all operands and every MXCSR: what evaluator/float computes with bigints.
 * A lane is an i64, zero-extended for singles. Exceptions are added to FLOAT_FLAGS; if one of them is unmasked, the result
 * means nothing.
 *
 * A finite number that is not zero is unpacked to ±significand × 2^(exponent - 63), with bit 63 of the significand set. A
 * significand that is not exact has bits enough that its last one, set if anything nonzero follows, is not rounded to.
 */

/** Indexes of the functions for one format. Parameters are lanes (i64), the control word or truth values (i32). */
export interface LaneFunctions {
  /** (x, y, control) → lane */
  readonly add: number;
  readonly sub: number;
  readonly mul: number;
  readonly div: number;
  readonly min: number;
  readonly max: number;
  /** (x, y, z, option, control) → lane: see meaning/fused.ts, of an even lane */
  readonly fused: number;
  /** (x, control) → lane */
  readonly sqrt: number;
  /** (x, control of ROUNDSS, control) → lane */
  readonly round: number;
  /** (x, y, signaling, control) → ZF PF CF, i64; every NaN is invalid if `signaling` */
  readonly compare: number;
  /** (x, y, predicate, control) → all ones or zeros in i64 */
  readonly predicate: number;
  /** (integer, control) → lane */
  readonly fromInteger: number;
  /** (x, bits, control) → integer of 16, 32 or 64 bits in i64, rounded as the control word says */
  readonly toInteger: number;
  /** (x, control) → lane of the other format */
  readonly toOther: number;
  /** (sign, exponent, significand, control) → lane, rounded; `sign` is 0 or the sign bit in its place */
  readonly pack: number;
}

/** Rounding away from zero: where C1 is in the status word of the x87 FPU. */
export const ROUNDED_UP = 1 << 9;

/** Values of the rounding control. */
const DOWN = 1;
const UP = 2;
const ZERO = 3;

/** ZF PF CF of the outcomes of a comparison. */
const UNORDERED = 0x45;
const LESS = 1;
const EQUAL = 0x40;

/** Functions that the formats share. */
export interface CommonFunctions {
  /** (x, y) → the upper half of the product of two unsigned i64. */
  readonly multiplyHigh: number;
  /** (high, low, count) → high and low shifted right, the last bit set if bits were lost that are not zero. */
  readonly shiftRightWide: number;
}

/** (x, control) → lane, between halves and singles. */
export interface HalfFunctions {
  readonly toSingle: number;
  readonly ofSingle: number;
}

export interface FloatLanes {
  readonly f32: LaneFunctions;
  readonly f64: LaneFunctions;
  readonly halves: HalfFunctions;
}

export function addLaneFunctions(module: WasmModule, common: CommonFunctions): FloatLanes {
  const packs = { f16: addPack(module, F16), f32: addPack(module, F32), f64: addPack(module, F64) };
  const of = (format: FloatFormat, pack: number, other: FloatFormat, otherPack: number): LaneFunctions => {
    const lanes = new Lanes(module, format, pack, common);
    return {
      ...{ add: lanes.add('add'), sub: lanes.add('sub'), mul: lanes.mul(), div: lanes.div(), sqrt: lanes.sqrt() },
      fused: lanes.fused(),
      ...lanes.comparisons(),
      ...{ fromInteger: lanes.fromInteger(), toInteger: lanes.toInteger(), round: lanes.round(pack) },
      ...{ toOther: lanes.toOther(other, otherPack), pack },
    };
  };
  const halves = {
    toSingle: new Lanes(module, F16, packs.f16, common).toOther(F32, packs.f32, 'quietly'),
    ofSingle: new Lanes(module, F32, packs.f32, common).toOther(F16, packs.f16),
  };
  return { f32: of(F32, packs.f32, F64, packs.f64), f64: of(F64, packs.f64, F32, packs.f32), halves };
}

/**
 * Whether rounding moves a magnitude away from zero: `last` is its last bit, `rest` (i64) what was cut off and `half` half
 * a unit in the same scale. SDM Vol. 1 4.8.4 "Rounding".
 */
export function roundsAway(
  mode: Expression,
  negative: Expression,
  { last, rest, half }: { last: Expression; rest: Expression; half: bigint },
): Expression {
  const nearest = rest.above(half).or(rest.equals(half).and(last));
  const directed = rest.isSet().and(mode.equals(select(negative, constant('i32', DOWN), constant('i32', UP))));
  return select(mode.isZero(), nearest, directed);
}

/** x shifted right, `count` (i32) from 1 on, with the last bit set if bits were lost that are not zero. */
export function shiftedRight(x: Expression, count: Expression): Expression {
  const lost = x.shl(constant('i32', 0).sub(count).wide()).isSet().wide();
  return select(count.below(64), x.shr(count.wide()).or(lost), x.isSet().wide());
}

/** Rounds to a format, as evaluator/float/round.ts does. */
function addPack(module: WasmModule, format: FloatFormat): number {
  const code = new Code(['i64', 'i32', 'i64', 'i32']);
  const to = new Statements(code);
  const [sign, exponent, significand] = [to.parameter('i64', 0), to.parameter('i32', 1), to.parameter('i64', 2)];
  const control = to.parameter('i32', 3);
  const spare = 64 - format.precision;
  const half = 1n << BigInt(spare - 1);
  const mode = to.let(roundingMode(control));
  const negative = to.let(sign.isSet());
  const kept = to.let(significand.shr(spare));
  const rest = to.let(significand.and(2n * half - 1n));
  const up = to.let(constant('i32', 0));
  const round = (): void => {
    kept.set(significand.shr(spare));
    rest.set(significand.and(2n * half - 1n));
    up.set(roundsAway(mode, negative, { last: kept.low().and(1), rest, half }));
  };
  const noteInexact = (flags: number): void =>
    to.if(rest.isSet(), () => raise(to, select(up, constant('i32', ROUNDED_UP | flags), constant('i32', flags))));
  round();
  to.if(exponent.less(format.exponentMin), () => {
    // Underflow is detected after rounding, as if the exponent were unbounded.
    const carries = kept.add(up.wide()).equals(1n << BigInt(format.precision));
    to.if(exponent.less(format.exponentMin - 1).or(carries.isZero()), () => {
      to.if(control.and(MXCSR.UM).isZero(), () => {
        raise(to, MXCSR.UE);
        to.return(sign);
      });
      to.if(control.and(MXCSR.FTZ), () => {
        raise(to, MXCSR.UE | MXCSR.PE);
        to.return(sign);
      });
      significand.set(shiftedRight(significand, constant('i32', format.exponentMin).sub(exponent)));
      round();
      noteInexact(MXCSR.UE | MXCSR.PE);
      to.return(sign.or(kept.add(up.wide())));
    });
  });
  // The integer bit adds 1 to the exponent's field, and so does a carry.
  const field = exponent
    .add(format.exponentMax - 1)
    .wideSigned()
    .shl(format.fractionBits);
  const magnitude = to.let(field.add(kept).add(up.wide()));
  to.if(exponent.greater(format.exponentMax).or(magnitude.atLeast(format.infinity)), () => {
    const towardsZero = mode.equals(ZERO).or(mode.equals(select(negative, constant('i32', UP), constant('i32', DOWN))));
    const cut = to.let(towardsZero);
    const flags = MXCSR.OE | MXCSR.PE;
    raise(to, select(cut, constant('i32', flags), constant('i32', flags | ROUNDED_UP)));
    to.return(sign.or(constant('i64', format.infinity).sub(cut.wide())));
  });
  noteInexact(MXCSR.PE);
  sign.or(magnitude).push(code);
  return module.add(module.type(['i64', 'i32', 'i64', 'i32'], ['i64']), code);
}

/** A number apart from its sign. */
interface Unpacked {
  readonly exponent: Variable;
  readonly significand: Variable;
}

type Binary = (to: Statements, x: Variable, y: Variable, control: Variable) => void;
type Operation = 'add' | 'sub' | 'mul' | 'div';

class Lanes {
  private readonly nan: number;

  constructor(
    private readonly module: WasmModule,
    private readonly format: FloatFormat,
    private readonly pack: number,
    private readonly common: CommonFunctions,
  ) {
    this.nan = this.addNaN();
  }

  add(operation: 'add' | 'sub'): number {
    return this.binary(operation, (to, x, y, control) => {
      const { signMask } = this.format;
      if (operation === 'sub') y.set(y.xor(signMask));
      to.if(this.isSpecial(x).or(this.isSpecial(y)), () => {
        to.if(this.isSpecial(x).and(this.isSpecial(y)).and(x.differs(y)), () => this.invalid(to));
        this.noteDenormals(to, x, y);
        to.return(select(this.isSpecial(x), x, y));
      });
      this.noteDenormals(to, x, y);
      const sign = to.let(x.and(signMask));
      to.if(this.magnitude(x).or(this.magnitude(y)).isZero(), () => {
        to.return(select(x.equals(y), x, this.zeroOfDifference(control)));
      });
      const differ = to.let(x.xor(y).and(signMask).isSet());
      // The larger magnitude comes first; one bit is spared for the carry.
      const [larger, smaller] = [to.let(this.magnitude(x)), to.let(this.magnitude(y))];
      to.if(larger.below(smaller), () => {
        const other = to.let(larger);
        larger.set(smaller);
        smaller.set(other);
        sign.set(y.and(signMask));
      });
      const [a, b] = [this.unpack(to, larger), this.unpack(to, smaller)];
      const distance = to.let(a.exponent.sub(b.exponent).add(1));
      const aligned = to.let(shiftedRight(b.significand, distance));
      const total = to.let(a.significand.shr(1));
      total.set(select(differ, total.sub(aligned), total.add(aligned)));
      to.if(total.isZero(), () => to.return(this.zeroOfDifference(control)));
      const zeros = to.let(total.clz());
      const exponent = a.exponent.add(1).sub(zeros.low());
      to.return(to.call('i64', this.pack, sign, exponent, total.shl(zeros), control));
    });
  }

  mul(): number {
    return this.binary('mul', (to, x, y, control) => {
      const { infinity } = this.format;
      const sign = to.let(x.xor(y).and(this.format.signMask));
      const isInfinite = this.isSpecial(x).or(this.isSpecial(y));
      const isZero = this.magnitude(x).isZero().or(this.magnitude(y).isZero());
      to.if(isInfinite.and(isZero), () => this.invalid(to));
      this.noteDenormals(to, x, y);
      to.if(isInfinite, () => to.return(sign.or(infinity)));
      to.if(isZero, () => to.return(sign));
      const [a, b] = [this.unpack(to, x), this.unpack(to, y)];
      const high = to.call('i64', this.common.multiplyHigh, a.significand, b.significand);
      const low = to.let(a.significand.mul(b.significand));
      const exponent = to.let(a.exponent.add(b.exponent).add(1));
      to.if(high.shr(63).isZero(), () => {
        high.set(high.shl(1).or(low.shr(63)));
        low.set(low.shl(1));
        exponent.set(exponent.sub(1));
      });
      to.return(to.call('i64', this.pack, sign, exponent, high.or(low.isSet().wide()), control));
    });
  }

  /** Adds the exact product of 128 bits and the addend, as long and with a bit to spare for the carry. */
  fused(): number {
    const { to, x, y, z, option, control } = this.ternary();
    const { infinity, signMask } = this.format;
    const sign = to.let(x.xor(y).and(signMask));
    to.if(option.and(NEGATES.product), () => sign.set(sign.xor(signMask)));
    to.if(option.and(NEGATES.even), () => z.set(z.xor(signMask)));
    const isInfinite = to.let(this.isSpecial(x).or(this.isSpecial(y)));
    const isZero = to.let(this.magnitude(x).isZero().or(this.magnitude(y).isZero()));
    const isOpposed = this.isSpecial(z).and(sign.differs(z.and(signMask)));
    to.if(isInfinite.and(isZero.or(isOpposed)), () => this.invalid(to));
    this.noteDenormals(to, x, y, z);
    to.if(isInfinite, () => to.return(sign.or(infinity)));
    to.if(this.isSpecial(z), () => to.return(z));
    to.if(isZero.and(this.magnitude(z).isZero()), () =>
      to.return(select(sign.equals(z), z, this.zeroOfDifference(control))),
    );
    const c = this.unpack(to, z);
    to.if(isZero, () => to.return(to.call('i64', this.pack, z.and(signMask), c.exponent, c.significand, control)));
    const [a, b] = [this.unpack(to, x), this.unpack(to, y)];
    const product = {
      high: to.call('i64', this.common.multiplyHigh, a.significand, b.significand),
      low: to.let(a.significand.mul(b.significand)),
      exponent: to.let(a.exponent.add(b.exponent).add(1)),
      sign,
    };
    normalize(to, product);
    to.if(this.magnitude(z).isZero(), () => to.return(this.packWide(to, product, control)));
    halve(product);
    const addend = {
      high: to.let(c.significand.shr(1)),
      low: to.let(constant('i64', 0)),
      exponent: c.exponent,
      sign: to.let(z.and(signMask)),
    };
    const isLarger = addend.exponent
      .greater(product.exponent)
      .or(addend.exponent.equals(product.exponent).and(addend.high.above(product.high)));
    to.if(isLarger, () => exchange(to, product, addend));
    const distance = product.exponent.sub(addend.exponent);
    const [high, low] = to.callMany(['i64', 'i64'], this.common.shiftRightWide, addend.high, addend.low, distance);
    to.if(
      sign.equals(addend.sign),
      () => {
        const total = to.let(product.low.add(low!));
        product.high.set(product.high.add(high!).add(total.below(low!).wide()));
        product.low.set(total);
      },
      () => {
        const borrow = to.let(product.low.below(low!).wide());
        product.low.set(product.low.sub(low!));
        product.high.set(product.high.sub(high!).sub(borrow));
      },
    );
    to.if(product.high.or(product.low).isZero(), () => to.return(this.zeroOfDifference(control)));
    product.exponent.set(product.exponent.add(1));
    normalize(to, product);
    to.return(this.packWide(to, product, control));
    to.code.op('unreachable');
    return this.module.add(this.module.type(['i64', 'i64', 'i64', 'i32', 'i32'], ['i64']), to.code);
  }

  div(): number {
    return this.binary('div', (to, x, y, control) => {
      const { infinity } = this.format;
      const sign = to.let(x.xor(y).and(this.format.signMask));
      const [xZero, yZero] = [to.let(this.magnitude(x).isZero()), to.let(this.magnitude(y).isZero())];
      const [xInfinite, yInfinite] = [to.let(this.isSpecial(x)), to.let(this.isSpecial(y))];
      to.if(xZero.and(yZero).or(xInfinite.and(yInfinite)), () => this.invalid(to));
      to.if(yZero, () => {
        to.if(xInfinite.isZero(), () => raise(to, MXCSR.ZE));
        to.return(sign.or(infinity));
      });
      this.noteDenormals(to, x, y);
      to.if(xInfinite, () => to.return(sign.or(infinity)));
      to.if(xZero.or(yInfinite), () => to.return(sign));
      const [a, b] = [this.unpack(to, x), this.unpack(to, y)];
      // Both as doubles in [1, 2), then the sign of the remainder of the quotient that is rounded to nearest.
      const quotient = to.let(this.inDouble(a).binary('div', this.inDouble(b)).asBits());
      const exponent = a.exponent.sub(b.exponent).add(quotient.shr(52).low()).sub(1023);
      const whole = to.let(this.significandOfDouble(quotient));
      // quotient × b against a, both shifted so that their leading bits agree to within the last bits of the low half.
      const product = to.let(whole.shr(11).mul(b.significand.shr(11)));
      const shift = select(quotient.shr(52).equals(1023n), constant('i64', 52), constant('i64', 53));
      const remainder = to.let(a.significand.shr(11).shl(shift).sub(product));
      to.return(to.call('i64', this.pack, sign, exponent, this.nudged(whole, remainder), control));
    });
  }

  sqrt(): number {
    const { code, to, x, control } = this.unary();
    const { infinity, signMask } = this.format;
    emitOrdinary(to, this.format, 'sqrt', { x, y: x, control });
    to.if(this.magnitude(x).above(infinity), () => to.return(to.call('i64', this.nan, x, x)));
    to.if(this.magnitude(x).isZero(), () => to.return(x));
    to.if(x.and(signMask).isSet(), () => this.invalid(to));
    this.noteDenormals(to, x);
    to.if(x.equals(infinity), () => to.return(x));
    const { exponent, significand } = this.unpack(to, x);
    // As a double in [1, 4), so that the exponent that is left is even.
    const odd = to.let(exponent.and(1));
    const radicand = this.inDouble({ exponent, significand }).asBits().add(odd.wide().shl(52)).asDouble();
    const root = to.let(this.significandOfDouble(to.let(radicand.unary('sqrt').asBits())));
    const whole = to.let(root.shr(11));
    const shift = constant('i64', 52).add(odd.wide());
    const remainder = to.let(significand.shr(11).shl(shift).sub(whole.mul(whole)));
    const half = exponent.sub(odd).binary('shr_s', 1);
    to.call('i64', this.pack, constant('i64', 0), half, this.nudged(root, remainder), control).push(code);
    return this.addUnary(code);
  }

  comparisons(): Pick<LaneFunctions, 'compare' | 'predicate' | 'min' | 'max'> {
    const compare = this.compare();
    return {
      ...{ compare, predicate: this.predicate(compare) },
      ...{ min: this.selectIf(compare, LESS), max: this.selectIf(compare, 0) },
    };
  }

  /** Rounds the magnitude to an integer, the fraction being at the top of `rest`. */
  toInteger(): number {
    const code = new Code(['i64', 'i32', 'i32']);
    const to = new Statements(code);
    const [x, bits, control] = [to.parameter('i64', 0), to.parameter('i32', 1), to.parameter('i32', 2)];
    this.flush(to, x, control);
    const indefinite = constant('i64', 1).shl(bits.sub(1).wide());
    const invalid = (): void => {
      raise(to, MXCSR.IE);
      to.return(indefinite);
    };
    to.if(this.magnitude(x).isZero(), () => to.return(constant('i64', 0)));
    to.if(this.isSpecialOrNaN(x), invalid);
    const negative = to.let(x.and(this.format.signMask).isSet());
    const { exponent, significand } = this.unpack(to, x);
    to.if(exponent.greater(63), invalid);
    const rounded = roundToInteger(to, { exponent, significand, negative, mode: roundingMode(control) });
    to.if(rounded.magnitude.above(indefinite.sub(negative.isZero().wide())), invalid);
    to.if(rounded.rest.isSet(), () => raise(to, MXCSR.PE));
    select(negative, constant('i64', 0).sub(rounded.magnitude), rounded.magnitude).push(code);
    return this.module.add(this.module.type(['i64', 'i32', 'i32'], ['i64']), code);
  }

  /** Rounds to an integral number, in the mode of the option or the control word. */
  round(pack: number): number {
    const code = new Code(['i64', 'i32', 'i32']);
    const to = new Statements(code);
    const [x, option, control] = [to.parameter('i64', 0), to.parameter('i32', 1), to.parameter('i32', 2)];
    const { infinity, signMask, fractionBits } = this.format;
    this.flush(to, x, control);
    to.if(this.magnitude(x).above(infinity), () => to.return(to.call('i64', this.nan, x, x)));
    to.if(this.magnitude(x).isZero().or(this.isSpecial(x)), () => to.return(x));
    const { exponent, significand } = this.unpack(to, x);
    to.if(exponent.greater(fractionBits - 1), () => to.return(x));
    const sign = to.let(x.and(signMask));
    const mode = to.let(select(option.and(4), roundingMode(control), option.and(3)));
    const rounded = roundToInteger(to, { exponent, significand, negative: sign.isSet(), mode });
    to.if(rounded.rest.isSet().and(option.and(8).isZero()), () => raise(to, MXCSR.PE));
    to.if(rounded.magnitude.isZero(), () => to.return(sign));
    const zeros = to.let(rounded.magnitude.clz());
    const whole = constant('i32', 63).sub(zeros.low());
    to.call('i64', pack, sign, whole, rounded.magnitude.shl(zeros), control).push(code);
    return this.module.add(this.module.type(['i64', 'i32', 'i32'], ['i64']), code);
  }

  fromInteger(): number {
    const { code, to, x, control } = this.unary(false);
    to.if(x.isZero(), () => to.return(x));
    const negative = to.let(x.less(0n));
    const magnitude = to.let(select(negative, constant('i64', 0).sub(x), x));
    const zeros = to.let(magnitude.clz());
    const sign = select(negative, constant('i64', this.format.signMask), constant('i64', 0));
    const exponent = constant('i32', 63).sub(zeros.low());
    to.call('i64', this.pack, sign, exponent, magnitude.shl(zeros), control).push(code);
    return this.addUnary(code);
  }

  /** `quietly`: denormals are neither flushed nor noted. */
  toOther(other: FloatFormat, pack: number, denormals?: 'quietly'): number {
    const { code, to, x, control } = this.unary(denormals !== 'quietly');
    const { format } = this;
    const shifted = (value: Expression, places: number): Expression =>
      places < 0 ? value.shr(-places) : value.shl(places);
    const otherSign = to.let(shifted(x.and(format.signMask), other.width - format.width));
    const fraction = (value: Expression): Expression => shifted(value, other.fractionBits - format.fractionBits);
    to.if(this.magnitude(x).above(format.infinity), () => {
      const quiet = to.call('i64', this.nan, x, x);
      to.return(otherSign.or(other.infinity).or(fraction(quiet.and(format.fractionMask))));
    });
    to.if(this.isSpecial(x), () => to.return(otherSign.or(other.infinity)));
    to.if(this.magnitude(x).isZero(), () => to.return(otherSign));
    if (denormals !== 'quietly') this.noteDenormals(to, x);
    const { exponent, significand } = this.unpack(to, x);
    to.call('i64', pack, otherSign, exponent, significand, control).push(code);
    return this.addUnary(code);
  }

  private compare(): number {
    const code = new Code(['i64', 'i64', 'i32', 'i32']);
    const to = new Statements(code);
    const [x, y, signaling] = [to.parameter('i64', 0), to.parameter('i64', 1), to.parameter('i32', 2)];
    const control = to.parameter('i32', 3);
    const { infinity, signMask } = this.format;
    this.flush(to, x, control);
    this.flush(to, y, control);
    to.if(this.magnitude(x).above(infinity).or(this.magnitude(y).above(infinity)), () => {
      const isInvalid = signaling.or(this.isSignaling(x)).or(this.isSignaling(y));
      to.if(isInvalid, () => raise(to, MXCSR.IE));
      to.return(constant('i64', UNORDERED));
    });
    this.noteDenormals(to, x, y);
    const rank = (value: Expression): Expression => {
      const magnitude = this.magnitude(value);
      return select(value.and(signMask).isSet(), constant('i64', 0).sub(magnitude), magnitude);
    };
    const [first, second] = [to.let(rank(x)), to.let(rank(y))];
    const unequal = select(first.less(second), constant('i64', LESS), constant('i64', 0));
    select(first.equals(second), constant('i64', EQUAL), unequal).push(code);
    return this.module.add(this.module.type(['i64', 'i64', 'i32', 'i32'], ['i64']), code);
  }

  /** All ones if the predicate (0 to 31) holds: see meaning/predicates.ts. */
  private predicate(compare: number): number {
    const code = new Code(['i64', 'i64', 'i32', 'i32']);
    const to = new Statements(code);
    const [x, y, predicate] = [to.parameter('i64', 0), to.parameter('i64', 1), to.parameter('i32', 2)];
    const control = to.parameter('i32', 3);
    const base = predicate.and(3);
    const signaling = base.equals(1).or(base.equals(2)).xor(predicate.shr(4).and(1));
    const outcome = to.call('i64', compare, x, y, signaling, control);
    const bits: readonly (readonly [flags: number, outcome: number])[] = [
      [LESS, OUTCOMES.less],
      [EQUAL, OUTCOMES.equal],
      [UNORDERED, OUTCOMES.unordered],
    ];
    const bit = bits.reduce(
      (otherwise, [flags, bit]) => select(outcome.equals(BigInt(flags)), constant('i64', bit), otherwise),
      constant('i64', OUTCOMES.greater),
    );
    // Four bits for each predicate.
    const table = PREDICATES.reduce((all, outcomes, i) => all | (BigInt(outcomes) << BigInt(4 * i)), 0n);
    const holds = constant('i64', table).shr(predicate.and(15).shl(2).wide()).and(bit).isSet();
    constant('i64', 0).sub(holds.wide()).push(code);
    return this.module.add(this.module.type(['i64', 'i64', 'i32', 'i32'], ['i64']), code);
  }

  /** MIN, MAX: x if the comparison with y has this outcome, else y. */
  private selectIf(compare: number, outcome: number): number {
    const code = new Code(['i64', 'i64', 'i32']);
    const to = new Statements(code);
    const [x, y, control] = [to.parameter('i64', 0), to.parameter('i64', 1), to.parameter('i32', 2)];
    this.flush(to, x, control);
    this.flush(to, y, control);
    const found = to.call('i64', compare, x, y, constant('i32', 1), control);
    select(found.equals(BigInt(outcome)), x, y).push(code);
    return this.module.add(this.module.type(['i64', 'i64', 'i32'], ['i64']), code);
  }

  /** A function of two lanes: first for ordinary ones, then, after DAZ and NaNs, for all others. */
  private binary(operation: Operation, emit: Binary): number {
    const code = new Code(['i64', 'i64', 'i32']);
    const to = new Statements(code);
    const [x, y, control] = [to.parameter('i64', 0), to.parameter('i64', 1), to.parameter('i32', 2)];
    const { infinity } = this.format;
    emitOrdinary(to, this.format, operation, { x, y, control });
    this.flush(to, x, control);
    this.flush(to, y, control);
    to.if(this.magnitude(x).above(infinity).or(this.magnitude(y).above(infinity)), () =>
      to.return(to.call('i64', this.nan, x, y)),
    );
    emit(to, x, y, control);
    code.op('unreachable');
    return this.module.add(this.module.type(['i64', 'i64', 'i32'], ['i64']), code);
  }

  /** A function of three lanes, with an option, after DAZ and NaNs. */
  private ternary(): { to: Statements; option: Variable; control: Variable } & Record<'x' | 'y' | 'z', Variable> {
    const code = new Code(['i64', 'i64', 'i64', 'i32', 'i32']);
    const to = new Statements(code);
    const [x, y, z] = [to.parameter('i64', 0), to.parameter('i64', 1), to.parameter('i64', 2)];
    const [option, control] = [to.parameter('i32', 3), to.parameter('i32', 4)];
    const isNaN = (value: Expression): Expression => this.magnitude(value).above(this.format.infinity);
    for (const value of [x, y, z]) this.flush(to, value, control);
    to.if(isNaN(x).or(isNaN(y)).or(isNaN(z)), () => {
      to.if(this.isSignaling(z), () => raise(to, MXCSR.IE));
      const rest = to.let(select(isNaN(y), y, z));
      to.return(to.call('i64', this.nan, x, rest));
    });
    return { to, x, y, z, option, control };
  }
  /** Rounds a normalized significand of 128 bits. */
  private packWide(to: Statements, { sign, exponent, high, low }: Wide, control: Expression): Variable {
    return to.call('i64', this.pack, sign, exponent, high.or(low.isSet().wide()), control);
  }

  /** A function of one lane; denormals are flushed if it is a float. */
  private unary(isFloat = true): { code: Code; to: Statements; x: Variable; control: Variable } {
    const code = new Code(['i64', 'i32']);
    const to = new Statements(code);
    const [x, control] = [to.parameter('i64', 0), to.parameter('i32', 1)];
    if (isFloat) this.flush(to, x, control);
    return { code, to, x, control };
  }
  private addUnary(code: Code): number {
    return this.module.add(this.module.type(['i64', 'i32'], ['i64']), code);
  }

  /** (x, y) → the quiet form of the first NaN; IE if one is signaling. */
  private addNaN(): number {
    const code = new Code(['i64', 'i64']);
    const to = new Statements(code);
    const [x, y] = [to.parameter('i64', 0), to.parameter('i64', 1)];
    to.if(this.isSignaling(x).or(this.isSignaling(y)), () => raise(to, MXCSR.IE));
    const { infinity, quietBit } = this.format;
    select(this.magnitude(x).above(infinity), x, y).or(quietBit).push(code);
    return this.module.add(this.module.type(['i64', 'i64'], ['i64']), code);
  }

  private magnitude(x: Expression): Expression {
    return x.and(this.format.signMask - 1n);
  }
  /** Whether x, which is not a NaN, is infinite. */
  private isSpecial(x: Expression): Expression {
    return this.magnitude(x).equals(this.format.infinity);
  }
  private isSpecialOrNaN(x: Expression): Expression {
    return this.magnitude(x).atLeast(this.format.infinity);
  }
  private isSignaling(x: Expression): Expression {
    const { infinity, quietBit } = this.format;
    return this.magnitude(x).above(infinity).and(x.and(quietBit).isZero());
  }
  private isDenormal(x: Expression): Expression {
    const { fractionMask } = this.format;
    return this.magnitude(x).sub(1n).below(fractionMask);
  }
  private noteDenormals(to: Statements, ...operands: readonly Expression[]): void {
    const any = operands.map((x) => this.isDenormal(x)).reduce((x, y) => x.or(y));
    to.if(any, () => raise(to, MXCSR.DE));
  }
  private flush(to: Statements, x: Variable, control: Expression): void {
    to.if(control.and(MXCSR.DAZ), () => {
      to.if(this.isDenormal(x), () => x.set(x.and(this.format.signMask)));
    });
  }
  private invalid(to: Statements): void {
    raise(to, MXCSR.IE);
    to.return(constant('i64', this.format.indefinite));
  }
  /** A difference of equals is +0, or -0 when rounding down. */
  private zeroOfDifference(control: Expression): Expression {
    const { signMask } = this.format;
    return select(roundingMode(control).equals(DOWN), constant('i64', signMask), constant('i64', 0));
  }

  /** Unpacks a finite number; of zero, the significand is 0. */
  private unpack(to: Statements, x: Expression): Unpacked {
    const { fractionBits, exponentMax, exponentMin } = this.format;
    const magnitude = to.let(this.magnitude(x));
    const exponent = to.let(magnitude.shr(fractionBits).low());
    const significand = to.let(magnitude.shl(63 - fractionBits).or(1n << 63n));
    to.if(
      exponent.isZero(),
      () => {
        const zeros = to.let(magnitude.clz());
        significand.set(magnitude.shl(zeros));
        exponent.set(constant('i32', exponentMin - fractionBits + 63).sub(zeros.low()));
      },
      () => exponent.set(exponent.sub(exponentMax)),
    );
    return { exponent, significand };
  }
  /** The significand, of at most 53 bits, as a double in [1, 2). */
  private inDouble({ significand }: Pick<Unpacked, 'significand'> & { exponent: Expression }): Expression {
    return significand
      .shl(1)
      .shr(12)
      .or(1023n << 52n)
      .asDouble();
  }
  private significandOfDouble(double: Expression): Expression {
    return double.shl(11).or(1n << 63n);
  }
  /** A significand of 53 bits, just above or below if a remainder, by its sign, is left. */
  private nudged(significand: Expression, remainder: Expression): Expression {
    return significand.add(remainder.isSet().wide().or(remainder.binary('shr_s', 63n)));
  }
}

/** A number whose significand has 128 bits. */
interface Wide {
  readonly high: Variable;
  readonly low: Variable;
  readonly exponent: Variable;
  readonly sign: Variable;
}

/** Shifts the significand, which is not zero, until its leading bit is set. */
function normalize(to: Statements, { high, low, exponent }: Wide): void {
  to.if(high.isZero(), () => {
    high.set(low);
    low.set(0);
    exponent.set(exponent.sub(64));
  });
  const zeros = to.let(high.clz());
  to.if(zeros.isSet(), () => {
    high.set(high.shl(zeros).or(low.shr(constant('i64', 64).sub(zeros))));
    low.set(low.shl(zeros));
    exponent.set(exponent.sub(zeros.low()));
  });
}

/** The significand shifted right by one bit, which is 0. */
function halve({ high, low }: Wide): void {
  low.set(low.shr(1).or(high.shl(63)));
  high.set(high.shr(1));
}

function exchange(to: Statements, x: Wide, y: Wide): void {
  for (const part of ['high', 'low', 'exponent', 'sign'] as const) {
    const other = to.let(x[part]);
    x[part].set(y[part]);
    y[part].set(other);
  }
}

/** A magnitude as an integer, and what was cut off: the fraction before rounding, at the top of 64 bits. */
export function roundToInteger(
  to: Statements,
  { exponent, significand, negative, mode }: Unpacked & { negative: Expression; mode: Expression },
): { magnitude: Variable; rest: Variable; up: Variable } {
  const magnitude = to.let(significand);
  const rest = to.let(constant('i64', 0));
  const up = to.let(constant('i32', 0));
  const shift = to.let(constant('i32', 63).sub(exponent));
  to.if(shift.isSet(), () => {
    const isLong = to.let(shift.greater(63));
    const longRest = select(shift.equals(64), significand, constant('i64', 1));
    rest.set(select(isLong, longRest, significand.shl(constant('i32', 0).sub(shift).wide())));
    magnitude.set(select(isLong, constant('i64', 0), significand.shr(shift.wide())));
    up.set(roundsAway(mode, negative, { last: magnitude.low().and(1), rest, half: 1n << 63n }));
    magnitude.set(magnitude.add(up.wide()));
  });
  return { magnitude, rest, up };
}
