import { Vector } from '../../state/exceptions.js';
import { HIGH_BYTE, RAX } from '../../state/layout.js';
import { AF, CARRY, CF, flagsOfResult } from '../flags.js';
import type { Machine, Semantics } from '../vocabulary.js';
import { flagFromTruth } from './flag-bits.js';

/** SDM Vol. 1 5.1.3 "Decimal Arithmetic Instructions", which 64-bit mode does not have. */

const AH = HIGH_BYTE + RAX;

/** Truth: the lower digit of AL is above 9, or AF is set. */
function lowDigitOverflows<V>(m: Machine<V>, al: V): V {
  const isAbove = m.lessUnsigned(8, m.constant(8, 9), m.and(8, al, m.constant(8, 0xf)));
  return m.or(8, isAbove, m.isFalse(m.isZero(32, m.and(32, m.flagBits(), m.constant(32, AF)))));
}

/** CF and AF as a 32-bit value. */
function carries<V>(m: Machine<V>, carry: V, auxiliary: V): V {
  return m.or(32, flagFromTruth(m, carry, CF), flagFromTruth(m, auxiliary, AF));
}

/**
 * DAA, DAS: adjusts AL after an addition (a subtraction) of two packed decimal digits; SF ZF PF by the result, OF is undefined.
 * A borrow of DAS's first step stays in CF. SDM Vol. 2A "DAA", "DAS".
 */
function adjustPacked(kind: 'add' | 'sub'): Semantics {
  return (m) => {
    const old = m.gpr(RAX, 8);
    const lower = lowDigitOverflows(m, old);
    const upper = m.or(8, m.lessUnsigned(8, m.constant(8, 0x99), old), m.condition(CARRY));
    const first = m.select(8, lower, m[kind](8, old, m.constant(8, 6)), old);
    const result = m.select(8, upper, m[kind](8, first, m.constant(8, 0x60)), first);
    const borrows = kind === 'sub' ? m.and(8, lower, m.lessUnsigned(8, old, m.constant(8, 6))) : m.constant(8, 0);
    m.setGpr(RAX, 8, result);
    m.setFlags(flagsOfResult(8, result, carries(m, m.or(8, upper, borrows), lower)));
  };
}

export const daa = adjustPacked('add');
export const das = adjustPacked('sub');

/**
 * AAA, AAS: adjusts AL after an addition (a subtraction) of two unpacked decimal digits, and carries to AH; OF SF ZF PF are
 * undefined. SDM Vol. 2A "AAA", "AAS".
 */
function adjustUnpacked(kind: 'add' | 'sub'): Semantics {
  return (m) => {
    const ax = m.gpr(RAX, 16);
    const adjusts = lowDigitOverflows(m, m.gpr(RAX, 8));
    const sum = m.select(16, adjusts, m[kind](16, ax, m.constant(16, 0x106)), ax);
    const result = m.and(16, sum, m.constant(16, 0xff0f));
    m.setGpr(RAX, 16, result);
    m.setFlags(flagsOfResult(8, m.truncate(16, 8, result), carries(m, adjusts, adjusts)));
  };
}

export const aaa = adjustUnpacked('add');
export const aas = adjustUnpacked('sub');

/** AAM: AH := AL / the immediate, AL := the remainder; #DE for 0. SF ZF PF by AL; OF AF CF are undefined. SDM Vol. 2A "AAM". */
export const aam: Semantics = (m) => {
  const base = m.immediate(8);
  m.raiseIf(m.isZero(8, base), Vector.DE);
  const { quotient, remainder } = m.divideUnsigned(8, m.constant(8, 0), m.gpr(RAX, 8), base);
  m.setGpr(AH, 8, quotient);
  m.setGpr(RAX, 8, remainder);
  m.setFlags(flagsOfResult(8, remainder, m.constant(32, 0)));
};

/** AAD: AL := AL + AH * the immediate, AH := 0. SF ZF PF by AL; OF AF CF are undefined. SDM Vol. 2A "AAD". */
export const aad: Semantics = (m) => {
  const result = m.add(8, m.gpr(RAX, 8), m.mul(8, m.gpr(AH, 8), m.immediate(8)));
  m.setGpr(RAX, 16, m.zeroExtend(8, 16, result));
  m.setFlags(flagsOfResult(8, result, m.constant(32, 0)));
};
