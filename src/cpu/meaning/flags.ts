import type { Width } from '../../bits.js';
import type { Arithmetic } from './vocabulary.js';

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
/** Virtual-8086 mode. */
export const VM = 1 << 17;
export const AC = 1 << 18;
export const ID = 1 << 21;

/** The status flags, which arithmetic sets. */
export const STATUS_FLAGS = CF | PF | AF | ZF | SF | OF;

/**
 * Lazy flags: a record of the operation that set them, so that they are computed only when they are read. `add` and
 * `sub` hold both operands; `inc` and `dec` the result and the preserved CF; `shr` and `sar` the shifted value and the
 * count (1 to 63); `product`, for a signed multiplication, both factors; `rotate` the rotated value and the earlier
 * result that determines ZF, SF and PF; `result` a result for ZF, SF and PF, and CF, AF and OF in RFLAGS positions as
 * `bits`; `bits` all six flags.
 */
export type FlagsThunk<V> =
  | { readonly kind: 'add' | 'sub'; readonly width: Width; readonly x: V; readonly y: V; readonly result: V }
  | { readonly kind: 'inc' | 'dec'; readonly width: Width; readonly result: V; readonly carry: V }
  | { readonly kind: 'shr' | 'sar'; readonly width: Width; readonly x: V; readonly count: V; readonly result: V }
  | { readonly kind: 'product'; readonly width: Width; readonly x: V; readonly y: V }
  | RotateThunk<V>
  | { readonly kind: 'result'; readonly width: Width; readonly result: V; readonly bits: V }
  | { readonly kind: 'bits'; readonly bits: V };

/**
 * Flags after a rotation: CF and OF of a rotation of `width` bits; ZF, SF and PF of `result`, which has `resultWidth`
 * bits; AF as given (0 or 1).
 */
export interface RotateThunk<V> {
  readonly kind: 'rol' | 'ror';
  readonly width: Width;
  readonly rotated: V;
  readonly resultWidth: Width;
  readonly result: V;
  readonly auxiliary: V;
}

export function flagsOfAdd<V>(width: Width, x: V, y: V, result: V): FlagsThunk<V> {
  return { kind: 'add', width, x, y, result };
}

export function flagsOfSub<V>(width: Width, x: V, y: V, result: V): FlagsThunk<V> {
  return { kind: 'sub', width, x, y, result };
}

/**
 * Flags of AND, OR, XOR and TEST, which clear CF and OF (and AF, which the manual leaves undefined): as if 0 had been
 * subtracted.
 */
export function flagsOfLogic<V>(m: Arithmetic<V>, width: Width, result: V): FlagsThunk<V> {
  return { kind: 'sub', width, x: result, y: m.constant(width, 0), result };
}

/** Flags with ZF, SF and PF from the result and CF, AF and OF from `bits`, a 32-bit value in RFLAGS positions. */
export function flagsOfResult<V>(width: Width, result: V, bits: V): FlagsThunk<V> {
  return { kind: 'result', width, result, bits };
}

/** Flags after a rotation, which sets CF and OF; the others stay as in `before`. */
export function flagsOfRotate<V>(
  m: Arithmetic<V>,
  before: FlagsThunk<V>,
  kind: 'rol' | 'ror',
  width: Width,
  rotated: V,
): FlagsThunk<V> {
  if (before.kind === 'bits' || before.kind === 'product') {
    const mine: RotateThunk<V> = {
      kind,
      width,
      rotated,
      resultWidth: width,
      result: rotated,
      auxiliary: m.constant(8, 0),
    };
    const kept = m.and(32, bitsOf(m, before), m.constant(32, STATUS_FLAGS & ~(CF | OF)));
    return {
      kind: 'bits',
      bits: m.or(32, kept, m.or(32, flagAt(m, CF, carryOf(m, mine)), flagAt(m, OF, overflowOf(m, mine)))),
    };
  }
  const isRotate = before.kind === 'rol' || before.kind === 'ror';
  const auxiliary = isRotate ? before.auxiliary : auxiliaryOf(m, before);
  const resultWidth = isRotate ? before.resultWidth : before.width;
  return { kind, width, rotated, resultWidth, result: before.result, auxiliary };
}

/** Replaces each value of a thunk; `place` numbers them from 0. */
export function mapThunk<V>(thunk: FlagsThunk<V>, replace: (value: V, place: number) => V): FlagsThunk<V> {
  let place = 0;
  const mapped: Record<string, unknown> = {};
  for (const name in thunk) {
    const value: unknown = thunk[name as keyof FlagsThunk<V>];
    const isNumber = name === 'kind' || name === 'width' || name === 'resultWidth';
    mapped[name] = isNumber ? value : replace(value as V, place++);
  }
  return mapped as unknown as FlagsThunk<V>;
}

type M<V> = Arithmetic<V>;

/** CF as a truth value (0 or 1). */
export function carryOf<V>(m: M<V>, t: FlagsThunk<V>): V {
  switch (t.kind) {
    case 'add':
      return m.lessUnsigned(t.width, t.result, t.y);
    case 'sub':
      return m.lessUnsigned(t.width, t.x, t.y);
    case 'inc':
    case 'dec':
      return t.carry;
    case 'shr':
    case 'sar':
      return lastBitOut(m, t);
    case 'product':
      return isWideProduct(m, t);
    case 'rol':
      return m.truncate(t.width, 8, m.and(t.width, t.rotated, m.constant(t.width, 1)));
    case 'ror':
      return signBit(m, t.width, t.rotated);
    default:
      return bit(m, t.bits, CF);
  }
}

/** The last bit that a right shift moved out. Narrow operands are shifted as 32 bits. */
function lastBitOut<V>(m: M<V>, t: FlagsThunk<V> & { kind: 'shr' | 'sar' }): V {
  const work = t.width === 64 ? 64 : 32;
  const narrow = t.width < work;
  const x = !narrow ? t.x : t.kind === 'sar' ? m.signExtend(t.width, work, t.x) : m.zeroExtend(t.width, work, t.x);
  const count = m.sub(8, t.count, m.constant(8, 1));
  const last = m.shr(work, x, m.zeroExtend(8, work, count));
  return m.truncate(work, 8, m.and(work, last, m.constant(work, 1)));
}

/** Whether the upper half of a signed product is more than the sign extension of the lower half. */
function isWideProduct<V>(m: M<V>, { width, x, y }: { width: Width; x: V; y: V }): V {
  const sign = m.sar(width, m.mul(width, x, y), m.constant(width, width - 1));
  return m.isFalse(m.equal(width, m.mulHighSigned(width, x, y), sign));
}

export function zeroOf<V>(m: M<V>, t: FlagsThunk<V>): V {
  if (t.kind === 'bits') return bit(m, t.bits, ZF);
  if (t.kind === 'product') return m.constant(8, 0);
  if (t.kind === 'rol' || t.kind === 'ror') return m.isZero(t.resultWidth, t.result);
  return m.isZero(t.width, t.result);
}

export function signOf<V>(m: M<V>, t: FlagsThunk<V>): V {
  if (t.kind === 'bits') return bit(m, t.bits, SF);
  if (t.kind === 'product') return m.constant(8, 0);
  if (t.kind === 'rol' || t.kind === 'ror') return signBit(m, t.resultWidth, t.result);
  return signBit(m, t.width, t.result);
}

export function overflowOf<V>(m: M<V>, t: FlagsThunk<V>): V {
  switch (t.kind) {
    case 'add':
    case 'sub': {
      const fromX = m.xor(t.width, t.x, t.result);
      const fromY = t.kind === 'add' ? m.xor(t.width, t.y, t.result) : m.xor(t.width, t.x, t.y);
      return signBit(m, t.width, m.and(t.width, fromX, fromY));
    }
    case 'inc':
    case 'dec': {
      // 0111... + 1 and 1000... - 1 overflow.
      const most = 1n << BigInt(t.width - 1);
      return m.equal(t.width, t.result, m.constant(t.width, t.kind === 'inc' ? most : most - 1n));
    }
    case 'shr':
      return signBit(m, t.width, t.x);
    case 'sar':
      return m.constant(8, 0);
    case 'product':
      return isWideProduct(m, t);
    case 'rol':
    case 'ror':
      return rotateOverflow(m, t);
    default:
      return bit(m, t.bits, OF);
  }
}

/**
 * OF of a rotation: whether the sign of the rotated value differs from the last bit rotated (left) or from the next bit
 * (right).
 */
function rotateOverflow<V>(m: M<V>, { kind, width, rotated }: RotateThunk<V>): V {
  const other = m.shr(width, rotated, m.constant(width, kind === 'rol' ? 0 : width - 2));
  const otherBit = m.truncate(width, 8, m.and(width, other, m.constant(width, 1)));
  return m.xor(8, signBit(m, width, rotated), otherBit);
}

/** Even parity of the low byte of the result. */
export function parityOf<V>(m: M<V>, t: FlagsThunk<V>): V {
  if (t.kind === 'bits') return bit(m, t.bits, PF);
  if (t.kind === 'product') return m.constant(8, 0);
  const width = t.kind === 'rol' || t.kind === 'ror' ? t.resultWidth : t.width;
  const ones = m.populationCount(8, m.truncate(width, 8, t.result));
  return m.isFalse(m.and(8, ones, m.constant(8, 1)));
}

export function auxiliaryOf<V>(m: M<V>, t: FlagsThunk<V>): V {
  switch (t.kind) {
    case 'add':
    case 'sub': {
      const low = (v: V): V => m.truncate(t.width, 8, v);
      const changed = m.xor(8, m.xor(8, low(t.x), low(t.y)), low(t.result));
      return m.and(8, m.shr(8, changed, m.constant(8, 4)), m.constant(8, 1));
    }
    case 'inc':
    case 'dec': {
      const nibble = m.and(8, m.truncate(t.width, 8, t.result), m.constant(8, 15));
      return m.equal(8, nibble, m.constant(8, t.kind === 'inc' ? 0 : 15));
    }
    case 'shr':
    case 'sar':
    case 'product':
      return m.constant(8, 0);
    case 'rol':
    case 'ror':
      return t.auxiliary;
    default:
      return bit(m, t.bits, AF);
  }
}

/** All six status flags in their RFLAGS positions; 32 bits. */
export function bitsOf<V>(m: M<V>, t: FlagsThunk<V>): V {
  if (t.kind === 'bits') return t.bits;
  const ofResult = m.or(
    32,
    m.or(32, flagAt(m, ZF, zeroOf(m, t)), flagAt(m, SF, signOf(m, t))),
    flagAt(m, PF, parityOf(m, t)),
  );
  if (t.kind === 'result') return m.or(32, ofResult, t.bits);
  const others = m.or(
    32,
    m.or(32, flagAt(m, CF, carryOf(m, t)), flagAt(m, OF, overflowOf(m, t))),
    flagAt(m, AF, auxiliaryOf(m, t)),
  );
  return m.or(32, ofResult, others);
}

/** Codes of conditions that test a single flag: O tests OF, B tests CF. */
export const OVERFLOW = 0;
export const CARRY = 2;

/** The sixteen conditions. SDM Vol. 1 appendix B: O, B, Z, BE, S, P, L, LE and, for odd codes, their negations. */
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

/** The number of the bit of a flag. */
function placeOf(flag: number): number {
  return 31 - Math.clz32(flag);
}

/** A truth value at the position of a flag; 32 bits. */
function flagAt<V>(m: M<V>, flag: number, truth: V): V {
  return m.shl(32, m.zeroExtend(8, 32, truth), m.constant(32, placeOf(flag)));
}

function bit<V>(m: M<V>, bits: V, flag: number): V {
  const shifted = m.shr(32, bits, m.constant(32, placeOf(flag)));
  return m.truncate(32, 8, m.and(32, shifted, m.constant(32, 1)));
}

function signBit<V>(m: M<V>, width: Width, x: V): V {
  return m.lessSigned(width, x, m.constant(width, 0));
}
