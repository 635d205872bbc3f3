import { CF, PF, ZF } from '../../meaning/flags.js';
import { totalOf } from './arithmetic.js';
import { FSW, type X87Context } from './context.js';
import { isNaN, noteDenormals, type Operand } from './operand.js';

/** ZF PF CF of a comparison, as FCOMI sets them; of FCOM they are C3 C2 C0. SDM Vol. 2A tables 3-21 and 3-22. */
export const UNORDERED = ZF | PF | CF;
const LESS = CF;
const EQUAL = ZF;

/** FCOM and FCOMI; FUCOM and FUCOMI (`quiet`), for which QNaNs are valid. */
export function compare(context: X87Context, x: Operand, y: Operand, quiet: boolean): number {
  const isWild = (z: Operand): boolean => isNaN(z) || z.class === 'unsupported';
  if (isWild(x) || isWild(y)) {
    const isInvalid = (z: Operand): boolean => isWild(z) && !(quiet && z.class === 'QNaN');
    if (isInvalid(x) || isInvalid(y)) context.raise(FSW.IE);
    return UNORDERED;
  }
  noteDenormals(context, x, y);
  const order = orderOf(x, y);
  return order < 0 ? LESS : order === 0 ? EQUAL : 0;
}

/** The sign of x - y. */
function orderOf(x: Operand, y: Operand): number {
  const infinite = (z: Operand): number => (z.class === 'infinity' ? (z.negative ? -1 : 1) : 0);
  if (infinite(x) !== infinite(y)) return infinite(x) - infinite(y);
  if (infinite(x) !== 0) return 0;
  const difference = totalOf(x, { ...y, negative: !y.negative });
  return difference.significand === 0n ? 0 : difference.negative ? -1 : 1;
}
