import type { Width } from '../../../bits.js';
import type { Machine } from '../vocabulary.js';
import { RSP } from '../../state/layout.js';

/** The stack: in 64-bit mode its address is always all of RSP. SDM Vol. 1 6.2.5 "Stack Behavior in 64-Bit Mode". */

/** Space below RSP that is known to be writable; `push` fills it and moves RSP. */
export interface StackSlot<V> {
  push(value: V): void;
}

/** Translates the space for a value of `width` bits; all faults of the push are raised here. */
export function slotToPush<V>(m: Machine<V>, width: Width): StackSlot<V> {
  const top = m.sub(64, m.gpr(RSP, 64), m.constant(64, width / 8));
  const where = m.translate(top, width / 8, 'write', true);
  return {
    push(value) {
      where.store(width, value);
      m.setGpr(RSP, 64, top);
    },
  };
}

/** Reads the value of `width` bits at the top of the stack, or `words` such values further up, without removing it. */
export function topOfStack<V>(m: Machine<V>, width: Width, words = 0): V {
  const top = m.gpr(RSP, 64);
  const address = words === 0 ? top : m.add(64, top, m.constant(64, (words * width) / 8));
  return m.translate(address, width / 8, 'read', true).load(width);
}

/** RSP := RSP + bytes. */
export function releaseStack<V>(m: Machine<V>, bytes: number): void {
  m.setGpr(RSP, 64, m.add(64, m.gpr(RSP, 64), m.constant(64, bytes)));
}
