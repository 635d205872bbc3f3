import type { Width } from '../bits.js';
import type { Arithmetic } from './machine.js';

/** RFLAGS bits. SDM Vol. 1 3.4.3. */
export const CF = 1 << 0;
export const PF = 1 << 2;
export const AF = 1 << 4;
export const ZF = 1 << 6;
export const SF = 1 << 7;
export const TF = 1 << 8;
export const IF = 1 << 9;
export const DF = 1 << 10;
export const OF = 1 << 11;
export const IOPL = 3 << 12;
export const NT = 1 << 14;
export const RF = 1 << 16;
export const VM = 1 << 17;
export const AC = 1 << 18;
export const VIF = 1 << 19;
export const VIP = 1 << 20;
export const ID = 1 << 21;

/** The flags that arithmetic sets. */
export const STATUS_FLAGS = CF | PF | AF | ZF | SF | OF;

/**
 * Flags as thunks: what set them, so that they are computed only when somebody reads them. `add` and `sub` know both
 * operands; `result` has ZF, SF and PF from the result and CF, AF, OF (in RFLAGS positions) from `bits`; `bits` is all six.
 */
export type FlagsThunk<V> =
  | { readonly kind: 'add'; readonly width: Width; readonly x: V; readonly y: V; readonly result: V }
  | { readonly kind: 'sub'; readonly width: Width; readonly x: V; readonly y: V; readonly result: V }
  | { readonly kind: 'result'; readonly width: Width; readonly result: V; readonly bits: V }
  | { readonly kind: 'bits'; readonly bits: V };

export function flagsOfAdd<V>(width: Width, x: V, y: V, result: V): FlagsThunk<V> {
  return { kind: 'add', width, x, y, result };
}

export function flagsOfSub<V>(width: Width, x: V, y: V, result: V): FlagsThunk<V> {
  return { kind: 'sub', width, x, y, result };
}

/** AND, OR, XOR and TEST: CF and OF are cleared (AF, undefined in the manual, too). */
export function flagsOfLogic<V>(m: Arithmetic<V>, width: Width, result: V): FlagsThunk<V> {
  return { kind: 'result', width, result, bits: m.constant(32, 0) };
}

/** ZF, SF and PF of the result; CF, AF and OF from `bits`, a 32-bit value with them in their RFLAGS positions. */
export function flagsOfResult<V>(width: Width, result: V, bits: V): FlagsThunk<V> {
  return { kind: 'result', width, result, bits };
}

/**
 * How a thunk is held in the CPU state (FLAGS_KIND): the kind in bits 1:0, the width in bits 3:2. FLAGS_RESULT holds the
 * result, FLAGS_OPERAND the second operand or the bits.
 */
export const FLAGS_KINDS = ['bits', 'result', 'add', 'sub'] as const;
export const FLAGS_WIDTHS: readonly Width[] = [64, 32, 16, 8];

export function kindCode(thunk: FlagsThunk<unknown>): number {
  return thunk.kind === 'bits' ? 0 : FLAGS_KINDS.indexOf(thunk.kind) | (FLAGS_WIDTHS.indexOf(thunk.width) << 2);
}

/** The thunk of a code, from result and operand as 64-bit values: the first operand follows from them. */
export function thunkOfCode<V>(m: Arithmetic<V>, code: number, result64: V, operand64: V): FlagsThunk<V> {
  const kind = FLAGS_KINDS[code & 3]!;
  const width = FLAGS_WIDTHS[code >> 2]!;
  if (kind === 'bits') return { kind, bits: m.truncate(64, 32, operand64) };
  const result = m.truncate(64, width, result64);
  if (kind === 'result') return { kind, width, result, bits: m.truncate(64, 32, operand64) };
  const y = m.truncate(64, width, operand64);
  return { kind, width, x: kind === 'add' ? m.sub(width, result, y) : m.add(width, result, y), y, result };
}

type M<V> = Arithmetic<V>;

/** The flag as a truth value (0 or 1). */
export function carryOf<V>(m: M<V>, t: FlagsThunk<V>): V {
  if (t.kind === 'add') return m.lessUnsigned(t.width, t.result, t.y);
  if (t.kind === 'sub') return m.lessUnsigned(t.width, t.x, t.y);
  return bit(m, t.bits, CF);
}

export function zeroOf<V>(m: M<V>, t: FlagsThunk<V>): V {
  if (t.kind === 'bits') return bit(m, t.bits, ZF);
  return m.isZero(t.width, t.result);
}

export function signOf<V>(m: M<V>, t: FlagsThunk<V>): V {
  if (t.kind === 'bits') return bit(m, t.bits, SF);
  return signBit(m, t.width, t.result);
}

export function overflowOf<V>(m: M<V>, t: FlagsThunk<V>): V {
  if (t.kind === 'bits' || t.kind === 'result') return bit(m, t.bits, OF);
  const fromX = m.xor(t.width, t.x, t.result);
  const fromY = t.kind === 'add' ? m.xor(t.width, t.y, t.result) : m.xor(t.width, t.x, t.y);
  return signBit(m, t.width, m.and(t.width, fromX, fromY));
}

/** Even parity of the low byte of the result. */
export function parityOf<V>(m: M<V>, t: FlagsThunk<V>): V {
  if (t.kind === 'bits') return bit(m, t.bits, PF);
  const ones = m.populationCount(8, m.truncate(t.width, 8, t.result));
  return m.isFalse(m.and(8, ones, m.constant(8, 1)));
}

export function auxiliaryOf<V>(m: M<V>, t: FlagsThunk<V>): V {
  if (t.kind === 'bits' || t.kind === 'result') return bit(m, t.bits, AF);
  const low = (v: V): V => m.truncate(t.width, 8, v);
  return bit(m, m.zeroExtend(8, 32, m.xor(8, m.xor(8, low(t.x), low(t.y)), low(t.result))), AF);
}

/** All six in their RFLAGS positions; 32 bits. */
export function bitsOf<V>(m: M<V>, t: FlagsThunk<V>): V {
  if (t.kind === 'bits') return t.bits;
  const at = (flag: number, truth: V): V => m.shl(32, m.zeroExtend(8, 32, truth), m.constant(32, Math.log2(flag)));
  const ofResult = m.or(32, m.or(32, at(ZF, zeroOf(m, t)), at(SF, signOf(m, t))), at(PF, parityOf(m, t)));
  if (t.kind === 'result') return m.or(32, ofResult, t.bits);
  const others = m.or(32, m.or(32, at(CF, carryOf(m, t)), at(OF, overflowOf(m, t))), at(AF, auxiliaryOf(m, t)));
  return m.or(32, ofResult, others);
}

/**
 * The sixteen conditions. SDM Vol. 1 appendix B: O, B, Z, BE, S, P, L, LE and, for odd codes, their opposites.
 */
export function conditionOf<V>(m: M<V>, t: FlagsThunk<V>, code: number): V {
  const truth = evenConditions[code >> 1]!(m, t);
  return code & 1 ? m.isFalse(truth) : truth;
}

const evenConditions: readonly (<V>(m: M<V>, t: FlagsThunk<V>) => V)[] = [
  overflowOf,
  carryOf,
  zeroOf,
  belowOrEqual,
  signOf,
  parityOf,
  less,
  lessOrEqual,
];

function belowOrEqual<V>(m: M<V>, t: FlagsThunk<V>): V {
  if (t.kind === 'sub') return m.isFalse(m.lessUnsigned(t.width, t.y, t.x));
  return m.or(8, carryOf(m, t), zeroOf(m, t));
}

function less<V>(m: M<V>, t: FlagsThunk<V>): V {
  if (t.kind === 'sub') return m.lessSigned(t.width, t.x, t.y);
  return m.xor(8, signOf(m, t), overflowOf(m, t));
}

function lessOrEqual<V>(m: M<V>, t: FlagsThunk<V>): V {
  if (t.kind === 'sub') return m.isFalse(m.lessSigned(t.width, t.y, t.x));
  return m.or(8, zeroOf(m, t), less(m, t));
}

function bit<V>(m: M<V>, bits: V, flag: number): V {
  const shifted = m.shr(32, bits, m.constant(32, Math.log2(flag)));
  return m.truncate(32, 8, m.and(32, shifted, m.constant(32, 1)));
}

function signBit<V>(m: M<V>, width: Width, x: V): V {
  return m.lessSigned(width, x, m.constant(width, 0));
}
