import type { X87Constant } from '../../meaning/x87-vocabulary.js';
import { LN_10, LN_2, ONE, PI, PLACES, quotient } from './fixed-point.js';

/** A number before it is rounded: significand × 2^quantum, with the last bit set if more follows. */
export interface Unrounded {
  readonly significand: bigint;
  readonly quantum: number;
}

function inexact(value: bigint): Unrounded {
  return { significand: value | 1n, quantum: -PLACES };
}

/** The constants of FLD1 to FLDZ, far more exact than a register can hold them. */
export const CONSTANTS: Readonly<Record<X87Constant, Unrounded>> = {
  one: { significand: 1n, quantum: 0 },
  log2Of10: inexact(quotient(LN_10, LN_2)),
  log2OfE: inexact(quotient(ONE, LN_2)),
  pi: inexact(PI),
  log10Of2: inexact(quotient(LN_2, LN_10)),
  logEOf2: inexact(LN_2),
  zero: { significand: 0n, quantum: 0 },
};
