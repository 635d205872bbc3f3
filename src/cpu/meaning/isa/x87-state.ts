import { Vector } from '../../state/exceptions.js';
import type { Machine, Place } from '../vocabulary.js';

/*
 * The x87 state as `Machine.x87` has it: offsets as in the FXSAVE image, but the registers in their physical order, R0
 * to R7, which is that of MM0 to MM7. ST(i) is register TOP + i. SDM Vol. 1 8.1 "x87 FPU Execution Environment".
 *
 *          15      8 7            0                    15      8 7            0
 *      0 | FIP      | FOP  0 FTW  FSW FCW |     32 | 0 (6 bytes), R0 (10 bytes)           | ... to 159
 *     16 | 0        | FDP                 |
 *
 * FTW has one bit per register, in the same order: 1 if it is not empty. FIP and FDP are those of the last instruction that
 * computes, whatever becomes of it; FOP is only what was loaded into it.
 */
export const FCW = 0;
export const FSW = 2;
export const FTW = 4;
export const FOP = 6;
export const FIP = 8;
export const FDP = 16;
/** Number of registers. */
export const REGISTERS = 8;
/** Offsets of the two parts of a register: the significand (64 bits), the sign and exponent (16 bits). */
export const SIGNIFICAND = 0;
export const SIGN_EXPONENT = 8;

/** FCW after FNINIT: extended precision, rounding to nearest, every exception masked. SDM Vol. 1 8.1.5. */
export const INITIAL_FCW = 0x037f;
/** Reserved bits of FCW read as 0, but bit 6 as 1. SDM Vol. 1 8.1.5. */
const FCW_WRITABLE = 0x1f3f;
const FCW_FIXED = 0x0040;
/** IE to PE in FSW, and their masks in FCW. */
export const X87_EXCEPTIONS = 0x3f;
/** All bits except ES and B, which are set if an exception in bits 5:0 is not masked in FCW. SDM Vol. 1 8.1.3. */
const FSW_WRITABLE = 0x7f7f;
/** ES and B. */
const FSW_PENDING = 0x8080;
/** ES. */
const FSW_ES = 0x80;
/** C0 to C3 and TOP: what FNCLEX leaves. */
const FSW_KEPT = 0x7f00;
const TOP_SHIFT = 11;
const TOP_MASK = 7;
/** An x87 opcode has eleven bits. SDM Vol. 1 8.1.9. */
export const FOP_WRITABLE = 0x7ff;

/** Before every instruction that is not a no-wait form: #MF if an unmasked exception is pending. SDM Vol. 1 8.7. */
export function requireNoPending<V>(m: Machine<V>): void {
  m.raiseIf(m.isFalse(m.isZero(16, m.and(16, m.x87(16, FSW), m.constant(16, FSW_ES)))), Vector.MF);
}

/** TOP, 32 bits. */
export function topOf<V>(m: Machine<V>): V {
  const status = m.zeroExtend(16, 32, m.x87(16, FSW));
  return m.and(32, m.shr(32, status, m.constant(32, TOP_SHIFT)), m.constant(32, TOP_MASK));
}

/** Sets TOP to the low three bits of a 32-bit value. */
export function setTop<V>(m: Machine<V>, top: V): void {
  const bits = m.shl(32, m.and(32, top, m.constant(32, TOP_MASK)), m.constant(32, TOP_SHIFT));
  const others = m.and(16, m.x87(16, FSW), m.constant(16, ~(TOP_MASK << TOP_SHIFT) & 0xffff));
  m.setX87(16, FSW, m.or(16, others, m.truncate(32, 16, bits)));
}

/** Sets FCW and FSW: reserved bits get their fixed values, ES and B tell whether an exception is unmasked. */
export function setControlAndStatus<V>(m: Machine<V>, fcw: V, fsw: V): void {
  const masked = (value: V, mask: number): V => m.and(16, value, m.constant(16, mask));
  const control = masked(fcw, FCW_WRITABLE);
  const status = masked(fsw, FSW_WRITABLE);
  const pending = masked(m.and(16, status, m.not(16, control)), X87_EXCEPTIONS);
  const summary = m.select(16, m.isZero(16, pending), m.constant(16, 0), m.constant(16, FSW_PENDING));
  m.setX87(16, FCW, m.or(16, control, m.constant(16, FCW_FIXED)));
  m.setX87(16, FSW, m.or(16, status, summary));
}

/** Clears the exceptions: IE to PE, SF, ES and B. */
export function clearExceptions<V>(m: Machine<V>): void {
  m.setX87(16, FSW, m.and(16, m.x87(16, FSW), m.constant(16, FSW_KEPT)));
}

/** The state of FNINIT; the registers keep what they hold, but count as empty. SDM Vol. 2A "FINIT/FNINIT". */
export function initialize<V>(m: Machine<V>): void {
  m.setX87(16, FCW, m.constant(16, INITIAL_FCW));
  m.setX87(16, FSW, m.constant(16, 0));
  m.setX87(16, FTW, m.constant(16, 0));
  m.setX87(16, FOP, m.constant(16, 0));
  m.setX87(64, FIP, m.constant(64, 0));
  m.setX87(64, FDP, m.constant(64, 0));
}

/** Two bits of the full tag word. SDM Vol. 1 8.1.7 "x87 FPU Tag Word". */
const TAG = { valid: 0, zero: 1, special: 2, empty: 3 } as const;
const EXPONENT = 0x7fff;

/** The full tag word, 16 bits, from the registers that are in use and what they hold. SDM Vol. 1 table 10-3. */
export function fullTags<V>(m: Machine<V>): V {
  const used = m.x87(16, FTW);
  let tags = m.constant(16, 0);
  for (let register = 0; register < REGISTERS; register++) {
    const isEmpty = m.isZero(16, m.and(16, used, m.constant(16, 1 << register)));
    const tag = m.select(16, isEmpty, m.constant(16, TAG.empty), tagOf(m, m.constant(32, register)));
    tags = m.or(16, tags, m.shl(16, tag, m.constant(16, 2 * register)));
  }
  return tags;
}

function tagOf<V>(m: Machine<V>, register: V): V {
  const significand = m.x87Register(register, 64, SIGNIFICAND);
  const exponent = m.and(16, m.x87Register(register, 16, SIGN_EXPONENT), m.constant(16, EXPONENT));
  const tag = (value: keyof typeof TAG): V => m.constant(16, TAG[value]);
  const tiny = m.select(16, m.isZero(64, significand), tag('zero'), tag('special'));
  const hasIntegerBit = m.lessSigned(64, significand, m.constant(64, 0));
  const isSpecial = m.or(8, m.equal(16, exponent, m.constant(16, EXPONENT)), m.isFalse(hasIntegerBit));
  return m.select(16, m.isZero(16, exponent), tiny, m.select(16, isSpecial, tag('special'), tag('valid')));
}

/** One bit per register, 16 bits, from a full tag word: only whether a tag is 3 counts. */
export function usedRegisters<V>(m: Machine<V>, tags: V): V {
  const constant = (value: number): V => m.constant(16, value);
  const halves = m.and(16, tags, m.shr(16, tags, constant(1)));
  let bits = m.and(16, m.not(16, halves), constant(0x5555));
  for (const [distance, mask] of [
    [1, 0x3333],
    [2, 0x0f0f],
    [4, 0x00ff],
  ] as const)
    bits = m.and(16, m.or(16, bits, m.shr(16, bits, constant(distance))), constant(mask));
  return bits;
}

/** Copies ST(0) to ST(7) to memory, `stride` bytes from one to the next; with a stride of 16, zeros behind each. */
export function storeStack<V>(m: Machine<V>, image: Place<V>, start: number, stride: 10 | 16): void {
  const top = topOf(m);
  for (let i = 0; i < REGISTERS; i++) {
    const register = m.add(32, top, m.constant(32, i));
    const [at, upper] = [start + stride * i, m.x87Register(register, 16, SIGN_EXPONENT)];
    image.store(64, m.x87Register(register, 64, SIGNIFICAND), at);
    if (stride === 16) image.store(64, m.zeroExtend(16, 64, upper), at + 8);
    else image.store(16, upper, at + 8);
  }
}

/** Loads ST(0) to ST(7) from memory, for the TOP that FSW has. */
export function loadStack<V>(m: Machine<V>, image: Place<V>, start: number, stride: 10 | 16): void {
  const top = topOf(m);
  for (let i = 0; i < REGISTERS; i++) {
    const register = m.add(32, top, m.constant(32, i));
    const at = start + stride * i;
    m.setX87Register(register, 64, SIGNIFICAND, image.load(64, at));
    m.setX87Register(register, 16, SIGN_EXPONENT, image.load(16, at + 8));
  }
}
