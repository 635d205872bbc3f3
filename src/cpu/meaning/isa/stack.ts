import type { Width } from '../../../bits.js';
import type { Machine } from '../vocabulary.js';
import { RSP, SS } from '../../state/layout.js';

/**
 * The stack. In 64-bit mode its address is always all of RSP. Elsewhere it is ESP or SP, by SS.B, from the base of SS, and only
 * those bits change. SDM Vol. 1 6.2.3 "Address-Size Attribute of Stack Accesses", 6.2.5 "Stack Behavior in 64-Bit Mode".
 */

/** Space below RSP that is known to be writable; `push` fills it and moves RSP. */
export interface StackSlot<V> {
  push(value: V): void;
}

/** Translates the space for a value of `width` bits; all faults of the push are raised here. */
export function slotToPush<V>(m: Machine<V>, width: Width): StackSlot<V> {
  const top = movedDown(m, m.gpr(RSP, 64), width / 8);
  const where = m.translate(stackAddress(m, top), width / 8, 'write', SS);
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
  const pointer = words === 0 ? top : movedUp(m, top, m.constant(64, (words * width) / 8));
  return m.translate(stackAddress(m, pointer), width / 8, 'read', SS).load(width);
}

/** RSP := RSP + bytes. */
export function releaseStack<V>(m: Machine<V>, bytes: number): void {
  m.setGpr(RSP, 64, movedUp(m, m.gpr(RSP, 64), m.constant(64, bytes)));
}

/** A stack pointer, `bytes` less. */
export function movedDown<V>(m: Machine<V>, pointer: V, bytes: number): V {
  return withStackBits(m, pointer, m.sub(64, pointer, m.constant(64, bytes)));
}

/** A stack pointer plus `distance`, 64 bits. */
export function movedUp<V>(m: Machine<V>, pointer: V, distance: V): V {
  return withStackBits(m, pointer, m.add(64, pointer, distance));
}

/** `pointer` with those bits of `value` that address the stack. */
export function withStackBits<V>(m: Machine<V>, pointer: V, value: V): V {
  if (m.form.mode === 64) return value;
  const mask = stackMask(m);
  const kept = m.and(64, m.and(64, pointer, m.not(64, mask)), m.constant(64, 0xffff_ffff));
  return m.or(64, m.and(64, value, mask), kept);
}

/** The linear address that a stack pointer stands for. */
export function stackAddress<V>(m: Machine<V>, pointer: V): V {
  if (m.form.mode === 64) return pointer;
  return linearAt(m, m.segmentBase(SS), m.and(64, pointer, stackMask(m)));
}

/** A segment base plus an offset, both 64 bits; outside 64-bit mode linear addresses have 32 bits. */
export function linearAt<V>(m: Machine<V>, base: V, offset: V): V {
  const sum = m.add(64, base, offset);
  return m.form.mode === 64 ? sum : m.and(64, sum, m.constant(64, 0xffff_ffff));
}

function stackMask<V>(m: Machine<V>): V {
  return m.zeroExtend(32, 64, m.stackMask());
}
