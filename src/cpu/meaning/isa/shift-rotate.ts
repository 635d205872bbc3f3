import type { Width } from '../../../bits.js';
import { CARRY, CF, OF, flagsOfAdd, flagsOfResult } from '../flags.js';
import type { Form } from '../form.js';
import type { Arithmetic, Machine, Semantics } from '../vocabulary.js';
import { flagFromBit, flagFromSign, joinFlags, resize } from './flag-bits.js';
import { place, read } from './operands.js';

/**
 * SDM Vol. 1 5.1.5 "Shift and Rotate Instructions", with RORX, SARX, SHLX and SHRX. Counts are masked to 5 bits, or 6
 * for 64-bit operands; a count of 0 leaves all flags unchanged. AF, and OF for counts other than 1, are undefined: here
 * AF is cleared and OF is computed as for a count of 1.
 */

/** The masked count, 8 bits; forms of rows without a count operand shift by 1. */
function countOf<V>(m: Machine<V>, { operands, src, width }: Form): V {
  if (operands.length === 1) return m.constant(8, 1);
  return m.and(8, read(m, src, 8), m.constant(8, width === 64 ? 63 : 31));
}

/** Runs `setFlags` unless the count is 0. */
function unlessZero<V>(m: Machine<V>, form: Form, count: V, setFlags: () => void): void {
  if (form.operands.length === 1) setFlags();
  else m.if(m.isFalse(m.isZero(8, count)), setFlags);
}

/** Narrow operands are shifted in 32 bits, where every count is in range. */
function workWidth(width: Width): 32 | 64 {
  return width === 64 ? 64 : 32;
}

type Shift = 'shl' | 'shr' | 'sar';

function shiftBy<V>(m: Arithmetic<V>, shift: Shift, width: Width, x: V, count: V): V {
  const work = workWidth(width);
  const wide = shift === 'sar' && width < work ? m.signExtend(width, work, x) : resize(m, width, work, x);
  return resize(m, work, width, m[shift](work, wide, resize(m, 8, work, count)));
}

/** DEST := DEST shifted by the count. `setFlags` gets DEST before (`x`) and after, and a count other than 0. */
function shift(
  setFlags: <V>(m: Machine<V>, width: Width, values: { x: V; count: V; result: V }) => void,
  kind: Shift,
): Semantics {
  return (m, form) => {
    const { dest, width } = form;
    const target = place(m, dest, 'write');
    const count = countOf(m, form);
    const x = target.read();
    const result = shiftBy(m, kind, width, x, count);
    target.write(result);
    unlessZero(m, form, count, () => setFlags(m, width, { x, count, result }));
  };
}

/**
 * SHL, SAL: CF is the last bit shifted out on the left; OF, for a count of 1, CF ^ the sign. SDM Vol. 2B
 * "SAL/SAR/SHL/SHR".
 */
export const shl = shift((m, width, { x, count, result }) => {
  // The last step doubles: last + last = result, carry and overflow included.
  const last = shiftBy(m, 'shl', width, x, m.sub(8, count, m.constant(8, 1)));
  m.setFlags(flagsOfAdd(width, last, last, result));
}, 'shl');

/** SHR: zeros are shifted in on the left; CF is the last bit shifted out; OF, for a count of 1, the former sign. */
export const shr = shift((m, width, values) => m.setFlags({ kind: 'shr', width, ...values }), 'shr');

/**
 * SAR: copies of the sign are shifted in on the left; CF is the last bit shifted out; OF is cleared for a count of 1.
 */
export const sar = shift((m, width, values) => m.setFlags({ kind: 'sar', width, ...values }), 'sar');

/**
 * ROL, ROR: CF receives the last bit rotated; for a count of 1, OF is set if the sign changed. SDM Vol. 2B
 * "RCL/RCR/ROL/ROR".
 */
function rotate(direction: 'rotateLeft' | 'rotateRight'): Semantics {
  return (m, form) => {
    const { dest, width } = form;
    const target = place(m, dest, 'write');
    const count = countOf(m, form);
    const within = m.and(8, count, m.constant(8, width - 1));
    const result = m[direction](width, target.read(), resize(m, 8, width, within));
    target.write(result);
    unlessZero(m, form, count, () => {
      m.setRotateFlags(direction === 'rotateLeft' ? 'rol' : 'ror', width, result);
    });
  };
}

export const rol = rotate('rotateLeft');
export const ror = rotate('rotateRight');

/**
 * RCL, RCR: rotates DEST and CF as one number of width + 1 bits; the count is taken modulo 9 and 17 for 8 and 16 bits.
 * For a count of 1, OF is set if the sign changed.
 */
function rotateThroughCarry(
  step: <V>(m: Machine<V>, width: Width, x: V, count: V, carry: V) => { result: V; flags: V },
): Semantics {
  return (m, form) => {
    const { dest, width } = form;
    const target = place(m, dest, 'write');
    const masked = countOf(m, form);
    const cycles = width <= 16 && form.operands.length > 1;
    const count = cycles ? remainder(m, masked, width + 1) : masked;
    const x = target.read();
    const rotated = (): void => {
      const { result, flags } = step(m, width, x, resize(m, 8, width, count), resize(m, 8, width, m.condition(CARRY)));
      target.write(result);
      m.setFlagBits(CF | OF, flags);
    };
    if (form.operands.length === 1) rotated();
    else m.if(m.isZero(8, count), () => target.write(x), rotated);
  };
}

function remainder<V>(m: Arithmetic<V>, x: V, divisor: number): V {
  return m.divideUnsigned(8, m.constant(8, 0), x, m.constant(8, divisor)).remainder;
}

/** Shift counts for the two parts of x that a rotation by 1 to width bits separates: width - count, and count - 1. */
function shiftCounts<V>(m: Arithmetic<V>, width: Width, count: V): { rest: V; less: V } {
  return { rest: m.sub(width, m.constant(width, width), count), less: m.sub(width, count, m.constant(width, 1)) };
}

export const rcl = rotateThroughCarry((m, width, x, count, carry) => {
  const one = m.constant(width, 1);
  const { rest, less } = shiftCounts(m, width, count);
  const out = m.shr(width, x, rest);
  const result = m.or(width, m.shl(width, m.or(width, m.shl(width, x, one), carry), less), m.shr(width, out, one));
  const carryOut = flagFromBit(m, width, out, 0, CF);
  const overflow = m.xor(32, flagFromSign(m, width, result, OF), flagFromBit(m, width, out, 0, OF));
  return { result, flags: joinFlags(m, carryOut, overflow) };
});

export const rcr = rotateThroughCarry((m, width, x, count, carry) => {
  const one = m.constant(width, 1);
  const { rest, less } = shiftCounts(m, width, count);
  const out = m.shl(width, x, rest);
  const top = m.shl(width, carry, m.constant(width, width - 1));
  const result = m.or(width, m.shr(width, m.or(width, m.shr(width, x, one), top), less), m.shl(width, out, one));
  const overflow = m.xor(32, flagFromSign(m, width, result, OF), flagFromBit(m, width, result, width - 2, OF));
  return { result, flags: joinFlags(m, flagFromSign(m, width, out, CF), overflow) };
});

/**
 * SHLD, SHRD: shifts DEST, with bits of SRC coming in. CF is the last bit shifted out; for a count of 1, OF is set if
 * the sign changed. If a 16-bit operand is shifted by more than 16, everything is undefined; here zeros follow the bits
 * of SRC. SDM Vol. 2B "SHLD", "SHRD".
 */
function doubleShift(left: boolean): Semantics {
  return (m, { dest, src, third, width }) => {
    const target = place(m, dest, 'write');
    const y = read(m, src);
    const count = m.and(8, read(m, third, 8), m.constant(8, width === 64 ? 63 : 31));
    const x = target.read();
    const result = width === 16 ? pairShift16(m, left, x, y, count) : pairShift(m, left, width, x, y, count);
    target.write(result);
    m.if(m.isFalse(m.isZero(8, count)), () => {
      const last = shiftBy(m, left ? 'shl' : 'shr', width, x, m.sub(8, count, m.constant(8, 1)));
      const carry = left ? flagFromSign(m, width, last, CF) : flagFromBit(m, width, last, 0, CF);
      const overflow = flagFromSign(m, width, m.xor(width, x, result), OF);
      m.setFlags(flagsOfResult(width, result, joinFlags(m, carry, overflow)));
    });
  };
}

/** x:y shifted left, or y:x shifted right, and the half where x was. */
function pairShift<V>(m: Arithmetic<V>, left: boolean, width: Width, x: V, y: V, count: V): V {
  const amount = resize(m, 8, width, count);
  const [towards, back] = left ? (['shl', 'shr'] as const) : (['shr', 'shl'] as const);
  // width - count = 1 + (width - 1 - count), so that both counts are in range.
  const rest = m.xor(width, amount, m.constant(width, width - 1));
  const incoming = m[back](width, m[back](width, y, m.constant(width, 1)), rest);
  return m.or(width, m[towards](width, x, amount), incoming);
}

/** The same for 16 bits, where the count may be up to 31. */
function pairShift16<V>(m: Arithmetic<V>, left: boolean, x: V, y: V, count: V): V {
  const sixteen = m.constant(32, 16);
  const [upper, lower] = left ? [x, y] : [y, x];
  const pair = m.or(32, m.shl(32, m.zeroExtend(16, 32, upper), sixteen), m.zeroExtend(16, 32, lower));
  const amount = m.zeroExtend(8, 32, count);
  return m.truncate(32, 16, left ? m.shr(32, m.shl(32, pair, amount), sixteen) : m.shr(32, pair, amount));
}

export const shld = doubleShift(true);
export const shrd = doubleShift(false);

/** SARX, SHLX, SHRX: DEST := SRC1 shifted by SRC2; flags unchanged. SDM Vol. 2B "SARX/SHLX/SHRX". */
function shiftWithoutFlags(kind: Shift): Semantics {
  return (m, { dest, src, third, width }) => {
    const x = read(m, src);
    const count = m.and(width, read(m, third), m.constant(width, width - 1));
    place(m, dest, 'write').write(m[kind](width, x, count));
  };
}

export const sarx = shiftWithoutFlags('sar');
export const shlx = shiftWithoutFlags('shl');
export const shrx = shiftWithoutFlags('shr');

/** RORX: DEST := SRC rotated right by an immediate; flags unchanged. SDM Vol. 2B "RORX". */
export const rorx: Semantics = (m, { dest, src, third, width }) => {
  const x = read(m, src);
  const count = m.and(8, read(m, third, 8), m.constant(8, width - 1));
  place(m, dest, 'write').write(m.rotateRight(width, x, resize(m, 8, width, count)));
};
