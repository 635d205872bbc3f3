/**
 * Where the CPU under the oracle is known to do something else than bd0, which follows the SDM: each with its reason and
 * what of a case it spoils. Whatever differs and is not listed here fails the test. Compare test/oracle/README.md.
 */
import { isCanonical, signed } from '../../../src/bits.js';
import { Vector } from '../../../src/cpu/state/exceptions.js';
import { ZF } from '../../../src/cpu/meaning/flags.js';
import { MXCSR_MASK } from '../../../src/cpu/evaluator/float/mxcsr.js';
import { FS, RAX, RBX, RDI, RSI, RSP } from '../../../src/cpu/state/layout.js';
import type { OracleResult } from '../../oracle/case.js';
import { CODE, contains } from '../../oracle/layout.js';
import type { HostCpu } from '../../oracle/host.js';
import type { MeaningCase } from './generate.js';
import type { GuestState } from './guest.js';

/** A case with both answers, and the CPU that gave the first. */
export interface Answers {
  readonly c: MeaningCase;
  readonly native: OracleResult;
  readonly ours: GuestState;
  readonly host: HostCpu;
}

/** What is left out of the comparison. */
export type Spoilt =
  'case' | 'memory' | 'mxcsr mask' | 'rip' | 'rflags' | 'page fault' | 'estimates' | 'upper halves of string registers';

export interface HostDifference {
  readonly instructions: string;
  readonly why: string;
  readonly spoils: Spoilt;
  applies(answers: Answers): boolean;
}

/** A difference of some instructions. */
function difference(
  instructions: string,
  why: string,
  spoils: Spoilt,
  mnemonics: readonly string[],
  applies: (answers: Answers) => boolean = () => true,
): HostDifference {
  const names = new Set(mnemonics);
  return {
    instructions,
    why,
    spoils,
    applies: (answers) => names.has(answers.c.form.row.mnemonic) && applies(answers),
  };
}

const isAmd = ({ host }: Answers): boolean => host.vendor === 'AuthenticAMD';
const isIntel = ({ host }: Answers): boolean => host.vendor === 'GenuineIntel';
const vectors = ({ native, ours }: Answers): string => `${native.fault?.vector} ${ours.fault?.vector}`;
const bothFault = ({ native, ours }: Answers): boolean => native.fault !== undefined && ours.fault !== undefined;

/** #GP on the host, but not here. */
function raisesProtectionOnlyThere({ native, ours }: Answers): boolean {
  return native.fault?.vector === Vector.GP && ours.fault?.vector !== Vector.GP;
}

function hasMemory({ c }: Answers): boolean {
  return c.form.operands.some((operand) => operand.kind === 'memory');
}

/** MXCSR that the instruction loads from memory; 0 where it lies in no window. */
function loadedMxcsr({ c }: Answers): number {
  const { windows } = c.oracle.memory;
  const at = c.address! + (c.form.row.mnemonic === 'LDMXCSR' ? 0n : 24n);
  const i = windows.findIndex((window) => contains(window, at, 4));
  if (i < 0) return 0;
  const { buffer, byteOffset } = c.contents[i]!;
  return new DataView(buffer, byteOffset).getUint32(Number(at - windows[i]!.address), true);
}

export const HOST_DIFFERENCES: readonly HostDifference[] = [
  difference('CPUID, RDTSC', 'they tell what this machine is, and the time', 'case', ['CPUID', 'RDTSC']),
  difference('SYSRET', '#GP as Linux sets EFER.SCE; bd0 leaves it clear, which is #UD', 'case', ['SYSRET']),
  difference('INT1', 'in a virtual machine rip is at the instruction, though #DB of INT1 is a trap', 'rip', ['INT1']),
  difference(
    'RCPPS, RCPSS, RSQRTPS, RSQRTSS',
    'each model of CPU has estimates of its own, with a relative error of at most 1.5 * 2^-12',
    'estimates',
    ['RCPPS', 'RCPSS', 'RSQRTPS', 'RSQRTSS'],
  ),
  difference(
    'LSS, LFS, LGS, far JMP and CALL with REX.W',
    'AMD ignores REX.W, so that the pointer is m16:32',
    'case',
    ['LSS', 'LFS', 'LGS', 'JMP', 'CALL'],
    (answers) => isAmd(answers) && answers.c.form.width === 64 && isFarPointer(answers.c),
  ),
  difference(
    'LDMXCSR, FXRSTOR with bit 17 of MXCSR',
    'AMD has MM, misaligned operands of SSE, in this bit; SDM: reserved, #GP',
    'case',
    ['LDMXCSR', 'FXRSTOR', 'FXRSTOR64'],
    (answers) => (loadedMxcsr(answers) & ~MXCSR_MASK) !== 0 && (loadedMxcsr(answers) & ~answers.host.mxcsrMask) === 0,
  ),
  difference(
    'FXSAVE',
    'MXCSR_MASK tells of bit 17',
    'mxcsr mask',
    ['FXSAVE', 'FXSAVE64'],
    ({ host }) => host.mxcsrMask !== MXCSR_MASK,
  ),
  difference(
    'FXSAVE, FXRSTOR across pages',
    'AMD tries the last byte first, and tells of its page; the SDM has no order',
    'page fault',
    ['FXSAVE', 'FXSAVE64', 'FXRSTOR', 'FXRSTOR64'],
    (answers) => vectors(answers) === `${Vector.PF} ${Vector.PF}`,
  ),
  difference(
    'FXSAVE, FXRSTOR not aligned to 16, with RFLAGS.AC or a stack address that is not canonical',
    '#AC or #GP, #SS or #GP: the SDM leaves open which comes first',
    'case',
    ['FXSAVE', 'FXSAVE64', 'FXRSTOR', 'FXRSTOR64'],
    (answers) => [`${Vector.AC} ${Vector.GP}`, `${Vector.SS} ${Vector.GP}`].includes(vectors(answers)),
  ),
  difference(
    'ENTER that faults late',
    'AMD leaves the frame pointers in memory that it has pushed; bd0 changes nothing before the last fault',
    'memory',
    ['ENTER'],
    bothFault,
  ),
  difference(
    'UD0, UD1 at the end of a page',
    'AMD raises #UD without a fetch of ModRM',
    'case',
    ['UD0', 'UD1'],
    (answers) => isAmd(answers) && vectors(answers) === `${Vector.UD} ${Vector.PF}`,
  ),
  difference(
    'NOP 0F 0D, PREFETCHW on registers',
    'AMD: #UD; in the SDM (Vol. 2D table A-3) 0F 0D has an operand in a register or memory',
    'case',
    ['NOP', 'PREFETCHW'],
    (answers) => isAmd(answers) && answers.c.form.row.pattern.opcode === 0x0d && !hasMemory(answers),
  ),
  difference(
    'CALL to an address that is not canonical, where the push faults too',
    'AMD pushes first; the SDM has the check of the target first',
    'case',
    ['CALL'],
    (answers) => bothFault(answers) && vectors(answers).endsWith(` ${Vector.GP}`),
  ),
  difference(
    'MOVSXD r16, r/m16',
    'AMD reads 32 bits of memory, and drops 16',
    'case',
    ['MOVSXD'],
    (answers) => isAmd(answers) && answers.c.form.width === 16 && answers.native.fault !== undefined,
  ),
  difference(
    'MASKMOVDQU with RFLAGS.AC',
    'AMD stores byte by byte, which is never misaligned; the SDM leaves #AC to implementations',
    'case',
    ['MASKMOVDQU'],
    (answers) => answers.ours.fault?.vector === Vector.AC,
  ),
  difference(
    'MOVUPS, MOVUPD, MOVDQU with RFLAGS.AC',
    'implementations may raise #AC unless they are aligned to 16, as bd0 and AMD do, or not; SDM Vol. 3A 6.15',
    'case',
    ['MOVUPS', 'MOVUPD', 'MOVDQU'],
    (answers) => answers.ours.fault?.vector === Vector.AC && answers.native.fault?.vector !== Vector.AC,
  ),
  difference(
    'BSF, BSR of 32 bits that are zero',
    'the upper half of the destination stays, or is cleared by some processors; SDM Vol. 2A "BSF"',
    'case',
    ['BSF', 'BSR'],
    (answers) => !isAmd(answers) && answers.c.form.width === 32 && (answers.ours.rflags & ZF) !== 0,
  ),
  difference(
    'CMPS where both operands fault',
    'mostly the one at RDI is first, as in bd0; the SDM has no order',
    'case',
    ['CMPS'],
    bothFault,
  ),
  {
    instructions: 'any, where the host has linear addresses of 57 bits',
    why: 'addresses that are not canonical here may be there, and raise #PF',
    spoils: 'case',
    applies: (answers) => answers.host.features.has('LA57') && /^14 1[23]$/.test(vectors(answers)),
  },
  {
    instructions: 'any in FS or GS, the effective address not canonical',
    why: 'AMD raises #GP for it, though the linear address, with the base added, is canonical',
    spoils: 'case',
    applies: (answers) => isAmd(answers) && raisesProtectionOnlyThere(answers) && wrapsIntoSegment(answers),
  },
  difference(
    'MASKMOVDQU across the border of the canonical addresses',
    'AMD stores byte by byte, and a page fault of the first bytes comes before #GP of the last',
    'case',
    ['MASKMOVDQU'],
    (answers) => vectors(answers) === `${Vector.PF} ${Vector.GP}`,
  ),
  difference(
    'LOOPE, LOOPNE with F2h or F3h',
    'AMD takes the condition from the prefix, as if it were REPNE or REPE; the SDM reserves them here',
    'case',
    ['LOOPE', 'LOOPNE'],
    (answers) => isAmd(answers) && answers.c.oracle.bytes.some((byte) => byte === 0xf2 || byte === 0xf3),
  ),
  {
    instructions: 'near branches with 66h',
    why: 'AMD takes 66h for an operand size of 16 bits; the SDM has it ignored in 64-bit mode',
    spoils: 'case',
    applies: (answers) => isAmd(answers) && isNearBranch(answers.c) && answers.c.oracle.bytes.includes(0x66),
  },
  difference(
    'RETF, IRET where the stack faults',
    'AMD does not read the words of the stack in their order, and for an RPL below 3 it reads those of the outer stack too',
    'case',
    ['RETF', 'IRET'],
    (answers) => bothFault(answers) && answers.native.fault!.vector !== Vector.GP,
  ),
  difference(
    'REP with 67h',
    'Intel clears the upper halves of RCX, RSI and RDI though no iteration has been done; AMD leaves them',
    'upper halves of string registers',
    ['MOVS', 'CMPS', 'STOS', 'LODS', 'SCAS'],
    (answers) => isIntel(answers) && isRepeated(answers.c) && answers.c.form.addressWidth === 32,
  ),
  difference(
    'REP CMPS, REP SCAS between two iterations',
    'Intel shows RFLAGS as they were before the first; AMD those of the last comparison',
    'rflags',
    ['CMPS', 'SCAS'],
    (answers) => isIntel(answers) && isRepeated(answers.c) && isAtInstruction(answers),
  ),
  {
    instructions: 'any misaligned, with RFLAGS.AC, at an address that is not canonical',
    why: 'Intel raises #AC first; AMD #GP or #SS, as the SDM ranks them (Vol. 3A 6.9)',
    spoils: 'case',
    applies: (answers) =>
      isIntel(answers) && [Vector.GP, Vector.SS].some((vector) => vectors(answers) === `${Vector.AC} ${vector}`),
  },
  difference(
    'MASKMOVDQU across a page',
    'Intel may tell of the address of its upper half in CR2',
    'page fault',
    ['MASKMOVDQU'],
    (answers) => isIntel(answers) && vectors(answers) === `${Vector.PF} ${Vector.PF}`,
  ),
  difference(
    'POP FS, POP GS at the end of a page or misaligned',
    'Intel reads 2 bytes of the stack alone',
    'case',
    ['POP'],
    (answers) => isIntel(answers) && answers.c.form.operands.length === 0 && answers.ours.fault !== undefined,
  ),
  difference(
    'F3 90 with REX.B',
    'Intel takes it for PAUSE; AMD exchanges R8 and RAX',
    'case',
    ['XCHG'],
    (answers) =>
      isIntel(answers) && answers.c.form.row.pattern.opcode === 0x90 && answers.c.oracle.bytes.includes(0xf3),
  ),
];

function isRepeated({ oracle }: MeaningCase): boolean {
  return oracle.bytes.some((byte) => byte === 0xf2 || byte === 0xf3);
}

/** The instruction has not ended: a REP with iterations to come, or a fault. */
function isAtInstruction({ c, native }: Answers): boolean {
  return native.rip === CODE + BigInt(c.oracle.codeOffset);
}

/**
 * True where the oracle would not come back. Intel holds the frame of IRET to the RFLAGS.AC that it loads; the #AC comes
 * before AC is set, so Linux, which detects split locks by #AC, takes it for one and starts the instruction again.
 */
export function neverEnds(c: MeaningCase, host: HostCpu): boolean {
  const { row, width } = c.form;
  if (host.vendor !== 'GenuineIntel' || row.mnemonic !== 'IRET') return false;
  return c.oracle.gpr[RSP]! % BigInt(width / 8) !== 0n;
}

function isNearBranch({ form }: MeaningCase): boolean {
  return form.row.attributes.has('BRANCH') && form.row.attributes.has('F64');
}

/** An access through FS or GS whose offset is not canonical. */
function wrapsIntoSegment({ c }: Answers): boolean {
  const { gpr } = c.oracle;
  const { segment } = c.instruction;
  if (segment < FS) return false;
  const base = segment === FS ? c.oracle.fsBase : c.oracle.gsBase;
  const offsets = [gpr[RSI]!, gpr[RDI]!, gpr[RBX]! + (gpr[RAX]! & 0xffn)];
  if (c.address !== undefined) offsets.push(c.address - base, c.address - base + bitStringOffset(c));
  return offsets.some((offset) => !isCanonical(offset));
}

/** Bytes from the memory operand to the bit that BT, BTS, BTR or BTC finds by a register; else 0. */
function bitStringOffset({ form, instruction, oracle }: MeaningCase): bigint {
  if (!/^BT[SRC]?$/.test(form.row.mnemonic) || form.src.kind !== 'gpr') return 0n;
  return signed(form.width, oracle.gpr[instruction.reg]!) >> 3n;
}

function isFarPointer({ form }: MeaningCase): boolean {
  return form.operands.some((operand) => operand.kind === 'memory' && operand.width === 0);
}
