import { AF, CF, OF, PF, SF, STATUS_FLAGS, ZF } from '../flags.js';

/**
 * RFLAGS bits that an instruction leaves undefined; for shifts, a function of the operand size and the masked count.
 */
export type UndefinedFlags = number | ((width: number, count: number) => number);

/** Rotations: OF for counts other than 1. SDM Vol. 2B "RCL/RCR/ROL/ROR". */
const rotation: UndefinedFlags = (_width, count) => (count > 1 ? OF : 0);

/** SDM Vol. 2B "SAL/SAR/SHL/SHR": AF, OF for counts other than 1, and CF if SHL or SHR shift everything out. */
const shift: UndefinedFlags = (width, count) => {
  if (count === 0) return 0;
  return AF | (count > 1 ? OF : 0) | (count >= width ? CF : 0);
};
const arithmeticShift: UndefinedFlags = (_width, count) => (count === 0 ? 0 : AF | (count > 1 ? OF : 0));

/** SDM Vol. 2B "SHLD", "SHRD": all flags if the count exceeds the operand size. */
const doubleShift: UndefinedFlags = (width, count) => {
  if (count === 0) return 0;
  if (count > width) return STATUS_FLAGS;
  return AF | (count > 1 ? OF : 0);
};

const product = SF | ZF | AF | PF;
const bitTest = OF | SF | AF | PF;
const bitScan = CF | OF | SF | AF | PF;

/**
 * The status flags that instructions leave undefined, by mnemonic; instructions not listed define or preserve every
 * status flag. The values here are deterministic, but match no particular processor. SDM Vol. 1 appendix A "EFLAGS
 * Cross-Reference".
 */
export const UNDEFINED_FLAGS: Readonly<Record<string, UndefinedFlags>> = {
  AND: AF,
  OR: AF,
  XOR: AF,
  TEST: AF,
  MUL: product,
  IMUL: product,
  DIV: STATUS_FLAGS,
  IDIV: STATUS_FLAGS,
  ROL: rotation,
  ROR: rotation,
  RCL: rotation,
  RCR: rotation,
  SHL: shift,
  SAL: shift,
  SHR: shift,
  SAR: arithmeticShift,
  SHLD: doubleShift,
  SHRD: doubleShift,
  BT: bitTest,
  BTS: bitTest,
  BTR: bitTest,
  BTC: bitTest,
  BSF: bitScan,
  BSR: bitScan,
  LZCNT: OF | SF | PF | AF,
  TZCNT: OF | SF | PF | AF,
  ANDN: AF | PF,
  BEXTR: AF | SF | PF,
  BLSI: AF | PF,
  BLSMSK: AF | PF,
  BLSR: AF | PF,
  BZHI: AF | PF,
};

/** Whether the manual leaves the result itself undefined: SHLD and SHRD of 16 bits by more than 16. */
export function leavesResultUndefined(mnemonic: string, width: number, count: number): boolean {
  return (mnemonic === 'SHLD' || mnemonic === 'SHRD') && count > width;
}
