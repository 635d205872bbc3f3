import { MXCSR_RC_SHIFT } from '../../evaluator/float/mxcsr.js';
import { FLOAT_FLAGS } from '../../state/layout.js';
import { constant, load, type Expression, type Statements } from './expression.js';

/** Adds exceptions to those of the instruction. */
export function raise(to: Statements, flags: number | Expression): void {
  const more = typeof flags === 'number' ? constant('i32', flags) : flags;
  to.store('i32.store', FLOAT_FLAGS, load('i32.load', FLOAT_FLAGS).or(more));
}

/** The rounding control of a control word in the form of MXCSR. */
export function roundingMode(control: Expression): Expression {
  return control.shr(MXCSR_RC_SHIFT).and(3);
}
