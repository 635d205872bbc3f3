import { MXCSR } from '../../../evaluator/float/mxcsr.js';
import { OUTCOMES, PREDICATES } from '../../../meaning/predicates.js';
import { Code } from '../../encoding/code.js';
import { Statements, constant, select, type Expression } from '../expression.js';
import { raise } from '../float-flags.js';
import type { LaneFunctions } from './functions.js';
import { LaneCode } from './parts.js';

/** ZF PF CF of the outcomes of a comparison. */
const UNORDERED = 0x45;
const LESS = 1;
const EQUAL = 0x40;

/** Comparisons, and what depends on one: predicates, MIN and MAX. */
export class LaneComparisons extends LaneCode {
  comparisons(): Pick<LaneFunctions, 'compare' | 'predicate' | 'min' | 'max'> {
    const compare = this.compare();
    return {
      ...{ compare, predicate: this.predicate(compare) },
      ...{ min: this.selectIf(compare, LESS), max: this.selectIf(compare, 0) },
    };
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
}
