import { MXCSR } from '../../../evaluator/float/mxcsr.js';
import type { FloatFormat } from '../../../evaluator/float/format.js';
import { Code } from '../../encoding/code.js';
import type { WasmModule } from '../../encoding/module.js';
import { Statements, constant, select, type Expression, type Variable } from '../expression.js';
import { raise, roundingMode } from '../float-flags.js';
import { DOWN, type Unpacked } from './rounding.js';

/** What the functions of one format share: tests of lanes, how they are unpacked, exceptions and NaNs. */
export class LaneCode {
  constructor(
    protected readonly module: WasmModule,
    protected readonly format: FloatFormat,
    protected readonly pack: number,
  ) {}

  /** (x, y) → the quiet form of the first NaN; IE if one is signaling. */
  addNaN(): number {
    const code = new Code(['i64', 'i64']);
    const to = new Statements(code);
    const [x, y] = [to.parameter('i64', 0), to.parameter('i64', 1)];
    to.if(this.isSignaling(x).or(this.isSignaling(y)), () => raise(to, MXCSR.IE));
    const { infinity, quietBit } = this.format;
    select(this.magnitude(x).above(infinity), x, y).or(quietBit).push(code);
    return this.module.add(this.module.type(['i64', 'i64'], ['i64']), code);
  }

  /** A function of one lane; denormals are flushed if it is a float. */
  protected unary(isFloat = true): { code: Code; to: Statements; x: Variable; control: Variable } {
    const code = new Code(['i64', 'i32']);
    const to = new Statements(code);
    const [x, control] = [to.parameter('i64', 0), to.parameter('i32', 1)];
    if (isFloat) this.flush(to, x, control);
    return { code, to, x, control };
  }

  protected addUnary(code: Code): number {
    return this.module.add(this.module.type(['i64', 'i32'], ['i64']), code);
  }

  protected magnitude(x: Expression): Expression {
    return x.and(this.format.signMask - 1n);
  }

  /** Whether x, which is not a NaN, is infinite. */
  protected isSpecial(x: Expression): Expression {
    return this.magnitude(x).equals(this.format.infinity);
  }

  protected isSpecialOrNaN(x: Expression): Expression {
    return this.magnitude(x).atLeast(this.format.infinity);
  }

  protected isSignaling(x: Expression): Expression {
    const { infinity, quietBit } = this.format;
    return this.magnitude(x).above(infinity).and(x.and(quietBit).isZero());
  }

  protected isDenormal(x: Expression): Expression {
    const { fractionMask } = this.format;
    return this.magnitude(x).sub(1n).below(fractionMask);
  }

  protected noteDenormals(to: Statements, ...operands: readonly Expression[]): void {
    const any = operands.map((x) => this.isDenormal(x)).reduce((x, y) => x.or(y));
    to.if(any, () => raise(to, MXCSR.DE));
  }

  protected flush(to: Statements, x: Variable, control: Expression): void {
    to.if(control.and(MXCSR.DAZ), () => {
      to.if(this.isDenormal(x), () => x.set(x.and(this.format.signMask)));
    });
  }

  protected invalid(to: Statements): void {
    raise(to, MXCSR.IE);
    to.return(constant('i64', this.format.indefinite));
  }

  /** A difference of equals is +0, or -0 when rounding down. */
  protected zeroOfDifference(control: Expression): Expression {
    const { signMask } = this.format;
    return select(roundingMode(control).equals(DOWN), constant('i64', signMask), constant('i64', 0));
  }

  /** Unpacks a finite number; of zero, the significand is 0. */
  protected unpack(to: Statements, x: Expression): Unpacked {
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
}
