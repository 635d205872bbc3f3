/** Short machine-code programs for the pitfalls of decoding ahead, with the required results. */
import { PAGE_SIZE } from '../../../src/bits.js';
import { RAX, RBX, RCX, RDI, RDX, RSI, RSP } from '../../../src/cpu/state/layout.js';
import { ACCESSED, DIRTY, PRESENT } from '../../../src/mmu/entry.js';
import { ALIAS_DISTANCE, CODE, CODE_FRAME, DATA, PAGE_TABLE, type Machines } from './machines.js';

export interface Scenario {
  readonly name: string;
  /** Bytes by their offset in the code. */
  readonly code: Readonly<Record<number, readonly number[]>>;
  readonly gpr?: Readonly<Record<number, bigint>>;
  /** Start offset in the code; default: 0. */
  readonly start?: number;
  /** The events that end runs, in order, in the format of `describeEvent`. */
  readonly events: readonly string[];
  /** Kernel operation between two of them, if any. */
  readonly between?: readonly ((machines: Machines) => void)[];
  /** Registers at the end. */
  readonly result: Readonly<Record<number, bigint>>;
  /** Total ticks. */
  readonly ticks?: number;
}

const VMCALL = [0x0f, 0x01, 0xc1];
const PAGE = BigInt(PAGE_SIZE);
const le32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >> shift) & 0xff);
/** MOV EAX, imm32; VMCALL. */
const answer = (value: number): number[] => [0xb8, ...le32(value), ...VMCALL];
/** Address of the PTE of a linear address, as programs see it. */
const entryOf = (linear: bigint): bigint => PAGE_TABLE + ((linear >> 12n) & 511n) * 8n;

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'a loop sums up a hundred numbers',
    // L: ADD RAX, RCX; DEC RCX; JNZ L
    code: { 0: [0x48, 0x01, 0xc8, 0x48, 0xff, 0xc9, 0x75, 0xf8, ...VMCALL] },
    gpr: { [RCX]: 100n },
    events: ['vmcall'],
    result: { [RAX]: 5050n, [RCX]: 0n },
    ticks: 301,
  },
  {
    name: 'calls and returns to 24 levels',
    // CALL F; VMCALL; F: DEC RCX; JZ +5; CALL F; INC RAX; RET
    code: {
      0: [0xe8, 3, 0, 0, 0, ...VMCALL],
      8: [0x48, 0xff, 0xc9, 0x74, 0x05, 0xe8, 0xf6, 0xff, 0xff, 0xff, 0x48, 0xff, 0xc0, 0xc3],
    },
    gpr: { [RCX]: 24n, [RSP]: DATA + PAGE },
    events: ['vmcall'],
    result: { [RAX]: 24n, [RSP]: DATA + PAGE },
  },
  {
    name: 'an instruction ahead in the same block is changed, and runs changed',
    // MOV BYTE [RIP + 1], 42; MOV EAX, 1 (whose immediate that is); VMCALL
    code: { 0: [0xc6, 0x05, 0x01, 0, 0, 0, 42, ...answer(1)] },
    events: ['vmcall'],
    result: { [RAX]: 42n },
    ticks: 3,
  },
  {
    name: 'a loop that changes an immediate of its own in every round',
    // L: ADD EAX, 0; INC BYTE [RIP - 10] (the immediate); LOOP L
    code: { 0: [0x05, 0, 0, 0, 0, 0xfe, 0x05, 0xf6, 0xff, 0xff, 0xff, 0xe2, 0xf3, ...VMCALL] },
    gpr: { [RCX]: 20n },
    events: ['vmcall'],
    result: { [RAX]: 190n, [RCX]: 0n },
    ticks: 61,
  },
  {
    name: 'REP STOSB over its own block, itself included, goes on with the new bytes',
    // REP STOSB; three INT3; VMCALL: with AL = 90h, RDI at the REP, RCX = 5 the first store ends the repetition.
    code: { 0: [0xf3, 0xaa, 0xcc, 0xcc, 0xcc, ...VMCALL] },
    gpr: { [RAX]: 0x90n, [RCX]: 5n, [RDI]: CODE },
    events: ['trap #BP 0x0 0x0'],
    // NOP AAh is: NOP; STOSB; INT3.
    result: { [RCX]: 4n, [RDI]: CODE + 2n },
  },
  {
    name: 'data on the page of the code that changes it',
    // L: INC QWORD [RBX]; LOOP L
    code: { 0: [0x48, 0xff, 0x03, 0xe2, 0xfb, 0x48, 0x8b, 0x03, ...VMCALL] },
    gpr: { [RBX]: CODE + 0x800n, [RCX]: 50n },
    events: ['vmcall'],
    result: { [RAX]: 0xcccc_cccc_cccc_ccccn + 50n },
  },
  {
    name: 'one frame at two linear addresses: a store through one changes the code at the other',
    // CALL F; MOV ESI, EAX; MOV BYTE [RBX], 7 (through the other address); CALL F; VMCALL; F: MOV EAX, 5; RET
    code: {
      0: [0xe8, 0x1b, 0, 0, 0, 0x89, 0xc6, 0xc6, 0x03, 7, 0xe8, 0x11, 0, 0, 0, ...VMCALL],
      32: [0xb8, 5, 0, 0, 0, 0xc3],
    },
    gpr: { [RBX]: CODE + ALIAS_DISTANCE + 33n, [RSP]: DATA + PAGE },
    events: ['vmcall'],
    result: { [RSI]: 5n, [RAX]: 7n },
  },
  {
    name: 'a page table entry that the program stores maps other code, from the next instruction on',
    // CALL F; MOV ESI, EAX; MOV [RBX], RDX (the PTE of F); CALL F; VMCALL; F on page 1, another F on page 2
    code: {
      0: [0xe8, 0xfb, 0x0f, 0, 0, 0x89, 0xc6, 0x48, 0x89, 0x13, 0xe8, 0xf1, 0x0f, 0, 0, ...VMCALL],
      [PAGE_SIZE]: [0xb8, 5, 0, 0, 0, 0xc3],
      [2 * PAGE_SIZE]: [0xb8, 9, 0, 0, 0, 0xc3],
    },
    gpr: { [RBX]: entryOf(CODE + PAGE), [RDX]: 0x1_2007n, [RSP]: DATA + PAGE },
    events: ['vmcall'],
    result: { [RSI]: 5n, [RAX]: 9n },
  },
  {
    name: 'a page that is unmapped between two runs faults at the fetch, and runs once it is back',
    code: { 0: [0xe9, 0xfb, 0x0f, 0, 0], [PAGE_SIZE]: answer(3) },
    events: ['vmcall', 'fault #PF 0x14 0x401000', 'vmcall'],
    between: [unmapAndGoTo(0), map],
    result: { [RAX]: 3n },
  },
  {
    name: 'an instruction across two pages: the second may be absent, or change',
    // JMP +0; MOV EAX, imm32 whose immediate lies on the second page; VMCALL
    code: { [PAGE_SIZE - 6]: [0xe9, 0, 0, 0, 0, ...answer(0x1234)] },
    start: PAGE_SIZE - 6,
    events: ['vmcall', 'fault #PF 0x14 0x401000', 'vmcall', 'vmcall'],
    between: [unmapAndGoTo(PAGE_SIZE - 6), map, changeImmediate],
    result: { [RAX]: 0x1299n },
  },
  {
    name: 'REP MOVSB into a page that is not there: as many bytes as fit, then the fault, then the rest',
    code: { 0: [0xf3, 0xa4, ...VMCALL] },
    gpr: { [RCX]: 100n, [RSI]: DATA, [RDI]: DATA + 4n * PAGE - 60n },
    events: ['fault #PF 0x6 0x484000', 'vmcall'],
    between: [(machines) => machines.writeEntry(DATA + 4n * PAGE, () => 0x1_4007n)],
    result: { [RCX]: 0n, [RSI]: DATA + 100n, [RDI]: DATA + 4n * PAGE + 40n },
    ticks: 102,
  },
  {
    name: 'pages that take the same place in the TLB: instructions with two accesses end',
    // REP MOVSQ; CMPSQ; VMCALL
    code: { 0: [0xf3, 0x48, 0xa5, 0x48, 0xa7, ...VMCALL] },
    gpr: { [RCX]: 8n, [RSI]: DATA + 0x800n, [RDI]: DATA + ALIAS_DISTANCE + 0x900n },
    events: ['vmcall'],
    result: { [RCX]: 0n, [RSI]: DATA + 0x848n, [RDI]: DATA + ALIAS_DISTANCE + 0x948n },
    ticks: 10,
  },
  {
    name: 'A and D bits are set again after the kernel has cleared them',
    // INC QWORD [RBX]; VMCALL; INC QWORD [RBX]; MOV RAX, [RSI] (the PTE of the former); VMCALL
    code: { 0: [0x48, 0xff, 0x03, ...VMCALL, 0x48, 0xff, 0x03, 0x48, 0x8b, 0x06, ...VMCALL] },
    gpr: { [RBX]: DATA, [RSI]: entryOf(DATA) },
    events: ['vmcall', 'vmcall'],
    between: [(machines) => machines.writeEntry(DATA, (entry) => entry & ~BigInt(ACCESSED | DIRTY))],
    result: { [RAX]: 0x8000_0000_0001_3067n },
  },
  {
    name: 'on a new machine, accesses to page 0, and round the end of the address space to it, find nothing',
    // MOV RAX, [8]; then MOV RAX, [RBX]
    code: { 0: [0x48, 0x8b, 0x04, 0x25, 8, 0, 0, 0], 16: [0x48, 0x8b, 0x03], 32: [0x48, 0x89, 0x03] },
    gpr: { [RBX]: (1n << 64n) - 4n },
    events: ['fault #PF 0x4 0x8', 'fault #PF 0x4 0xfffffffffffffffc', 'fault #PF 0x6 0xfffffffffffffffc'],
    between: [(machines) => machines.goTo(CODE + 16n), (machines) => machines.goTo(CODE + 32n)],
    result: { [RAX]: 0n },
  },
  {
    name: 'POPF sets TF, and every instruction after the next is a trap',
    // POPFQ; NOP; NOP; VMCALL
    code: { 0: [0x68, 0x02, 0x03, 0, 0, 0x9d, 0x90, 0x90, ...VMCALL] },
    gpr: { [RSP]: DATA + PAGE },
    events: ['trap #DB 0x0 0x0', 'trap #DB 0x0 0x0', 'vmcall'],
    result: { [RSP]: DATA + PAGE },
  },
  {
    name: 'an instruction across pages, of which the second is mapped elsewhere, and back',
    // ADD EAX, imm32, whose upper half is in the second page, or in the third; VMCALL
    code: {
      [PAGE_SIZE - 3]: [0x05, 1, 0, 2, 0, ...VMCALL],
      [2 * PAGE_SIZE]: [3, 0, ...VMCALL],
    },
    start: PAGE_SIZE - 3,
    events: ['vmcall', 'vmcall', 'vmcall', 'vmcall'],
    between: [2, 1, 2].map((frame) => mapSecondPage(frame)),
    result: { [RAX]: 0x2_0001n + 0x3_0001n + 0x2_0001n + 0x3_0001n },
    ticks: 8,
  },
  {
    name: 'an instruction across pages, of which the second is mapped elsewhere and back while nobody fetches it',
    // ADD EAX, imm32, whose upper half is in the second page; VMCALL
    code: { [PAGE_SIZE - 3]: [0x05, 1, 0, 2, 0, ...VMCALL] },
    start: PAGE_SIZE - 3,
    events: ['vmcall', 'vmcall'],
    between: [(machines) => [2, 1].forEach((frame) => mapSecondPage(frame)(machines))],
    result: { [RAX]: 2n * 0x2_0001n },
    ticks: 4,
  },
  {
    name: 'a kernel that goes on where no address is canonical: at what tables of addresses have where they are empty, too',
    code: { 0: VMCALL },
    events: ['vmcall', 'fault #GP 0x0 0x0', 'fault #GP 0x0 0x0', 'fault #GP 0x0 0x0'],
    between: [0x8000_8000_8000_8000n, 0xffff_7fff_ffff_ffffn, 0x8000_0000_0000n].map((rip) => goTo(rip)),
    result: {},
    ticks: 4,
  },
];

/** Enough iterations to become hot. */
export const LONG_LOOP: Scenario = {
  name: 'a loop that calls, stores and loads fifty thousand times',
  // L: CALL F; DEC RCX; JNZ L; VMCALL; F: ADD [RBX], RCX; ADD RAX, [RBX]; RET
  code: {
    0: [0xe8, 0x1b, 0, 0, 0, 0x48, 0xff, 0xc9, 0x75, 0xf6, ...VMCALL],
    32: [0x48, 0x01, 0x0b, 0x48, 0x03, 0x03, 0xc3],
  },
  gpr: { [RCX]: 50_000n, [RBX]: DATA, [RSP]: DATA + PAGE },
  events: ['vmcall'],
  // The sum over n of the sums of n numbers from 50000 down.
  result: { [RAX]: (50_000n * 50_001n * 100_001n) / 6n, [RCX]: 0n },
  ticks: 300_001,
};

/** Unmaps the second code page and continues at an offset in the code. */
function unmapAndGoTo(offset: number): (machines: Machines) => void {
  return (machines) => {
    machines.writeEntry(CODE + PAGE, (entry) => entry & ~BigInt(PRESENT));
    machines.goTo(CODE + BigInt(offset));
  };
}

function goTo(rip: bigint): (machines: Machines) => void {
  return (machines) => machines.goTo(rip);
}

/** Maps the second code page to one of the frames of the code and continues at the start of the program. */
function mapSecondPage(frame: number): (machines: Machines) => void {
  return (machines) => {
    const physical = BigInt((CODE_FRAME + frame) * PAGE_SIZE);
    machines.writeEntry(CODE + PAGE, (entry) => (entry & ~0xf_f000n) | physical, true);
    machines.goTo(CODE + PAGE - 3n);
  };
}

function map(machines: Machines): void {
  machines.writeEntry(CODE + PAGE, (entry) => entry | BigInt(PRESENT));
}

/** The second byte of the instruction across the pages. */
function changeImmediate(machines: Machines): void {
  machines.writeCode(PAGE_SIZE, Uint8Array.of(0x99));
  machines.goTo(CODE + BigInt(PAGE_SIZE - 6));
}
