import type { Width } from '../../bits.js';
import type { FlagsThunk, RotateThunk } from './flags.js';
import type { Arithmetic } from './vocabulary.js';

/**
 * How the CPU state stores a thunk: FLAGS_KIND has the kind in bits 3:0, the width in bits 5:4 and additional data from
 * bit 8 on; FLAGS_RESULT and FLAGS_OPERAND are zero-extended.
 *
 *     kind            FLAGS_RESULT  FLAGS_OPERAND   from bit 8
 *     bits                          the six flags
 *     result          result        CF, AF, OF
 *     add, sub        result        y
 *     inc, dec        result        CF, 0 or 1
 *     shr, sar        result        x               count
 *     product         x             y
 *     rol, ror        rotated       result          width of the result in bits 9:8, AF in bit 10
 */
export const FLAGS_KINDS = [
  ...(['bits', 'result', 'add', 'sub'] as const),
  ...(['inc', 'dec', 'shr', 'sar', 'product', 'rol', 'ror'] as const),
];
/**
 * The number of kinds, from the first on, whose conditions are computed directly; the others are converted to bits
 * first.
 */
export const COMMON_KINDS = 4;
export const FLAGS_WIDTHS: readonly Width[] = [64, 32, 16, 8];
const WIDTH_SHIFT = 4;
export const FLAGS_EXTRA_SHIFT = 8;
/** Kind and width. */
export const FLAGS_CODE_MASK = 0x3f;

/** Kind and width of a thunk: the part that is known at compile time. */
export function kindCode(thunk: FlagsThunk<unknown>): number {
  const kind = FLAGS_KINDS.indexOf(thunk.kind);
  return thunk.kind === 'bits' ? kind : kind | (FLAGS_WIDTHS.indexOf(thunk.width) << WIDTH_SHIFT);
}

/** The part of a thunk that is known only at run time: 32 bits from FLAGS_EXTRA_SHIFT on, and the two operands. */
export interface ThunkSlots<V> {
  readonly extra: V | undefined;
  readonly result: V | undefined;
  readonly operand: V | undefined;
}

/** Splits a thunk into its slots; FLAGS_KIND holds its `kindCode` plus `extra`. Operands keep their own width. */
export function slotsOf<V>(m: Arithmetic<V>, thunk: FlagsThunk<V>): ThunkSlots<V> {
  switch (thunk.kind) {
    case 'bits':
      return { extra: undefined, result: undefined, operand: thunk.bits };
    case 'result':
      return { extra: undefined, result: thunk.result, operand: thunk.bits };
    case 'add':
    case 'sub':
      return { extra: undefined, result: thunk.result, operand: thunk.y };
    case 'inc':
    case 'dec':
      return { extra: undefined, result: thunk.result, operand: thunk.carry };
    case 'shr':
    case 'sar':
      return { extra: shiftedExtra(m, thunk.count, 0), result: thunk.result, operand: thunk.x };
    case 'product':
      return { extra: undefined, result: thunk.x, operand: thunk.y };
    case 'rol':
    case 'ror': {
      const width = m.constant(32, FLAGS_WIDTHS.indexOf(thunk.resultWidth) << FLAGS_EXTRA_SHIFT);
      const extra = m.or(32, shiftedExtra(m, thunk.auxiliary, 2), width);
      return { extra, result: thunk.rotated, operand: thunk.result };
    }
  }
}

function shiftedExtra<V>(m: Arithmetic<V>, value: V, bit: number): V {
  return m.shl(32, m.zeroExtend(8, 32, value), m.constant(32, FLAGS_EXTRA_SHIFT + bit));
}

/**
 * Reconstructs the thunk from a kind code and its slots; `extra` is the part of FLAGS_KIND from FLAGS_EXTRA_SHIFT on,
 * 32 bits, shifted down. The first operand is computed from the result and the second operand.
 */
export function thunkOfCode<V>(
  m: Arithmetic<V>,
  code: number,
  slots: { readonly extra: V; readonly result: V; readonly operand: V },
): FlagsThunk<V> {
  const kind = FLAGS_KINDS[code & ((1 << WIDTH_SHIFT) - 1)]!;
  const width = FLAGS_WIDTHS[(code >> WIDTH_SHIFT) & 3]!;
  const result = m.truncate(64, width, slots.result);
  const operand = m.truncate(64, width, slots.operand);
  switch (kind) {
    case 'bits':
      return { kind, bits: m.truncate(64, 32, slots.operand) };
    case 'result':
      return { kind, width, result, bits: m.truncate(64, 32, slots.operand) };
    case 'add':
      return { kind, width, x: m.sub(width, result, operand), y: operand, result };
    case 'sub':
      return { kind, width, x: m.add(width, result, operand), y: operand, result };
    case 'inc':
    case 'dec':
      return { kind, width, result, carry: m.truncate(64, 8, slots.operand) };
    case 'shr':
    case 'sar':
      return { kind, width, x: operand, count: m.truncate(32, 8, slots.extra), result };
    case 'product':
      return { kind, width, x: result, y: operand };
    case 'rol':
    case 'ror':
      return rotateOfSlots(m, kind, width, slots);
  }
}

/**
 * A rotation's thunk. The width of the result that ZF, SF and PF come from is known only at run time, so the result is
 * shifted up to be 64 bits wide.
 */
function rotateOfSlots<V>(
  m: Arithmetic<V>,
  kind: 'rol' | 'ror',
  width: Width,
  slots: { readonly extra: V; readonly result: V; readonly operand: V },
): RotateThunk<V> {
  const one = m.constant(32, 1);
  const auxiliary = m.truncate(32, 8, m.and(32, m.shr(32, slots.extra, m.constant(32, 2)), one));
  const index = m.and(32, slots.extra, m.constant(32, 3));
  // Results of 64, 32, 16 and 8 bits are shifted up by 0, 32, 48 and 56; the low byte stays at the bottom, for parity.
  const up = m.sub(32, m.constant(32, 64), m.shr(32, m.constant(32, 64), index));
  const moved = m.shl(64, slots.operand, m.zeroExtend(32, 64, up));
  const low = m.and(64, slots.operand, m.constant(64, 0xff));
  const result = m.or(64, moved, low);
  return { kind, width, rotated: m.truncate(64, width, slots.result), resultWidth: 64, result, auxiliary };
}
