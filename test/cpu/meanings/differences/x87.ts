/** What the manuals leave open about x87: condition codes, the last bit of transcendental results, faults of images. */
import { Vector } from '../../../../src/cpu/state/exceptions.js';
import type { OracleState } from '../../../oracle/case.js';
import type { Answers, Expectation, Tolerance } from '../host-differences.js';
import { hasMnemonic, leftOut, raised } from './probes.js';

const MEMORY_FAULTS = [Vector.PF, Vector.GP, Vector.SS, Vector.AC];
const LATE_FAULTS = [...MEMORY_FAULTS, Vector.XM];
const FSW = 2;
const FTW = 4;
const STACK = 32;
const STRIDE = 16;
const C1 = 0x0200;
const CODES = 0x4700;
const OTHER_CODES = CODES & ~C1;
const ES = 0x80;
/** PE, and ES and B, which it sets if it is unmasked. */
const PRECISION = 0x80a0;
const DE = 0x02;

/** Results that processors compute to the last bit but one or two. */
const TRANSCENDENTAL = ['F2XM1', 'FYL2X', 'FYL2XP1', 'FPTAN', 'FPATAN', 'FSIN', 'FCOS', 'FSINCOS'];
const UNITS = 2n;

/** Instructions whose C0, C2 and C3 the manual defines, those that leave them out of the comparison all others. */
const DEFINED_CODES = /^F(N|U?COM[IP]?|ICOM|TST|XAM|PREM|LDENV|LDCW|RSTOR|XRSTOR|XSAVE)|^(WAIT|EMMS)$/;
/** FCOMI and FCMOVcc leave C1 alone (AMD), or clear it (SDM Vol. 2A "FCOMI"). */
const C1_VARIES = /^F(U?COMIP?|CMOV.*|FREEP?)$/;

export const X87_TOLERANCES: readonly Tolerance[] = [
  {
    instructions: 'x87 images, extended and decimal numbers where the memory faults',
    why: 'they are many accesses, of which some come before the fault, in an order of their own',
    maps: (answers) =>
      isLarge(answers) && raised(answers, MEMORY_FAULTS, MEMORY_FAULTS) ? leftOut(answers) : undefined,
  },
  {
    instructions: 'F2XM1 and FYL2XP1 beyond their range',
    why: 'SDM Vol. 2A "F2XM1", "FYL2XP1": the result is undefined for |x| > 1, and for |x| from 1 - √½ on',
    maps: (answers) => (isBeyond(answers) ? leftOut(answers) : undefined),
  },
  {
    instructions: 'FLD of a denormal, with that exception unmasked',
    why: 'SDM Vol. 1 8.5.2: the source stays; AMD loads it',
    maps: (answers) =>
      hasMnemonic(answers, 'FLD') && (statusOf(answers.native) & (ES | DE)) === (ES | DE)
        ? leftOut(answers)
        : undefined,
  },
  {
    instructions: 'MASKMOVQ and conversions on MMX registers that fault',
    why: 'SDM Vol. 1 9.5.1 leaves open whether TOP and the tags have changed then; on AMD they have (but not with #MF)',
    maps: (answers) =>
      isLongOnMmx(answers) && raised(answers, LATE_FAULTS, LATE_FAULTS)
        ? { x87: inMmxState(answers.ours.x87) }
        : undefined,
  },
  {
    instructions: 'stores of MMX registers that fault',
    why: 'SDM Vol. 1 9.5.1 leaves open whether TOP has changed then; on Intel it has, and the tags have not',
    maps: (answers) =>
      isStoreOfMmx(answers) && raised(answers, MEMORY_FAULTS, MEMORY_FAULTS)
        ? { x87: withTopZero(answers.ours.x87) }
        : undefined,
  },
  {
    instructions: 'FST, FIST and relatives whose memory faults, with an unmasked exception',
    why: 'SDM Vol. 3A 6.9: the order of the two depends on the implementation; on Intel nothing is stored then, nor checked',
    maps: (answers) =>
      hasMnemonic(answers, 'FST', 'FSTP', 'FIST', 'FISTP', 'FISTTP', 'FBSTP') &&
      !answers.native.fault &&
      answers.ours.fault &&
      (statusOf(answers.native) & ES) !== 0
        ? leftOut(answers)
        : undefined,
  },
  {
    instructions: 'condition codes of x87',
    why: 'SDM Vol. 2A leaves most of them undefined, and all where an unmasked exception is raised',
    maps: (answers) => withStatusBits(answers, undefinedCodes(answers)),
  },
  {
    instructions: TRANSCENDENTAL.join(', '),
    why: 'SDM Vol. 1 8.3.10: the error may be more than half a unit in the last place; exact results may raise PE',
    maps: (answers) => {
      if (!hasMnemonic(answers, ...TRANSCENDENTAL) || !sameStack(answers)) return undefined;
      const expected = withStatusBits(answers, CODES | (hasMnemonic(answers, 'FYL2X', 'F2XM1') ? PRECISION : 0)) ?? {};
      const x87 = (expected.x87 ?? answers.ours.x87).slice();
      x87.set(answers.native.x87.subarray(STACK), STACK);
      return { x87 };
    },
  },
];

/** FSW.TOP. */
function topOf(x87: Uint8Array): number {
  return (x87[FSW + 1]! >> 3) & 7;
}

/** The 8 bytes of an MMX register in an FXSAVE image. */
export function mmxRegister(x87: Uint8Array, number: number): Uint8Array {
  const start = STACK + STRIDE * ((number - topOf(x87)) & 7);
  return x87.subarray(start, start + 8);
}

/** An FXSAVE image after an instruction that uses MMX registers: TOP is 0, and none is empty. */
function inMmxState(image: Uint8Array): Uint8Array {
  const x87 = withTopZero(image);
  x87[FTW] = 0xff;
  return x87;
}

/** An FXSAVE image with the same registers, and TOP 0. */
function withTopZero(image: Uint8Array): Uint8Array {
  const x87 = image.slice();
  for (let number = 0; number < 8; number++) {
    const from = STACK + STRIDE * ((number - topOf(image)) & 7);
    x87.set(image.subarray(from, from + STRIDE), STACK + STRIDE * number);
  }
  x87[FSW + 1] = x87[FSW + 1]! & ~0x38;
  return x87;
}

/** True for operands in memory of more than eight bytes. */
function isLarge({ c }: Answers): boolean {
  const { row, operands } = c.form;
  return row.feature === 'FPU' && operands.some((operand) => operand.kind === 'memory' && operand.width === 0);
}

function isLongOnMmx({ c }: Answers): boolean {
  const { row } = c.form;
  return /^(CVT|MASKMOV)/.test(row.mnemonic) && row.operands.some(({ file }) => file === 'mmx');
}

function isStoreOfMmx({ c }: Answers): boolean {
  const { row, dest } = c.form;
  return dest.kind === 'memory' && row.operands.some(({ file }) => file === 'mmx');
}

function statusOf({ x87 }: OracleState): number {
  return x87[FSW]! | (x87[FSW + 1]! << 8);
}

/** bd0's state with some bits of FSW as the host has them; undefined if that makes no difference. */
function withStatusBits({ native, ours }: Answers, mask: number): Partial<Expectation> | undefined {
  const status = statusOf(ours);
  const expected = (status & ~mask) | (statusOf(native) & mask);
  if (expected === status) return undefined;
  const x87 = ours.x87.slice();
  x87[FSW] = expected & 0xff;
  x87[FSW + 1] = expected >> 8;
  return { x87 };
}

function undefinedCodes({ c, ours }: Answers): number {
  const { mnemonic, feature } = c.form.row;
  if (feature !== 'FPU' && feature !== 'SSE3') return 0;
  const before = c.oracle.x87[FSW]! & ES;
  if (before === 0 && (statusOf(ours) & ES) !== 0) return CODES;
  return (DEFINED_CODES.test(mnemonic) ? 0 : OTHER_CODES) | (C1_VARIES.test(mnemonic) ? C1 : 0);
}

function isBeyond(answers: Answers): boolean {
  const { x87 } = answers.c.oracle;
  const view = new DataView(x87.buffer, x87.byteOffset);
  const exponent = view.getUint16(STACK + 8, true) & 0x7fff;
  const significand = view.getBigUint64(STACK, true);
  if (hasMnemonic(answers, 'F2XM1')) return exponent > 0x3fff || (exponent === 0x3fff && significand !== 1n << 63n);
  // 1 - √½ is 0.29289.
  return (
    hasMnemonic(answers, 'FYL2XP1') && (exponent > 0x3ffd || (exponent === 0x3ffd && significand > 0x95f6_1998n << 32n))
  );
}

/** Registers that differ by a few units in the last place at most. */
function sameStack({ native, ours }: Answers): boolean {
  const number = (x87: Uint8Array, i: number): bigint => {
    const view = new DataView(x87.buffer, x87.byteOffset);
    const at = STACK + STRIDE * i;
    // Without the integer bit, numbers of one sign are in the order of their encodings.
    const magnitude = (BigInt(view.getUint16(at + 8, true)) << 63n) | (view.getBigUint64(at, true) & ~(1n << 63n));
    return magnitude;
  };
  return Array.from({ length: 8 }, (_, i) => number(native.x87, i) - number(ours.x87, i)).every(
    (difference) => difference <= UNITS && difference >= -UNITS,
  );
}
