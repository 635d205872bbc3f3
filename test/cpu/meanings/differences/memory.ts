/** Accesses to memory: which bytes, in which order, and what the alignment check sees. */
import * as vendors from '../../../../src/cpu/meaning/opcodes/vendor-differences.js';
import { RAX, RBP, RBX, RDI, RSP } from '../../../../src/cpu/state/layout.js';
import { Vector } from '../../../../src/cpu/state/exceptions.js';
import { FREE_RUN, VECTOR_BYTES, type OracleResult } from '../../../oracle/case.js';
import { HIGH_ARENA } from '../../../oracle/layout.js';
import type { Answers, HostDifference, Mapping } from '../host-differences.js';
import { mmxRegister } from './x87.js';
import {
  bothFault,
  CHECKED,
  completes,
  END,
  hasMnemonic,
  itsFault,
  leftOut,
  memoryAt,
  MIDDLE,
  NON_CANONICAL,
  ofVendors,
  probe,
  raised,
  raises,
  UNMAPPED,
  within,
} from './probes.js';

const FXSAVE = [0x0f, 0xae, 0x03];
const FXRSTOR = [0x0f, 0xae, 0x0b];
const FXSAVE_BYTES = 512;
const XSAVE_BYTES = 832;
const FX = [
  ...['FX', 'X'].flatMap((x) => ['SAVE', 'SAVE64', 'RSTOR', 'RSTOR64'].map((name) => x + name)),
  ...['XSAVEC', 'XSAVEC64', 'XSAVEOPT', 'XSAVEOPT64'],
];
/** XMM1 with the number 1 in each element; the indexes 0, 4, 8, 0, 0, 0, 0, 8 in YMM2; in YMM3, masks of nothing but sign bits. */
function gatherOperands(): Uint8Array {
  const xmm = new Uint8Array(VECTOR_BYTES);
  const view = new DataView(xmm.buffer);
  [0, 4, 8, 0, 0, 0, 0, 8].forEach((index, i) => {
    const at = (i >> 2) * (VECTOR_BYTES / 2) + (i & 3) * 4;
    view.setUint32(at + 16, 1, true);
    view.setUint32(at + 32, index, true);
    view.setUint32(at + 48, 0x8000_0000, true);
  });
  return xmm;
}

/** Without the V of their names. */
const MASKED_MOVES = [
  ...['MASKMOVPS', 'MASKMOVPD', 'PMASKMOVD', 'PMASKMOVQ', 'GATHERDPS', 'GATHERDPD', 'GATHERQPS', 'GATHERQPD'],
  ...['PGATHERDD', 'PGATHERDQ', 'PGATHERQD', 'PGATHERQQ'],
];
const STRING_COMPARISONS = ['PCMPESTRI', 'PCMPESTRI64', 'PCMPESTRM', 'PCMPESTRM64', 'PCMPISTRI', 'PCMPISTRM'];
/** SHA1MSG1 XMM0, [RBX] */
const SHA1MSG1 = [0x0f, 0x38, 0xc9, 0x03];
/** MASKMOVDQU XMM1, XMM0 */
const MASKMOVDQU = [0x66, 0x0f, 0xf7, 0xc8];
/** VPGATHERDD YMM1, [RBX + YMM2], YMM3: numbers 0 to 7 by indexes of which 2 leads to a page that is not mapped, and 7 as well. */
const GATHER_BEYOND_THE_END = probe(
  [0xc4, 0xe2, 0x65, 0x90, 0x0c, 0x13],
  { [RBX]: END - 8n },
  { xmm: gatherOperands(), maxSteps: FREE_RUN },
);
const WHOLE_MASK = { xmm: new Uint8Array(VECTOR_BYTES).fill(0xff) };
const ACROSS = UNMAPPED + 0x1000n - 256n;

export const MEMORY: readonly HostDifference[] = [
  {
    instructions: 'FXSAVE, FXRSTOR across two pages that are not mapped',
    why: 'SDM Vol. 3A 4.7 leaves open which page a fault of an access to two of them reports',
    probes: [FXSAVE, FXRSTOR].map((bytes) => probe(bytes, { [RBX]: ACROSS })),
    alternatives: [
      { name: 'CR2 is the first byte', shows: ({ fault }) => fault?.cr2 === ACROSS, maps: faultWithinImage },
      {
        name: 'CR2 is another byte of the operand',
        shows: ({ fault }) => fault?.vector === Vector.PF && within(fault.cr2, ACROSS, FXSAVE_BYTES),
        maps: faultWithinImage,
      },
    ],
  },
  {
    instructions: 'FXSAVE, FXRSTOR not aligned to 16, with RFLAGS.AC',
    why: 'SDM Vol. 2A "FXSAVE": #GP, or #AC, which "may vary with implementation"',
    probes: [1n, 2n, 4n, 8n].flatMap((offset) =>
      [FXSAVE, FXRSTOR].map((bytes) => probe(bytes, { [RBX]: MIDDLE + offset }, { rflags: CHECKED })),
    ),
    alternatives: [
      { name: '#GP', shows: raises(Vector.GP) },
      { name: '#AC', shows: raises(Vector.AC), maps: itsFaultOf(FX, [Vector.AC], [Vector.GP]) },
    ],
  },
  {
    instructions: 'FXSAVE, FXRSTOR not aligned to 16, on the stack at an address that is not canonical',
    why: 'SDM Vol. 3A 6.9: the order of the faults of one instruction depends on the implementation',
    probes: [0x04, 0x0c].map((modrm) => probe([0x0f, 0xae, modrm, 0x24], { [RSP]: NON_CANONICAL + 1n })),
    alternatives: [
      { name: '#GP', shows: raises(Vector.GP) },
      { name: '#SS', shows: raises(Vector.SS), maps: itsFaultOf(FX, [Vector.SS], [Vector.GP]) },
    ],
  },
  {
    instructions: 'ENTER that faults late',
    why: 'SDM Vol. 2A "ENTER" leaves open whether the frame pointers pushed before a fault stay in memory',
    probes: [
      probe(
        [0xc8, 0, 0, 4],
        { [RBP]: MIDDLE + 64n, [RSP]: HIGH_ARENA + 16n },
        memoryAt(HIGH_ARENA, new Uint8Array(16).fill(0xee)),
      ),
    ],
    alternatives: [
      { name: 'memory is unchanged', shows: ({ windows, fault }) => !!fault && windows[0]!.every((b) => b === 0xee) },
      {
        name: 'they stay',
        shows: ({ windows, fault }) => !!fault && windows[0]!.some((byte) => byte !== 0xee),
        maps: (answers) =>
          hasMnemonic(answers, 'ENTER') && bothFault(answers)
            ? { windows: answers.native.windows, stray: answers.native.stray }
            : undefined,
      },
    ],
  },
  {
    instructions: 'CALL to an address that is not canonical',
    why: 'SDM Vol. 2A "CALL" checks the target first; AMD and Intel push first, which may fault or stay in memory',
    probes: [probe([0xff, 0xd0], { [RAX]: NON_CANONICAL, [RSP]: HIGH_ARENA })],
    alternatives: [
      { name: 'is checked first', shows: raises(Vector.GP) },
      {
        name: 'is checked after the push',
        shows: raises(Vector.PF),
        maps: (answers) =>
          hasMnemonic(answers, 'CALL') && raised(answers, [Vector.PF, Vector.SS, Vector.AC, Vector.GP], [Vector.GP])
            ? { ...itsFault(answers), windows: answers.native.windows, stray: answers.native.stray }
            : undefined,
      },
    ],
  },
  {
    ...ofVendors(vendors.signExtendedWord),
    probes: [probe([0x66, 0x63, 0x03], { [RBX]: END - 2n })],
    alternatives: [
      { name: vendors.signExtendedWord.Intel, shows: completes },
      {
        name: vendors.signExtendedWord.AMD,
        shows: raises(Vector.PF),
        maps: (answers) =>
          hasMnemonic(answers, 'MOVSXD') && answers.c.form.width === 16 && answers.native.fault
            ? leftOut(answers)
            : undefined,
      },
    ],
  },
  {
    ...ofVendors(vendors.unalignedMove),
    probes: [
      [0x0f, 0x10],
      [0x0f, 0x11],
      [0x66, 0x0f, 0x10],
      [0x66, 0x0f, 0x11],
      [0xf3, 0x0f, 0x6f],
      [0xf3, 0x0f, 0x7f],
    ].flatMap((opcode) =>
      [1n, 4n, 8n].map((offset) => probe([...opcode, 0x03], { [RBX]: MIDDLE + offset }, { rflags: CHECKED })),
    ),
    alternatives: [
      { name: vendors.unalignedMove.AMD, shows: raises(Vector.AC) },
      {
        name: vendors.unalignedMove.Intel,
        shows: completes,
        maps: withoutAlignmentCheck(['MOVUPS', 'MOVUPD', 'MOVDQU', 'LDDQU']),
      },
    ],
  },
  {
    instructions: 'vectors of AVX that are misaligned with RFLAGS.AC',
    why: 'SDM Vol. 3A 6.15 "Interrupt 17", Vol. 2A 2.4: these may raise #AC, depending on the implementation',
    probes: [
      [0xc5, 0xf8, 0x10, 0x03],
      [0xc5, 0xfc, 0x10, 0x03],
      [0xc5, 0xfc, 0x11, 0x03],
      [0xc5, 0xf4, 0x58, 0x03],
    ].flatMap((bytes) => [1n, 8n].map((offset) => probe(bytes, { [RBX]: MIDDLE + offset }, { rflags: CHECKED }))),
    alternatives: [
      { name: '#AC', shows: raises(Vector.AC) },
      {
        name: 'no #AC',
        shows: completes,
        maps: (answers) => (hasWideVector(answers) ? withoutItsAlignmentCheck(answers) : undefined),
      },
      { name: 'no AVX', shows: raises(Vector.UD) },
    ],
  },
  {
    instructions: 'PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM that are misaligned with RFLAGS.AC',
    why: 'SDM Vol. 2A 2.4.4: they need no alignment, and #AC depends on the implementation',
    probes: [0x60, 0x61, 0x62, 0x63].flatMap((opcode) =>
      [1n, 8n].map((offset) =>
        probe([0x66, 0x0f, 0x3a, opcode, 0x03, 0], { [RBX]: MIDDLE + offset }, { rflags: CHECKED }),
      ),
    ),
    alternatives: [
      { name: '#AC', shows: raises(Vector.AC) },
      { name: 'no #AC', shows: completes, maps: withoutAlignmentCheck(STRING_COMPARISONS) },
      { name: 'no SSE4.2', shows: raises(Vector.UD) },
    ],
  },
  {
    instructions: 'VMASKMOVPS, VGATHERDPS and relatives that are misaligned with RFLAGS.AC',
    why: 'SDM Vol. 2C "VMASKMOV": #AC may or may not be reported',
    probes: [
      [0xc4, 0xe2, 0x75, 0x2c, 0x03],
      [0xc4, 0xe2, 0x75, 0x2e, 0x03],
    ].map((bytes) => probe(bytes, { [RBX]: MIDDLE + 1n }, { rflags: CHECKED, ...WHOLE_MASK })),
    alternatives: [
      { name: '#AC', shows: raises(Vector.AC) },
      { name: 'no #AC', shows: completes, maps: withoutAlignmentCheck(MASKED_MOVES) },
      { name: 'no AVX', shows: raises(Vector.UD) },
    ],
  },
  {
    instructions: 'VGATHERDPS and relatives that fault',
    why: 'SDM Vol. 2C "VGATHERDPS": the elements before the one that faults are loaded, and others may be',
    probes: [GATHER_BEYOND_THE_END],
    alternatives: [
      { name: 'those before are loaded', shows: (result) => raises(Vector.PF)(result) && loadsTheFirstOnly(result) },
      {
        name: 'others may be loaded, or their part of the mask changes',
        shows: raises(Vector.PF),
        maps: (answers) => (isGather(answers) && bothFault(answers) ? leftOut(answers) : undefined),
      },
      { name: 'no AVX2', shows: raises(Vector.UD) },
    ],
  },
  {
    ...ofVendors(vendors.misalignedSha),
    probes: [1n, 8n].map((offset) => probe(SHA1MSG1, { [RBX]: MIDDLE + offset })),
    alternatives: [
      { name: vendors.misalignedSha.Intel, shows: raises(Vector.GP) },
      { name: vendors.misalignedSha.AMD, shows: completes, maps: withoutAlignmentFault },
    ],
  },
  {
    instructions: 'MASKMOVDQU, MASKMOVQ that is misaligned with RFLAGS.AC',
    why: 'SDM Vol. 2B "MASKMOVDQU": #AC depends on the implementation; AMD stores byte by byte',
    probes: [1n, 8n].map((offset) => probe(MASKMOVDQU, { [RDI]: MIDDLE + offset }, { rflags: CHECKED, ...WHOLE_MASK })),
    alternatives: [
      { name: '#AC', shows: raises(Vector.AC) },
      { name: 'no #AC', shows: completes, maps: withoutAlignmentCheck(['MASKMOVDQU', 'MASKMOVQ']) },
    ],
  },
  {
    instructions: 'MASKMOVDQU, MASKMOVQ across the end of the canonical addresses',
    why: 'SDM Vol. 2B "MASKMOVDQU" stores bytes; that #PF of the first comes before #GP of the last is open',
    probes: [probe(MASKMOVDQU, { [RDI]: 0x7fff_ffff_fff8n }, WHOLE_MASK)],
    alternatives: [
      { name: '#GP', shows: raises(Vector.GP) },
      { name: '#PF', shows: raises(Vector.PF), maps: itsFaultOf(['MASKMOVDQU', 'MASKMOVQ'], [Vector.PF], [Vector.GP]) },
    ],
  },
  {
    instructions: 'MASKMOVDQU, MASKMOVQ with a mask of zero',
    why: 'SDM Vol. 2B "MASKMOVDQU": whether it raises memory faults then depends on the implementation',
    probes: [probe(MASKMOVDQU, { [RDI]: UNMAPPED })],
    alternatives: [
      { name: 'faults as if it stored', shows: raises(Vector.PF) },
      {
        name: 'does not fault',
        shows: completes,
        maps: (answers) =>
          hasMnemonic(answers, 'MASKMOVDQU', 'MASKMOVQ') && !answers.native.fault
            ? leftOutIfMasked(answers)
            : undefined,
      },
    ],
  },
];

/** The host's exception is expected, where it is one of `native` and bd0's is one of `ours`. */
function itsFaultOf(mnemonics: readonly string[], native: readonly number[], ours: readonly number[]): Mapping {
  return (answers) =>
    hasMnemonic(answers, ...mnemonics) && raised(answers, native, ours) ? itsFault(answers) : undefined;
}

/** Cases of SHA at a misaligned address that bd0 refuses. */
function withoutAlignmentFault(answers: Answers): ReturnType<Mapping> {
  const { c, ours } = answers;
  const isMisaligned = c.address !== undefined && c.address % 16n !== 0n;
  return c.form.row.feature === 'SHA' && isMisaligned && ours.fault?.vector === Vector.GP
    ? leftOut(answers)
    : undefined;
}

/** #AC of bd0 does not count where the host has none. */
function withoutAlignmentCheck(mnemonics: readonly string[]): Mapping {
  return (answers) => (hasMnemonic(answers, ...mnemonics) ? withoutItsAlignmentCheck(answers) : undefined);
}

function withoutItsAlignmentCheck(answers: Answers): ReturnType<Mapping> {
  const { ours, native } = answers;
  return ours.fault?.vector === Vector.AC && native.fault?.vector !== Vector.AC ? leftOut(answers) : undefined;
}

/** An instruction of AVX with a vector in memory, or a half of one that is converted. */
function hasWideVector({ c }: Answers): boolean {
  const { row, operands } = c.form;
  const least = /^VCVTP(H2PS|S2PH)$/.test(row.mnemonic) ? 64 : 128;
  return row.pattern.vex && operands.some((operand) => operand.kind === 'memory' && operand.width >= least);
}

/** The page fault of the host is expected if it lies in the FXSAVE image. */
function faultWithinImage(answers: Answers): ReturnType<Mapping> {
  if (!hasMnemonic(answers, ...FX) || !raised(answers, [Vector.PF], [Vector.PF])) return undefined;
  const { address, form } = answers.c;
  // Addresses of 32 bits wrap at 4 GiB, within the image too.
  const offset = BigInt.asUintN(form.addressWidth, answers.native.fault!.cr2 - address!);
  return offset < BigInt(XSAVE_BYTES) ? itsFault(answers) : undefined;
}

/** The mask is the last operand: bit 7 of each of its bytes. */
function leftOutIfMasked(answers: Answers): ReturnType<Mapping> {
  const { oracle, instruction } = answers.c;
  const mask = hasMnemonic(answers, 'MASKMOVQ')
    ? mmxRegister(oracle.x87, instruction.rm)
    : oracle.xmm.subarray(16 * instruction.rm, 16 * instruction.rm + 16);
  return mask.every((byte) => byte < 0x80) ? leftOut(answers) : undefined;
}

function isGather({ c }: Answers): boolean {
  return c.form.row.operands.some(({ where }) => where === 'X');
}

/** Whether the first two elements of GATHER_BEYOND_THE_END are loaded, with zeros, and nothing else has changed. */
function loadsTheFirstOnly({ xmm }: OracleResult): boolean {
  const expected = gatherOperands();
  for (const register of [1, 3]) expected.fill(0, 16 * register, 16 * register + 8);
  return Buffer.compare(xmm, expected) === 0;
}
