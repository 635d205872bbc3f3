import { FSW as FLAGS } from '../../../evaluator/extended/context.js';
import { FCW } from '../../../meaning/isa/x87-state.js';
import { X87 } from '../../../state/layout.js';
import { Code } from '../../encoding/code.js';
import type { WasmModule } from '../../encoding/module.js';
import { Statements, constant, load, select, type Variable } from '../expression.js';
import { raise } from '../float-flags.js';
import { ROUNDED_UP, roundsAway } from '../lanes/rounding.js';

const BIAS = 16383;
const EXPONENT_MIN = 1 - BIAS;
const MAX_EXPONENT = 0x7fff;
const INTEGER_BIT = 1n << 63n;
const RC_SHIFT = 10;
/** Precision control; with rounding control. */
const PC = 0x300;
const RC_AND_PC = 0xf00;
const PC_SHIFT = 8;

/**
 * Adds (sign, exponent, high, low) → significand, and sign and exponent: rounds ±(high, low) × 2^(exponent - 127), where bit 63
 * of `high` is set, to the precision of FCW.PC or to all bits (`fully`), as evaluator/extended/round.ts does. `sign` is 0 or 8000h.
 */
export function addExtendedPack(module: WasmModule, fully = false): number {
  const code = new Code(['i32', 'i32', 'i64', 'i64']);
  const to = new Statements(code);
  const [sign, exponent] = [to.parameter('i32', 0), to.parameter('i32', 1)];
  const [high, low] = [to.parameter('i64', 2), to.parameter('i64', 3)];
  const word = to.let(load('i32.load16_u', X87 + FCW));
  const mode = to.let(word.shr(RC_SHIFT).and(3));
  const pc = to.let(fully ? constant('i32', 3) : word.shr(PC_SHIFT).and(3));
  const negative = to.let(sign.isSet());
  emitUsual(to, { word, fully, sign, exponent, high, low });
  // Bits of `high` that are cut: 40, 0 (reserved), 11 or 0.
  const cut = to.let(
    select(pc.isZero(), constant('i64', 40), select(pc.equals(2), constant('i64', 11), constant('i64', 0))),
  );
  const kept = to.let(high.shr(cut));
  const rest = to.let(low);
  const up = to.let(constant('i32', 0));
  const round = (): void => {
    kept.set(high.shr(cut));
    rest.set(select(cut.isZero(), low, high.shl(constant('i64', 64).sub(cut)).or(low.isSet().wide())));
    up.set(roundsAway(mode, negative, { last: kept.low().and(1), rest, half: INTEGER_BIT }));
    kept.set(kept.add(up.wide()).shl(cut));
  };
  const noteInexact = (flags: number): void =>
    to.if(rest.isSet(), () => raise(to, select(up, constant('i32', ROUNDED_UP | flags), constant('i32', flags))));
  round();
  // Rounding up has carried out of all bits.
  const carries = to.let(kept.isZero());
  to.if(exponent.add(carries).less(EXPONENT_MIN), () => {
    to.if(word.and(FLAGS.UE).isZero(), () => {
      raise(to, FLAGS.UE);
      to.return(kept, sign);
    });
    shiftRight(to, high, low, to.let(constant('i32', EXPONENT_MIN).sub(exponent)));
    round();
    noteInexact(FLAGS.UE | FLAGS.PE);
    to.return(kept, sign.or(kept.shr(63).low()));
  });
  to.if(carries, () => {
    kept.set(INTEGER_BIT);
    exponent.set(exponent.add(1));
  });
  to.if(exponent.greater(BIAS), () => {
    const towardsZero = to.let(
      mode.equals(3).or(mode.equals(select(negative, constant('i32', 2), constant('i32', 1)))),
    );
    raise(to, select(towardsZero, constant('i32', 0), constant('i32', ROUNDED_UP)).or(FLAGS.OE | FLAGS.PE));
    to.if(towardsZero, () => to.return(constant('i64', -1).shl(cut), sign.or(MAX_EXPONENT - 1)));
    to.return(constant('i64', INTEGER_BIT), sign.or(MAX_EXPONENT));
  });
  noteInexact(FLAGS.PE);
  to.return(kept, sign.or(exponent.add(BIAS)));
  code.op('unreachable');
  return module.add(module.type(['i32', 'i32', 'i64', 'i64'], ['i64', 'i32']), code);
}

interface Unrounded {
  /** FCW. */
  readonly word: Variable;
  readonly fully: boolean;
  readonly sign: Variable;
  readonly exponent: Variable;
  readonly high: Variable;
  readonly low: Variable;
}

/** Returns the result in the nearly universal case: all 64 bits are kept, rounding is to nearest, and nothing overflows. */
function emitUsual(to: Statements, { word, fully, sign, exponent, high, low }: Unrounded): void {
  const isUsual = to.let(word.and(RC_AND_PC).equals(fully ? word.and(PC) : PC));
  const inRange = exponent.sub(EXPONENT_MIN).below(BIAS - 1 - EXPONENT_MIN);
  to.if(isUsual.and(inRange), () => {
    const isUp = low.shr(63).low().and(low.shl(1).isSet().or(high.low()));
    const up = to.let(isUp.and(1));
    const sum = to.let(high.add(up.wide()));
    to.if(low.isSet(), () => raise(to, select(up, constant('i32', ROUNDED_UP | FLAGS.PE), constant('i32', FLAGS.PE))));
    to.if(sum.isZero(), () => to.return(constant('i64', INTEGER_BIT), sign.or(exponent.add(BIAS + 1))));
    to.return(sum, sign.or(exponent.add(BIAS)));
  });
}

/** Shifts two halves right, by `shift` (i32) from 1 on, with the last bit set if bits were lost that are not zero. */
function shiftRight(to: Statements, high: Variable, low: Variable, shift: Variable): void {
  const back = constant('i32', 0).sub(shift).wide();
  to.if(
    shift.below(64),
    () => {
      low.set(low.shr(shift.wide()).or(high.shl(back)).or(low.shl(back).isSet().wide()));
      high.set(high.shr(shift.wide()));
    },
    () => {
      const beyond = select(shift.equals(64), high, high.shr(shift.wide()).or(high.shl(back).isSet().wide()));
      low.set(select(shift.below(128), beyond, constant('i64', 1)).or(low.isSet().wide()));
      high.set(0);
    },
  );
}
