import type { Width } from '../../../bits.js';
import type { Arithmetic } from '../vocabulary.js';

/** Helpers that compute single status flags as 32-bit values in RFLAGS positions, for flags that no thunk covers. */

/** `x` zero-extended or cut from `from` to `to` bits. */
export function resize<V>(m: Arithmetic<V>, from: Width, to: Width, x: V): V {
  if (from === to) return x;
  return from < to ? m.zeroExtend(from, to, x) : m.truncate(from, to, x);
}

/** Bit `bit` of `x` at the position of `flag` (an RFLAGS mask of one bit), all else zero; 32 bits. */
export function flagFromBit<V>(m: Arithmetic<V>, width: Width, x: V, bit: number, flag: number): V {
  const distance = bit - Math.log2(flag);
  const near = distance > 0 ? m.shr(width, x, m.constant(width, distance)) : x;
  const near32 = resize(m, width, 32, near);
  const placed = distance < 0 ? m.shl(32, near32, m.constant(32, -distance)) : near32;
  return m.and(32, placed, m.constant(32, flag));
}

/** The sign bit of `x` at the position of `flag`. */
export function flagFromSign<V>(m: Arithmetic<V>, width: Width, x: V, flag: number): V {
  return flagFromBit(m, width, x, width - 1, flag);
}

/** A truth value at the position of `flag`. */
export function flagFromTruth<V>(m: Arithmetic<V>, truth: V, flag: number): V {
  const wide = m.zeroExtend(8, 32, truth);
  return flag === 1 ? wide : m.shl(32, wide, m.constant(32, Math.log2(flag)));
}

/** The union of several flags. */
export function joinFlags<V>(m: Arithmetic<V>, ...flags: V[]): V {
  return flags.reduce((joined, flag) => m.or(32, joined, flag));
}
