import type { Undefined } from '../../decode/row.js';
import { AF, CF, OF, PF, SF, STATUS_FLAGS, ZF } from '../flags.js';

/** What instructions leave undefined, for their rows. SDM Vol. 1 appendix A "EFLAGS Cross-Reference". */

/** Rotations: OF for counts other than 1. SDM Vol. 2B "RCL/RCR/ROL/ROR". */
export const rotation: Undefined = { flags: (_width, count) => (count > 1 ? OF : 0) };

/** SDM Vol. 2B "SAL/SAR/SHL/SHR": AF, OF for counts other than 1, and CF if SHL or SHR shift everything out. */
export const shift: Undefined = {
  flags: (width, count) => (count === 0 ? 0 : AF | (count > 1 ? OF : 0) | (count >= width ? CF : 0)),
};
export const arithmeticShift: Undefined = {
  flags: (_width, count) => (count === 0 ? 0 : AF | (count > 1 ? OF : 0)),
};

/** SDM Vol. 2B "SHLD", "SHRD": all flags and the result if the count exceeds the operand size. */
export const doubleShift: Undefined = {
  flags: (width, count) => {
    if (count === 0) return 0;
    if (count > width) return STATUS_FLAGS;
    return AF | (count > 1 ? OF : 0);
  },
  result: (width, count) => count > width,
};

/** Logic: AND, OR, XOR, TEST. */
export const logic: Undefined = { flags: AF };
export const product: Undefined = { flags: SF | ZF | AF | PF };
export const division: Undefined = { flags: STATUS_FLAGS };
export const bitTest: Undefined = { flags: OF | SF | AF | PF };
export const bitScan: Undefined = { flags: CF | OF | SF | AF | PF };
/** DAA, DAS. */
export const packedDecimal: Undefined = { flags: OF };
/** AAA, AAS. */
export const unpackedDecimal: Undefined = { flags: OF | SF | ZF | PF };
/** AAM, AAD. */
export const decimalProduct: Undefined = { flags: OF | AF | CF };
/** LZCNT, TZCNT. */
export const bitCount: Undefined = { flags: OF | SF | PF | AF };
/** BMI: ANDN, BLSI, BLSMSK, BLSR, BZHI. */
export const bitField: Undefined = { flags: AF | PF };
/** BEXTR. */
export const bitExtract: Undefined = { flags: AF | SF | PF };
