/** What the manuals leave open from case to case: an answer within limits, or one of several faults. */
import { truncate } from '../../../../src/bits.js';
import { RAX, RBX, RCX, RDI, RDX, RSP } from '../../../../src/cpu/state/layout.js';
import { Vector } from '../../../../src/cpu/state/exceptions.js';
import { isPrivileged } from '../../../support/privileged-rows.js';
import { RFLAGS } from '../../../oracle/case.js';
import { sameFault } from '../../../oracle/difference.js';
import { CODE, CODE_BYTES } from '../../../oracle/layout.js';
import type { MeaningCase } from '../generate.js';
import type { Answers, Expectation, Tolerance } from '../host-differences.js';
import {
  bothFault,
  hasMnemonic,
  itsFault,
  leftOut,
  memoryBefore,
  MIDDLE,
  raised,
  undefinedOpcode,
  usesMemory,
  within,
} from './probes.js';
import { X87_TOLERANCES } from './x87.js';

const ORDER = 'SDM Vol. 3A 6.9: the order of the faults of one instruction depends on the implementation';
const STACK_FRAME_BYTES = 40;
const XSAVE_BYTES = 832;
/** Bytes of a YMM register. */
const VECTOR = 32n;
const CANONICAL_END = 1n << 47n;
/** Without the V of their names. */
const MASKED_MOVES = ['MASKMOVPS', 'MASKMOVPD', 'PMASKMOVD', 'PMASKMOVQ'];
/** The exceptions that MXCSR has noted. */
const MXCSR_FLAGS = 0x3f;
const MEMORY_FAULTS = [Vector.PF, Vector.GP, Vector.SS, Vector.AC];
const CONVERSION_FAULTS = [...MEMORY_FAULTS, Vector.XM];

/** The registers that hold what an instruction reports of the machine. */
const REPORTED: Readonly<Record<string, readonly number[]>> = {
  CPUID: [RAX, RBX, RCX, RDX],
  RDTSC: [RAX, RDX],
  RDTSCP: [RAX, RCX, RDX],
  XGETBV: [RAX, RDX],
};

export const TOLERANCES: readonly Tolerance[] = [
  ...X87_TOLERANCES,
  {
    instructions: 'CPUID, RDTSC, RDTSCP, XGETBV',
    why: 'they report this machine and its time, in the lower halves of registers',
    maps: (answers) => withReportedRegisters(answers, REPORTED[answers.c.form.row.mnemonic]),
  },
  {
    instructions: 'RDPID, RDRAND, RDSEED',
    why: 'they report the number of this processor, and random numbers, in a register of the operand size',
    maps: (answers) => (hasMnemonic(answers, 'RDPID', 'RDRAND', 'RDSEED') ? withReportedOperand(answers) : undefined),
  },
  {
    instructions: 'RCPPS, RCPSS, RSQRTPS, RSQRTSS',
    why: 'SDM Vol. 2B "RCPPS", "RSQRTPS": each model has estimates of its own, with a relative error of at most 1.5 * 2^-12',
    maps: (answers) =>
      hasMnemonic(answers, 'RCPPS', 'RCPSS', 'RSQRTPS', 'RSQRTSS') &&
      sameEstimates(answers.native.xmm, answers.ours.xmm)
        ? { xmm: answers.native.xmm }
        : undefined,
  },
  {
    instructions: 'DPPS, DPPD of several NaNs',
    why: 'SDM Vol. 2A "DPPS", "DPPD": which of them gets into which element depends on the implementation',
    maps: (answers) => (hasMnemonic(answers, 'DPPS', 'DPPD') ? withNaNsOfHost(answers) : undefined),
  },
  { instructions: 'MOVS where both operands fault', why: ORDER, maps: (answers) => eitherFault(answers, 'MOVS', RDI) },
  {
    instructions: 'PUSH, POP and CALL of memory where the stack faults too',
    why: ORDER,
    maps: (answers) =>
      usesMemory(answers.c)
        ? (eitherFault(answers, 'PUSH', RSP) ?? eitherFault(answers, 'POP', RSP) ?? eitherFault(answers, 'CALL', RSP))
        : undefined,
  },
  {
    instructions: 'RETF, IRET where the stack faults',
    why: `${ORDER}; an RPL below 3 may read the words of the outer stack too`,
    maps: (answers) =>
      hasMnemonic(answers, 'RETF', 'IRET') && bothFault(answers) && faultsOnStack(answers)
        ? itsFault(answers)
        : undefined,
  },
  {
    instructions: 'IRET to an address that is not canonical, with a selector that is refused',
    why: `${ORDER}; Intel names the selector of the stack, which bd0 checks last`,
    maps: (answers) =>
      hasMnemonic(answers, 'IRET') &&
      raised(answers, [Vector.GP], [Vector.GP]) &&
      answers.ours.fault!.errorCode === 0 &&
      answers.native.fault!.errorCode === returnedStack(answers.c)
        ? itsFault(answers)
        : undefined,
  },
  {
    instructions: 'any that is misaligned with RFLAGS.AC, at an address that is not canonical',
    why: `${ORDER}; Intel raises #AC or #GP from address to address`,
    maps: (answers) =>
      (answers.c.oracle.rflags & RFLAGS.AC) !== 0 && raised(answers, [Vector.AC], [Vector.GP, Vector.SS])
        ? itsFault(answers)
        : undefined,
  },
  {
    instructions: 'XGETBV of ECX 1',
    why: 'SDM Vol. 2D "XGETBV": the components in use, where CPUID says so',
    maps: (answers) =>
      hasMnemonic(answers, 'XGETBV') && (answers.c.oracle.gpr[RCX]! & 0xffff_ffffn) === 1n
        ? leftOut(answers)
        : undefined,
  },
  {
    instructions: 'XSAVE and relatives of components that bd0 lacks',
    why: 'SDM Vol. 1 13.4: hosts with AVX-512 have more of them in XCR0',
    maps: (answers) => {
      const { gpr } = answers.c.oracle;
      const asksForOthers = (gpr[RAX]! & 0xffff_fff8n) !== 0n || (gpr[RDX]! & 0xffff_ffffn) !== 0n;
      return /^XSAVE/.test(answers.c.form.row.mnemonic) && asksForOthers ? leftOut(answers) : undefined;
    },
  },
  {
    instructions: 'VMASKMOVPS and relatives across 4 GiB, with addresses of 32 bits',
    why: 'SDM Vol. 1 3.3.7.1 leaves open whether the addresses of the elements wrap, or only that of the first',
    maps: (answers) =>
      hasMnemonic(answers, ...MASKED_MOVES) &&
      raised(answers, [Vector.PF], [Vector.PF]) &&
      answers.c.form.addressWidth === 32 &&
      answers.native.fault!.cr2 === answers.ours.fault!.cr2 + (1n << 32n)
        ? itsFault(answers)
        : undefined,
  },
  {
    instructions: 'VMASKMOVPS and relatives across two pages',
    why: 'SDM Vol. 3A 4.7 leaves open which of the bytes that fault CR2 names, 6.9 whether #GP of others comes first',
    maps: (answers) =>
      hasMnemonic(answers, ...MASKED_MOVES) &&
      (raised(answers, [Vector.PF], [Vector.PF])
        ? isNear(answers.native.fault!.cr2, answers.ours.fault!.cr2, 64, VECTOR)
        : raised(answers, [Vector.GP, Vector.SS], [Vector.PF]) &&
          isNear(CANONICAL_END, answers.ours.fault!.cr2, 64, VECTOR))
        ? itsFault(answers)
        : undefined,
  },
  {
    instructions: 'VCVTPS2PH to memory that faults',
    why: 'SDM Vol. 3A 6.9: the order of the faults depends on the implementation; Intel notes the exceptions of the conversion first',
    maps: (answers) => {
      const { native, ours } = answers;
      const isNoted =
        (native.mxcsr & ~MXCSR_FLAGS) === (ours.mxcsr & ~MXCSR_FLAGS) && (ours.mxcsr & ~native.mxcsr) === 0;
      return hasMnemonic(answers, 'CVTPS2PH') && isNoted && raised(answers, CONVERSION_FAULTS, MEMORY_FAULTS)
        ? { fault: native.fault, mxcsr: native.mxcsr }
        : undefined;
    },
  },
  {
    instructions: 'XSAVE at the end of a page',
    why: 'SDM Vol. 1 13.4: which bytes of the area it touches for components that are not asked for is open',
    maps: (answers) =>
      /^XSAVE/.test(answers.c.form.row.mnemonic) && answers.native.fault?.vector === Vector.PF && !answers.ours.fault
        ? leftOut(answers)
        : undefined,
  },
  {
    instructions: 'XSAVE and relatives across two pages',
    why: 'SDM Vol. 3A 4.7 leaves open which of the bytes that fault CR2 names',
    maps: (answers) =>
      /^XSAVE/.test(answers.c.form.row.mnemonic) &&
      raised(answers, [Vector.PF], [Vector.PF]) &&
      answers.c.address !== undefined &&
      within(answers.native.fault!.cr2, answers.c.address, XSAVE_BYTES)
        ? itsFault(answers)
        : undefined,
  },
  {
    instructions: 'MASKMOVDQU, MASKMOVQ across two pages',
    why: 'SDM Vol. 3A 4.7 leaves open which of the bytes that fault CR2 names',
    maps: (answers) =>
      hasMnemonic(answers, 'MASKMOVDQU', 'MASKMOVQ') &&
      raised(answers, [Vector.PF], [Vector.PF]) &&
      isNear(answers.native.fault!.cr2, answers.ours.fault!.cr2, answers.c.form.addressWidth)
        ? itsFault(answers)
        : undefined,
  },
  {
    instructions: 'any that is #UD on this host, in place of #GP or of #PF of the fetch',
    why: `${ORDER}: privileged instructions may be invalid first (SDM Vol. 2B "MOV": CR1, CR5 to CR7), whole or not`,
    maps: (answers) => (isUndefinedHere(answers) ? undefinedOpcode(answers.c) : undefined),
  },
];

/** True for addresses that so many bytes can hold both; addresses of 32 bits wrap at 4 GiB. */
function isNear(a: bigint, b: bigint, addressWidth: number, bytes = 16n): boolean {
  const distance = BigInt.asIntN(addressWidth, a - b);
  return distance > -bytes && distance < bytes;
}

function withReportedRegisters(
  { native, ours }: Answers,
  reported: readonly number[] | undefined,
): Partial<Expectation> | undefined {
  if (!reported || ours.fault) return undefined;
  const gpr = ours.gpr.slice();
  for (const register of reported) gpr[register] = BigInt.asUintN(32, native.gpr[register]!);
  return { gpr };
}

/** The register of the operand as the host has it, but for what the operand size leaves. */
function withReportedOperand({ c, native, ours }: Answers): Partial<Expectation> | undefined {
  const { rm, form } = c.instruction;
  if (ours.fault || form.dest.kind !== 'gpr') return undefined;
  const { width } = form.dest;
  const gpr = ours.gpr.slice();
  const reported = truncate(width, native.gpr[rm]!);
  gpr[rm] = width === 16 ? c.oracle.gpr[rm]! - truncate(16, c.oracle.gpr[rm]!) + reported : reported;
  return { gpr };
}

/**
 * The fault that is left when the access through `register`, which faults too, is moved to where it succeeds; undefined if
 * this is not the host's.
 */
export function eitherFault(answers: Answers, mnemonic: string, register: number): Partial<Expectation> | undefined {
  const { c, native, ours, ask } = answers;
  if (!hasMnemonic(answers, mnemonic) || !bothFault(answers) || sameFault(native.fault, ours.fault)) return undefined;
  const gpr = ours.gpr.slice();
  gpr[register] = MIDDLE;
  const { fault } = ask.bd0({ ...c, oracle: { ...c.oracle, gpr } });
  return sameFault(native.fault, fault) ? { fault } : undefined;
}

/** Anything but the #GP of a selector, and a page fault only on the frame, of which RETF n skips a part. */
function faultsOnStack({ c, native }: Answers): boolean {
  const { vector, cr2 } = native.fault!;
  const rsp = c.oracle.gpr[RSP]!;
  if (vector === Vector.PF)
    return within(cr2, rsp, STACK_FRAME_BYTES) || within(cr2, rsp + c.instruction.immediate, STACK_FRAME_BYTES);
  return vector === Vector.SS || vector === Vector.AC || vector === Vector.NP;
}

/** #UD of the host, and again where the instruction is whole and nothing but the instruction itself could fault. */
function isUndefinedHere(answers: Answers): boolean {
  const { c, native, ours, ask } = answers;
  if (native.fault?.vector !== Vector.UD) return false;
  const fetch = ours.fault?.vector === Vector.PF && ours.fault.cr2 === CODE + BigInt(CODE_BYTES);
  const refused = ours.fault?.vector === Vector.GP && isPrivileged(c.form.row);
  return (fetch || refused) && ask.host({ ...c.oracle, codeOffset: 0 })?.fault?.vector === Vector.UD;
}

/** bd0's vectors, with the host's quiet NaNs where bd0 has others. */
function withNaNsOfHost({ c, native, ours }: Answers): Partial<Expectation> {
  const elements = c.form.row.mnemonic.endsWith('S') ? Uint32Array : BigUint64Array;
  const quiet = elements === Uint32Array ? 0x7fc0_0000n : 0x7ff8n << 48n;
  const isQuietNaN = (element: number | bigint): boolean => (BigInt(element) & quiet) === quiet;
  const [theirs, own] = [new elements(native.xmm.slice().buffer), new elements(ours.xmm.slice().buffer)];
  for (const [i, element] of own.entries()) if (isQuietNaN(element) && isQuietNaN(theirs[i]!)) own[i] = theirs[i]!;
  return { xmm: new Uint8Array(own.buffer) };
}

/** Twice the greatest relative error that the manual allows. */
const ESTIMATE_ERROR = 2 * 1.5 * 2 ** -12;

function sameEstimates(native: Uint8Array, ours: Uint8Array): boolean {
  const [x, y] = [native.slice().buffer, ours.slice().buffer];
  const [bitsOfX, bitsOfY] = [new Uint32Array(x), new Uint32Array(y)];
  const singles = new Float32Array(y);
  return new Float32Array(x).every((single, i) => {
    const tolerance = Math.abs(single) * ESTIMATE_ERROR;
    return bitsOfX[i] === bitsOfY[i] || Math.abs(single - singles[i]!) <= tolerance;
  });
}

/** The selector of the stack that IRET pops, without its RPL, as an error code names it. */
function returnedStack(c: MeaningCase): number | undefined {
  const popped = memoryBefore(c, c.oracle.gpr[RSP]! + BigInt((4 * c.form.width) / 8), 2);
  return popped && popped.getUint16(0, true) & 0xfffc;
}
