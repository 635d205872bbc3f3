import * as at from '../../state/layout.js';
import type { Code } from '../../wasm/encoding/code.js';
import type { BulkTicks } from './bulk-repeat.js';
import { BUDGET } from './parameters.js';

/** The tick budget in the code of a region. Ticks are taken from it where ways meet or the region is left, not one by one. */
export class RegionTicks {
  /** Ticks of instructions that have run, and that the budget does not know of yet. */
  pending = 0;
  readonly bulk: BulkTicks;

  constructor(
    private readonly code: Code,
    /** Ticks from one place where the budget is looked at to the next, at most. */
    private readonly longestPath: number,
  ) {
    // One more for the last iteration, which is the instruction's own tick.
    const pushSpare = (): void => void code.get(BUDGET).i32(longestPath + 1).op('i32.sub'); // prettier-ignore
    const take = (local: number): void => void code.get(BUDGET).get(local).op('i32.sub').set(BUDGET);
    this.bulk = { pushSpare, take };
  }

  /** Takes the pending ticks from the budget. */
  takePending(): void {
    if (this.pending === 0) return;
    this.code.get(BUDGET).i32(this.pending).op('i32.sub').set(BUDGET);
    this.pending = 0;
  }

  /** Takes a tick of an instruction that goes on. */
  takeOne(): void {
    this.code.get(BUDGET).i32(1).op('i32.sub').set(BUDGET);
  }

  /** Pushes whether the ticks might not last to where they are looked at next, after so many others. */
  pushIsShort(others = 0): Code {
    return this.code
      .get(BUDGET)
      .i32(this.longestPath + others)
      .op('i32.lt_s');
  }

  /** Pushes the machine's time during the current instruction, as an i64. */
  pushTime(): void {
    const { code } = this;
    code.i32(0).memory('i64.load', at.TICKS_END).op('f64.reinterpret_i64').op('i64.trunc_f64_s');
    code.get(BUDGET).i32(0).memory('i32.load', at.TICKS_WITHHELD).op('i32.add');
    code
      .i32(this.pending + 1)
      .op('i32.sub')
      .op('i64.extend_i32_s')
      .op('i64.sub');
  }
}
