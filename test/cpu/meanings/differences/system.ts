/** System instructions, exceptions and the linear address. */
import * as vendors from '../../../../src/cpu/meaning/opcodes/vendor-differences.js';
import { isCanonical, signed } from '../../../../src/bits.js';
import { Vector } from '../../../../src/cpu/state/exceptions.js';
import { FS, RAX, RBX, RCX, RDI, RSI, RSP } from '../../../../src/cpu/state/layout.js';
import { CODE, CODE_BYTES } from '../../../oracle/layout.js';
import type { Form } from '../../../../src/cpu/meaning/form.js';
import type { MeaningCase } from '../generate.js';
import type { Answers, HostDifference } from '../host-differences.js';
import {
  completes,
  hasMnemonic,
  leftOut,
  MIDDLE,
  NON_CANONICAL,
  ofVendors,
  probe,
  raised,
  raises,
  undefinedOpcode,
} from './probes.js';

/** Canonical with linear addresses of 57 bits only. */
const WIDE = 0x8000_0000_1000n;
/** A base and an offset that is not canonical, whose sum is. */
const SEGMENT_BASE = 0x4000_0000_0000n;
const WRAPPING = 0xffff_8000_0000_0000n - SEGMENT_BASE;
const MOV_RAX_AT_RBX = [0x48, 0x8b, 0x03];
const HYPERVISOR_VECTORS = [23, 25, 26, 27];
/** MOVQ [RDI], XMM0 */
const MOVQ_AT_RDI = [0x66, 0x48, 0x0f, 0x7e, 0x07];
const REP_STOSB = [0xf3, 0xaa];
const MOV_RAX_AT_RSP = [0x48, 0x8b, 0x04, 0x24];

export const SYSTEM: readonly HostDifference[] = [
  {
    instructions: 'SYSRET',
    why: 'SDM Vol. 2B "SYSRET": #UD where EFER.SCE is clear, as in bd0; else #GP, as CPL is not 0',
    probes: [probe([0x0f, 0x07], {})],
    alternatives: [
      { name: '#UD', shows: raises(Vector.UD) },
      {
        name: '#GP',
        shows: raises(Vector.GP),
        maps: (answers) =>
          hasMnemonic(answers, 'SYSRET') && answers.ours.fault?.vector === Vector.UD
            ? { fault: { vector: Vector.GP, errorCode: 0, cr2: 0n } }
            : undefined,
      },
    ],
  },
  {
    instructions: 'SYSEXIT',
    why: 'SDM Vol. 2B "SYSEXIT": #GP as CPL is not 0; APM Vol. 3 "SYSEXIT": #UD in long mode',
    probes: [probe([0x0f, 0x35], {})],
    alternatives: [
      { name: '#GP', shows: raises(Vector.GP) },
      {
        name: '#UD',
        shows: raises(Vector.UD),
        maps: (answers) =>
          hasMnemonic(answers, 'SYSEXIT') && raised(answers, [Vector.UD], [Vector.GP])
            ? undefinedOpcode(answers.c)
            : undefined,
      },
    ],
  },
  {
    instructions: 'any, with a stack pointer that is not canonical',
    why: 'hypervisors that run a guest kernel in user mode emulate what they cannot return to, and know few instructions',
    probes: [
      probe(MOVQ_AT_RDI, { [RDI]: MIDDLE, [RSP]: NON_CANONICAL }),
      probe(REP_STOSB, { [RDI]: MIDDLE, [RCX]: 2n, [RSP]: NON_CANONICAL }, { maxSteps: 2 }),
    ],
    alternatives: [
      { name: 'runs', shows: completes },
      {
        name: '#GP or #UD at times',
        shows: raises(Vector.GP, Vector.UD),
        maps: (answers) => (isEmulatedBadly(answers) ? leftOut(answers) : undefined),
      },
    ],
  },
  {
    instructions: 'INT of 23, 25, 26 and 27',
    why: 'SDM Vol. 3A 6.12.1.2: #GP unless the gate is open to user mode, as those of hypervisors of their own kind may be',
    probes: HYPERVISOR_VECTORS.map((vector) => probe([0xcd, vector], {})),
    alternatives: [
      { name: '#GP', shows: raises(Vector.GP) },
      {
        name: 'nothing, or #UD',
        shows: ({ fault }) => fault === undefined || fault.vector === Vector.UD,
        maps: (answers) =>
          hasMnemonic(answers, 'INT') && HYPERVISOR_VECTORS.includes(answers.c.oracle.bytes.at(-1)!)
            ? leftOut(answers)
            : undefined,
      },
    ],
  },
  {
    instructions: 'RDPMC',
    why: 'SDM Vol. 2B "RDPMC": open to user mode where CR4.PCE is set',
    probes: [probe([0x0f, 0x33], {})],
    alternatives: [
      { name: '#GP', shows: raises(Vector.GP) },
      {
        name: 'reads a counter',
        shows: completes,
        maps: (answers) =>
          hasMnemonic(answers, 'RDPMC') && answers.ours.fault?.vector === Vector.GP ? leftOut(answers) : undefined,
      },
    ],
  },
  {
    instructions: 'INT1',
    why: 'a trap (SDM Vol. 3A 6.15 "Interrupt 1"), but hypervisors that intercept #DB raise it again at the instruction',
    probes: [1, 0].map((maxSteps) => probe([0xf1], {}, { maxSteps })),
    alternatives: [
      { name: 'rip after it', shows: ({ fault, rip }) => fault?.vector === Vector.DB && rip === CODE + 1n },
      {
        name: 'rip at it',
        shows: ({ fault, rip }) => fault?.vector === Vector.DB && rip === CODE,
        maps: (answers) =>
          hasMnemonic(answers, 'INT1') && raised(answers, [Vector.DB], [Vector.DB])
            ? { rip: CODE + BigInt(answers.c.oracle.codeOffset) }
            : undefined,
      },
    ],
  },
  {
    ...ofVendors(vendors.undefinedWithoutModRM),
    probes: [0xff, 0xb9].map((opcode) => probe([0x0f, opcode], {}, { codeOffset: CODE_BYTES - 2 })),
    alternatives: [
      { name: vendors.undefinedWithoutModRM.Intel, shows: raises(Vector.PF) },
      {
        name: vendors.undefinedWithoutModRM.AMD,
        shows: raises(Vector.UD),
        maps: (answers) =>
          hasMnemonic(answers, 'UD0', 'UD1') && raised(answers, [Vector.UD], [Vector.PF])
            ? undefinedOpcode(answers.c)
            : undefined,
      },
    ],
  },
  {
    ...ofVendors(vendors.prefetchOfRegister),
    probes: [0xc0, 0xc8, 0xd0, 0xe9].map((modrm) => probe([0x0f, 0x0d, modrm], {})),
    alternatives: [
      { name: vendors.prefetchOfRegister.Intel, shows: completes },
      {
        name: vendors.prefetchOfRegister.AMD,
        shows: raises(Vector.UD),
        maps: (answers) =>
          isRegisterPrefetch(answers.c) && answers.native.fault?.vector === Vector.UD && !answers.ours.fault
            ? undefinedOpcode(answers.c)
            : undefined,
      },
    ],
  },
  {
    instructions: 'any, at linear addresses that are canonical in 57 bits but not in 48',
    why: 'SDM Vol. 3A 4.5: with 5-level paging they raise #PF where they are not mapped, and are no longer refused',
    probes: [probe(MOV_RAX_AT_RBX, { [RBX]: WIDE }), probe(MOV_RAX_AT_RSP, { [RSP]: WIDE })],
    alternatives: [
      { name: '#GP or #SS: 48 bits', shows: raises(Vector.GP, Vector.SS) },
      {
        name: '#PF: 57 bits',
        shows: raises(Vector.PF),
        maps: (answers) => (needsWideAddresses(answers) ? leftOut(answers) : undefined),
      },
    ],
  },
  {
    ...ofVendors(vendors.segmentOffset),
    probes: [probe([0x64, ...MOV_RAX_AT_RBX], { [RBX]: WRAPPING }, { fsBase: SEGMENT_BASE })],
    alternatives: [
      { name: vendors.segmentOffset.Intel, shows: raises(Vector.PF) },
      {
        name: vendors.segmentOffset.AMD,
        shows: raises(Vector.GP),
        maps: (answers) =>
          answers.native.fault?.vector === Vector.GP &&
          answers.ours.fault?.vector !== Vector.GP &&
          wrapsIntoSegment(answers.c)
            ? leftOut(answers)
            : undefined,
      },
    ],
  },
];

/** A PREFETCHW or relative with a register, which is #UD on some processors. */
export function isRegisterPrefetch({ form }: { readonly form: Form }): boolean {
  const { mnemonic, pattern } = form.row;
  const named = mnemonic === 'NOP' || mnemonic === 'PREFETCHW';
  return named && pattern.opcode === 0x0d && !form.operands.some(({ kind }) => kind === 'memory');
}

/** bd0 refuses an address, and the host has one in its answer that only 57 bits can hold. */
function needsWideAddresses(answers: Answers): boolean {
  const { native, ours } = answers;
  if (ours.fault?.vector !== Vector.GP && ours.fault?.vector !== Vector.SS) return false;
  if (native.fault) return native.fault.vector === Vector.PF;
  return [native.rip, native.fsBase, native.gsBase].some((address) => !isCanonical(address));
}

/** An access through FS or GS whose offset is not canonical. */
function wrapsIntoSegment(c: MeaningCase): boolean {
  const { gpr, fsBase, gsBase } = c.oracle;
  const { segment } = c.instruction;
  if (segment < FS) return false;
  const base = segment === FS ? fsBase : gsBase;
  const offsets = [gpr[RSI]!, gpr[RDI]!, gpr[RBX]! + (gpr[RAX]! & 0xffn)];
  if (c.address !== undefined) offsets.push(c.address - base, c.address - base + bitStringOffset(c));
  return offsets.some((offset) => !isCanonical(BigInt.asUintN(64, offset)));
}

/** Bytes from the memory operand to the bit that BT, BTS, BTR or BTC finds by a register; else 0. */
function bitStringOffset({ form, instruction, oracle }: MeaningCase): bigint {
  if (!/^BT[SRC]?$/.test(form.row.mnemonic) || form.src.kind !== 'gpr') return 0n;
  return signed(form.width, oracle.gpr[instruction.reg]!) >> 3n;
}

/** The host raises #GP or #UD where bd0 does not, and the host does not either with another stack pointer. */
function isEmulatedBadly({ c, native, ours, ask }: Answers): boolean {
  const vector = native.fault?.vector;
  if (isCanonical(c.oracle.gpr[RSP]!) || ours.fault?.vector === vector) return false;
  if (vector !== Vector.GP && vector !== Vector.UD) return false;
  const gpr = c.oracle.gpr.slice();
  gpr[RSP] = MIDDLE;
  return ask.host({ ...c.oracle, gpr })?.fault?.vector !== vector;
}
