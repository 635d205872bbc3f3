import { MXCSR } from '../../../evaluator/float/mxcsr.js';
import type { FloatFormat } from '../../../evaluator/float/format.js';
import { Code } from '../../encoding/code.js';
import type { WasmModule } from '../../encoding/module.js';
import { Statements, constant, select, type Expression } from '../expression.js';
import { raise, roundingMode } from '../float-flags.js';
import { LaneCode } from './parts.js';
import { roundToInteger } from './rounding.js';

/** Conversions to and from integers and other formats, and rounding to integral numbers. */
export class LaneConversions extends LaneCode {
  constructor(
    module: WasmModule,
    format: FloatFormat,
    pack: number,
    private readonly nan: number,
  ) {
    super(module, format, pack);
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
  round(): number {
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
    to.call('i64', this.pack, sign, whole, rounded.magnitude.shl(zeros), control).push(code);
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
  toOther(
    { format: other, pack }: { readonly format: FloatFormat; readonly pack: number },
    denormals?: 'quietly',
  ): number {
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
}
