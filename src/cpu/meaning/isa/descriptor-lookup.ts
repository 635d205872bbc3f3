import { DESCRIPTORS, RPL_MASK, type Descriptor } from '../../state/descriptors.js';
import { Vector } from '../../state/exceptions.js';
import type { Arithmetic, Machine } from '../vocabulary.js';

/** Tests of selectors (16-bit values) for meanings, based on descriptors.ts. */

/** Truth value: the selector names this descriptor, whatever its RPL. */
export function names<V>(m: Arithmetic<V>, selector: V, descriptor: Descriptor): V {
  return m.equal(16, withoutRpl(m, selector), m.constant(16, descriptor.selector));
}

/** Truth value: the selector names a descriptor that `accepts` accepts. */
export function namesAny<V>(m: Arithmetic<V>, selector: V, accepts: (descriptor: Descriptor) => boolean): V {
  return DESCRIPTORS.filter(accepts)
    .map((descriptor) => names(m, selector, descriptor))
    .reduce((any, one) => m.or(8, any, one), m.constant(8, 0));
}

/**
 * #GP unless the selector has RPL 3 and names a descriptor that `accepts` accepts. The error code is the selector
 * without its RPL. SDM Vol. 3A 6.13 "Error Code".
 */
export function requireUserSelector<V>(m: Machine<V>, selector: V, accepts: (descriptor: Descriptor) => boolean): void {
  const isUser = m.equal(16, m.and(16, selector, m.constant(16, RPL_MASK)), m.constant(16, 3));
  requireDescriptor(m, selector, m.and(8, isUser, namesAny(m, selector, accepts)));
}

/** #GP unless `valid` holds; the error code is the selector without its RPL. */
export function requireDescriptor<V>(m: Machine<V>, selector: V, valid: V): void {
  m.raiseIf(m.isFalse(valid), Vector.GP, m.zeroExtend(16, 32, withoutRpl(m, selector)));
}

function withoutRpl<V>(m: Arithmetic<V>, selector: V): V {
  return m.and(16, selector, m.constant(16, 0xffff & ~RPL_MASK));
}
