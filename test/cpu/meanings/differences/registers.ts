/** Results in registers, MXCSR and segments. */
import * as vendors from '../../../../src/cpu/meaning/opcodes/vendor-differences.js';
import { MXCSR_MASK } from '../../../../src/cpu/evaluator/float/mxcsr.js';
import { ZF } from '../../../../src/cpu/meaning/flags.js';
import { FS, GS, RAX, RBX, RSP } from '../../../../src/cpu/state/layout.js';
import { Vector } from '../../../../src/cpu/state/exceptions.js';
import { contains } from '../../../oracle/layout.js';
import type { OracleResult } from '../../../oracle/case.js';
import type { MeaningCase } from '../generate.js';
import type { Answers, Expectation, HostDifference } from '../host-differences.js';
import {
  completes,
  END,
  hasMnemonic,
  leftOut,
  memoryAt,
  memoryBefore,
  MIDDLE,
  ofVendors,
  probe,
  raises,
  words,
} from './probes.js';

/** Bit 17 of MXCSR: AMD's MM, which allows misaligned operands of SSE. APM Vol. 2 11.3.1 "MXCSR Register". */
const MM = 0x2_0000;
const R8 = 8;
const ALL_ONES = BigInt.asUintN(64, -1n);
const FAR_OFFSET = 0x2b_1122_3344n;
const MXCSR_MASK_OFFSET = 28;

export const REGISTERS: readonly HostDifference[] = [
  {
    ...ofVendors(vendors.farPointer),
    probes: [probe([0x48, 0x0f, 0xb4, 0x03], { [RBX]: MIDDLE }, memoryAt(MIDDLE, words(FAR_OFFSET, 0x2bn)))],
    alternatives: [
      { name: vendors.farPointer.Intel, shows: ({ gpr }) => gpr[RAX] === FAR_OFFSET },
      {
        name: vendors.farPointer.AMD,
        shows: ({ gpr }) => gpr[RAX] === BigInt.asUintN(32, FAR_OFFSET),
        maps: (answers) => (isWideFarPointer(answers) ? leftOut(answers) : undefined),
      },
    ],
  },
  {
    ...ofVendors(vendors.misalignedMode),
    probes: [probe([0x0f, 0xae, 0x13], { [RBX]: MIDDLE }, memoryAt(MIDDLE, words(BigInt(MM | 0x1f80))))],
    alternatives: [
      { name: vendors.misalignedMode.Intel, shows: raises(Vector.GP) },
      {
        name: vendors.misalignedMode.AMD,
        shows: ({ fault, mxcsr }) => !fault && mxcsr === (MM | 0x1f80),
        maps: (answers) =>
          hasMnemonic(answers, 'LDMXCSR', 'FXRSTOR', 'FXRSTOR64', 'XRSTOR', 'XRSTOR64') &&
          (loadedMxcsr(answers.c) & ~MXCSR_MASK) === MM
            ? leftOut(answers)
            : undefined,
      },
    ],
  },
  {
    ...ofVendors(vendors.savedMask),
    probes: [probe([0x0f, 0xae, 0x03], { [RBX]: MIDDLE }, memoryAt(MIDDLE, new Uint8Array(512)))],
    alternatives: [
      { name: vendors.savedMask.Intel, shows: (result) => savedMask(result) === MXCSR_MASK },
      {
        name: vendors.savedMask.AMD,
        shows: (result) => savedMask(result) === (MXCSR_MASK | MM),
        maps: (answers) => (savesMxcsr(answers) && !answers.ours.fault ? withMask(answers) : undefined),
      },
    ],
  },
  {
    ...ofVendors(vendors.bitScanOfZero),
    probes: [0xbc, 0xbd].map((opcode) => probe([0x0f, opcode, 0xc1], { [RAX]: ALL_ONES })),
    alternatives: [
      { name: vendors.bitScanOfZero.AMD, shows: ({ gpr }) => gpr[RAX] === ALL_ONES },
      {
        name: vendors.bitScanOfZero.Intel,
        shows: ({ gpr }) => gpr[RAX] === 0xffff_ffffn,
        maps: (answers) => (hasMnemonic(answers, 'BSF', 'BSR') ? withoutUpperHalf(answers) : undefined),
      },
    ],
  },
  {
    ...ofVendors(vendors.pauseOfR8),
    probes: [probe([0xf3, 0x41, 0x90], { [RAX]: 1n, [R8]: 2n })],
    alternatives: [
      { name: vendors.pauseOfR8.AMD, shows: ({ gpr }) => gpr[RAX] === 2n && gpr[R8] === 1n },
      {
        name: vendors.pauseOfR8.Intel,
        shows: ({ gpr }) => gpr[RAX] === 1n && gpr[R8] === 2n,
        maps: ({ c, ours }) =>
          c.form.row.mnemonic === 'XCHG' &&
          c.oracle.bytes.at(-1) === 0x90 &&
          c.oracle.bytes.includes(0xf3) &&
          !ours.fault
            ? { gpr: c.oracle.gpr }
            : undefined,
      },
    ],
  },
  {
    instructions: 'a null selector for FS or GS',
    why: 'the base becomes 0, or stays: APM Vol. 3 CPUID Fn8000_0021 EAX[6] "NullSelectClearsBase"',
    probes: [probe([0x8e, 0xe0], {}, { fsBase: MIDDLE }), probe([0x8e, 0xe8], {}, { gsBase: MIDDLE })],
    alternatives: [
      { name: 'the base becomes 0', shows: ({ fsBase, gsBase }) => fsBase === 0n && gsBase === 0n },
      {
        name: 'the base stays',
        shows: ({ fsBase, gsBase }, c) => fsBase === c.fsBase && gsBase === c.gsBase,
        maps: withOldBase,
      },
    ],
  },
  {
    ...ofVendors(vendors.poppedSegment),
    probes: [probe([0x0f, 0xa1], { [RSP]: END - 2n })],
    alternatives: [
      { name: vendors.poppedSegment.AMD, shows: raises(Vector.PF) },
      {
        name: vendors.poppedSegment.Intel,
        shows: completes,
        maps: (answers) =>
          hasMnemonic(answers, 'POP') && answers.c.form.operands.length === 0 && answers.ours.fault
            ? leftOut(answers)
            : undefined,
      },
    ],
  },
  {
    ...ofVendors(vendors.poppedSelector),
    // The frame: two bytes before it, an instruction pointer of 32 bits, and 16 bits of the selector.
    probes: [probe([0xcb], { [RSP]: END - 6n }, memoryAt(END - 8n, words(0x33n << 48n)))],
    alternatives: [
      { name: vendors.poppedSelector.AMD, shows: raises(Vector.PF) },
      {
        name: vendors.poppedSelector.Intel,
        shows: completes,
        maps: (answers) =>
          hasMnemonic(answers, 'RETF', 'IRET') &&
          [Vector.PF, Vector.SS, Vector.AC].some((vector) => answers.ours.fault?.vector === vector) &&
          (!answers.native.fault || answers.native.fault.vector === Vector.GP)
            ? leftOut(answers)
            : undefined,
      },
    ],
  },
  {
    ...ofVendors(vendors.pushedSegment),
    probes: [probe([0x0f, 0xa0], { [RSP]: MIDDLE + 8n }, memoryAt(MIDDLE, words(ALL_ONES)))],
    alternatives: [
      { name: vendors.pushedSegment.AMD, shows: ({ windows }) => windows[0]!.every((byte) => byte === 0) },
      {
        name: vendors.pushedSegment.Intel,
        shows: ({ windows }) => windows[0]!.every((byte, i) => byte === (i < 2 ? 0 : 0xff)),
        maps: (answers) =>
          hasMnemonic(answers, 'PUSH') && answers.c.form.operands.length === 0 ? leftOut(answers) : undefined,
      },
    ],
  },
];

function isWideFarPointer(answers: Answers): boolean {
  const { form } = answers.c;
  const isFar = form.operands.some((operand) => operand.kind === 'memory' && operand.width === 0);
  return isFar && form.width === 64 && hasMnemonic(answers, 'LSS', 'LFS', 'LGS', 'JMP', 'CALL');
}

/** MXCSR that the instruction loads from memory; 0 where it lies in no window. */
function loadedMxcsr(c: MeaningCase): number {
  const at = c.address! + (c.form.row.mnemonic.endsWith('LDMXCSR') ? 0n : 24n);
  return memoryBefore(c, at, 4)?.getUint32(0, true) ?? 0;
}

function savedMask({ windows }: OracleResult): number {
  const image = windows[0]!;
  return new DataView(image.buffer, image.byteOffset).getUint32(MXCSR_MASK_OFFSET, true);
}

/** FXSAVE, XSAVE of SSE or AVX, and XSAVEC of SSE. */
function savesMxcsr(answers: Answers): boolean {
  const { mnemonic } = answers.c.form.row;
  if (hasMnemonic(answers, 'FXSAVE', 'FXSAVE64')) return true;
  const components = answers.c.oracle.gpr[RAX]! & 6n;
  return mnemonic.startsWith('XSAVEC') ? (components & 2n) !== 0n : mnemonic.startsWith('XSAVE') && components !== 0n;
}

/** The windows with bit 17 in the MXCSR_MASK of the FXSAVE image. */
function withMask({ c, ours }: Answers): Partial<Expectation> {
  const at = c.address! + BigInt(MXCSR_MASK_OFFSET);
  const windows = ours.windows.map((bytes, i) => {
    const window = c.oracle.memory.windows[i]!;
    if (!contains(window, at, 4)) return bytes;
    const changed = bytes.slice();
    new DataView(changed.buffer).setUint32(Number(at - window.address), MXCSR_MASK | MM, true);
    return changed;
  });
  return { windows };
}

function withoutUpperHalf({ c, ours }: Answers): Partial<Expectation> | undefined {
  if (ours.fault || c.form.width !== 32 || (ours.rflags & ZF) === 0) return undefined;
  const gpr = ours.gpr.slice();
  gpr[c.instruction.reg] = BigInt.asUintN(32, gpr[c.instruction.reg]!);
  return { gpr };
}

/** The bases that the case starts with, where a null selector has been loaded. */
function withOldBase({ c, ours }: Answers): Partial<Expectation> | undefined {
  const { row, dest } = c.form;
  const far = row.mnemonic === 'LFS' ? FS : row.mnemonic === 'LGS' ? GS : undefined;
  const loads = dest.kind === 'segment' || row.mnemonic === 'POP' || far !== undefined;
  if (!loads || ours.fault) return undefined;
  return {
    fsBase: ours.selectors[FS]! < 4 && ours.fsBase === 0n ? c.oracle.fsBase : ours.fsBase,
    gsBase: ours.selectors[GS]! < 4 && ours.gsBase === 0n ? c.oracle.gsBase : ours.gsBase,
  };
}
