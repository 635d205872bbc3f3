import { MXCSR } from '../../../evaluator/float/mxcsr.js';
import { NEGATES } from '../../../meaning/fused.js';
import type { FloatFormat } from '../../../evaluator/float/format.js';
import { Code } from '../../encoding/code.js';
import type { WasmModule } from '../../encoding/module.js';
import { Statements, constant, select, type Expression, type Variable } from '../expression.js';
import { emitOrdinary } from '../ordinary-lanes.js';
import { raise } from '../float-flags.js';
import type { CommonFunctions } from './functions.js';
import { LaneCode } from './parts.js';
import { shiftedRight, type Unpacked } from './rounding.js';
import { normalize, halve, exchange, type Wide } from './wide-significand.js';

type Binary = (to: Statements, x: Variable, y: Variable, control: Variable) => void;
type Operation = 'add' | 'sub' | 'mul' | 'div';

/** Sums, products, quotients and roots. */
export class LaneArithmetic extends LaneCode {
  constructor(
    module: WasmModule,
    format: FloatFormat,
    pack: number,
    private readonly nan: number,
    private readonly common: CommonFunctions,
  ) {
    super(module, format, pack);
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
