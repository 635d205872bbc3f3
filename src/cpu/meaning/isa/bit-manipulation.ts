import type { Width } from '../../../bits.js';
import { CF, flagsOfLogic, flagsOfResult } from '../flags.js';
import type { Arithmetic, Semantics } from '../vocabulary.js';
import { flagFromTruth } from './flag-bits.js';
import { place, read } from './operands.js';

/**
 * SDM Vol. 1 5.1.16 "BMI1, BMI2": instructions that are neither arithmetic, logical nor shifts. AF and PF are undefined
 * throughout.
 */

/** BEXTR: DEST := SRC2[15:8] bits of SRC, starting at bit SRC2[7:0]; sets ZF, clears CF and OF. SDM Vol. 2A "BEXTR". */
export const bextr: Semantics = (m, { dest, src, third, width }) => {
  const x = read(m, src);
  const control = read(m, third);
  const byteMask = m.constant(width, 0xff);
  const start = m.and(width, control, byteMask);
  const length = m.and(width, m.shr(width, control, m.constant(width, 8)), byteMask);
  const shifted = m.shr(width, x, m.and(width, start, m.constant(width, width - 1)));
  const fromStart = m.select(width, isBelow(m, width, start, width), shifted, m.constant(width, 0));
  const result = keepLow(m, width, fromStart, length);
  place(m, dest, 'write').write(result);
  m.setFlags(flagsOfLogic(m, width, result));
};

/**
 * BZHI: DEST := SRC with the bits from number SRC2[7:0] on cleared; CF is set if there are none. SDM Vol. 2A "BZHI".
 */
export const bzhi: Semantics = (m, { dest, src, third, width }) => {
  const x = read(m, src);
  const length = m.and(width, read(m, third), m.constant(width, 0xff));
  const result = keepLow(m, width, x, length);
  place(m, dest, 'write').write(result);
  const none = m.isFalse(isBelow(m, width, length, width));
  m.setFlags(flagsOfResult(width, result, flagFromTruth(m, none, CF)));
};

/** The low `length` bits of x; all of them if `length` is not less than the width. */
function keepLow<V>(m: Arithmetic<V>, width: Width, x: V, length: V): V {
  const one = m.constant(width, 1);
  const bound = m.shl(width, one, m.and(width, length, m.constant(width, width - 1)));
  const kept = m.and(width, x, m.sub(width, bound, one));
  return m.select(width, isBelow(m, width, length, width), kept, x);
}

function isBelow<V>(m: Arithmetic<V>, width: Width, x: V, bound: number): V {
  return m.lessUnsigned(width, x, m.constant(width, bound));
}

type LowestBit = <V>(m: Arithmetic<V>, width: Width, x: V) => V;

/** DEST := `operation`(SRC); SF and ZF from the result, CF from SRC, OF cleared. */
function lowestBit(operation: LowestBit, carryIfZero: boolean): Semantics {
  return (m, { dest, src, width }) => {
    const x = read(m, src);
    const result = operation(m, width, x);
    place(m, dest, 'write').write(result);
    const isZero = m.isZero(width, x);
    const carry = carryIfZero ? isZero : m.isFalse(isZero);
    m.setFlags(flagsOfResult(width, result, flagFromTruth(m, carry, CF)));
  };
}

const minusOne: LowestBit = (m, width, x) => m.sub(width, x, m.constant(width, 1));

/** BLSI: isolates the lowest set bit; CF is set if there is one. SDM Vol. 2A "BLSI". */
export const blsi = lowestBit((m, width, x) => m.and(width, x, m.neg(width, x)), false);
/** BLSMSK: a mask up to the lowest set bit; CF is set if there is none. SDM Vol. 2A "BLSMSK". */
export const blsmsk = lowestBit((m, width, x) => m.xor(width, x, minusOne(m, width, x)), true);
/** BLSR: clears the lowest set bit; CF is set if there is none. SDM Vol. 2A "BLSR". */
export const blsr = lowestBit((m, width, x) => m.and(width, x, minusOne(m, width, x)), true);

/** PDEP: deposits the low bits of SRC where MASK has bits set; flags unchanged. SDM Vol. 2B "PDEP". */
export const pdep: Semantics = (m, { dest, src, third, width }) => {
  const mask = read(m, third);
  const zero = m.constant(width, 0);
  const one = m.constant(width, 1);
  const [, , result] = m.while(
    [width, width, width],
    [mask, read(m, src), zero],
    ([left]) => m.isFalse(m.isZero(width, left!)),
    ([left, bits, deposited]) => {
      const place = m.and(width, left!, m.neg(width, left!));
      const bit = m.and(width, place, m.neg(width, m.and(width, bits!, one)));
      return [m.xor(width, left!, place), m.shr(width, bits!, one), m.or(width, deposited!, bit)];
    },
  );
  place(m, dest, 'write').write(result!);
};

/** PEXT: packs the bits of SRC selected by MASK; flags unchanged. SDM Vol. 2B "PEXT". */
export const pext: Semantics = (m, { dest, src, third, width }) => {
  const mask = read(m, third);
  const x = read(m, src);
  const one = m.constant(width, 1);
  const [, , result] = m.while(
    [width, width, width],
    [mask, one, m.constant(width, 0)],
    ([left]) => m.isFalse(m.isZero(width, left!)),
    ([left, place, extracted]) => {
      const lowest = m.and(width, left!, m.neg(width, left!));
      const isSet = m.isFalse(m.isZero(width, m.and(width, x, lowest)));
      const bit = m.select(width, isSet, place!, m.constant(width, 0));
      return [m.xor(width, left!, lowest), m.shl(width, place!, one), m.or(width, extracted!, bit)];
    },
  );
  place(m, dest, 'write').write(result!);
};
