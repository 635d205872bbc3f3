import type { FloatFormat } from '../../../evaluator/float/format.js';
import { MXCSR } from '../../../evaluator/float/mxcsr.js';
import { Code } from '../../encoding/code.js';
import type { WasmModule } from '../../encoding/module.js';
import { Statements, constant, select, type Expression, type Variable } from '../expression.js';
import { raise, roundingMode } from '../float-flags.js';

/* Rounding of numbers whose significand has 64 bits, of which the last is set if anything nonzero follows. */

/** Rounding away from zero: where C1 is in the status word of the x87 FPU. */
export const ROUNDED_UP = 1 << 9;

/** Values of the rounding control. */
export const DOWN = 1;
const UP = 2;
const ZERO = 3;

/** A number apart from its sign. */
export interface Unpacked {
  readonly exponent: Variable;
  readonly significand: Variable;
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
export function addPack(module: WasmModule, format: FloatFormat): number {
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
