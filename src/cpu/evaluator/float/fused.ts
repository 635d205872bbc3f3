import { NEGATED, NEGATES, type FusedOperation } from '../../meaning/fused.js';
import { negate, sum } from './arithmetic.js';
import type { FloatContext } from './context.js';
import { withSign, type FloatFormat } from './format.js';
import { invalid, noteDenormals, operand, propagateNaN, type Operand } from './operand.js';

/**
 * VFMADD132SS and relatives, of number `lane` of a vector: ±(x × y) ± z with one rounding. A product of infinity and zero is
 * valid if z is a NaN. SDM Vol. 1 14.5.2 "Fused-Multiply-ADD (FMA) Numeric Behavior".
 */
export function fused(
  context: FloatContext,
  format: FloatFormat,
  { operation, lane }: { readonly operation: FusedOperation; readonly lane: number },
  factors: readonly [x: bigint, y: bigint],
  addend: bigint,
): bigint {
  const x = operand(context, format, factors[0]);
  const y = operand(context, format, factors[1]);
  const given = operand(context, format, addend);
  const nan = propagateNaN(context, format, x, y, given);
  if (nan !== undefined) return nan;
  const negated = NEGATED[operation];
  const z = negated & (lane % 2 === 0 ? NEGATES.even : NEGATES.odd) ? negate(format, given) : given;
  const negative = (x.negative !== y.negative) !== ((negated & NEGATES.product) !== 0);
  const hasZero = x.class === 'zero' || y.class === 'zero';
  const hasInfinity = x.class === 'infinity' || y.class === 'infinity';
  if (hasInfinity && (hasZero || (z.class === 'infinity' && z.negative !== negative))) return invalid(context, format);
  noteDenormals(context, x, y, z);
  if (hasInfinity) return withSign(format, negative, format.infinity);
  const product: Operand = {
    class: hasZero ? 'zero' : 'normal',
    negative,
    significand: x.significand * y.significand,
    quantum: x.quantum + y.quantum,
    bits: withSign(format, negative, 0n),
  };
  return sum(context, format, product, z);
}
