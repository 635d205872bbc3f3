/**
 * Random machines in 64-bit mode at CPL 0: random code, much of it system instructions, over random page tables, descriptor tables
 * and interrupt gates, with accesses to ports and to devices in memory.
 */
import { Board } from '../../src/board.js';
import { enterLongMode } from '../../src/boot/entry.js';
import type { Engine } from '../../src/cpu/cpu.js';
import { sha256 } from '../../src/host/sha256.js';
import type { Snapshot } from '../../src/snapshot.js';
import type { Random } from './random.js';

const PAGE = 4096;
const MEMORY_BYTES = 2 ** 21;
const FRAMES = MEMORY_BYTES / PAGE;

/** Frames: descriptor tables, page tables (the first is the PML4 table), code and data. */
const TABLES_AT = 8;
const GDT = 4 * PAGE;
const IDT = 5 * PAGE;
const TSS = 6 * PAGE;
const TABLES = 12;
const CODE_AT = 32;
const CODE_FRAMES = 4;

const [PRESENT, WRITABLE, USER, LARGE, NO_EXECUTE] = [1n, 2n, 4n, 0x80n, 1n << 63n];

const DEVICES = [
  0xfee0_0000, 0xfee0_0080, 0xfee0_0320, 0xfec0_0000, 0xfec0_0010, 0xfed0_0000, 0xfed0_0100, 0xe000_0000,
];
const PORTS = [
  0x20, 0x21, 0x40, 0x42, 0x43, 0x60, 0x61, 0x64, 0x70, 0x71, 0x80, 0x92, 0x3f8, 0x3f9, 0x3fa, 0xcf8, 0xcfc, 0x604,
];
const REGISTERS_MSR = [
  0x10, 0x1b, 0xc000_0080, 0xc000_0081, 0xc000_0082, 0xc000_0084, 0xc000_0100, 0xc000_0101, 0xc000_0102,
];

/** CLI, STI, HLT, PUSHF, POPF, IRETQ, SYSCALL, SYSRETQ, INT3 and UD2. */
const WITHOUT_OPERANDS = [
  ...[[0xfa], [0xfb], [0xf4], [0x9c], [0x9d], [0x48, 0xcf]],
  ...[[0x0f, 0x05], [0x48, 0x0f, 0x07], [0xcc], [0x0f, 0x0b]],
];

/** What the translator has done for all machines so far. */
export interface Translated {
  readonly modules: number;
  readonly resumed: number;
}

/** How a machine ended: the kind of the event, its ticks and its hash. */
export type MachineEnd = readonly [kind: string, ticks: number, hash: string];

/** A board on which one random machine after the other runs, all from the same first state. */
export class RandomMachines {
  private readonly board: Board;
  private readonly start: Snapshot;

  constructor(engine: Engine, threshold?: number) {
    this.board = new Board({
      memoryBytes: MEMORY_BYTES,
      engine,
      sha256,
      send: () => {},
      translator: { threshold },
      model: 'v3',
    });
    this.start = this.board.snapshot();
  }

  get translated(): Translated {
    const { modulesInAll = 0, regionsResumed = 0 } = this.board.cpu.translationStats ?? {};
    return { modules: modulesInAll, resumed: regionsResumed };
  }

  /** Makes the machine that a source of random numbers gives, and runs it. */
  run(random: Random, ticks: number): MachineEnd {
    const { board } = this;
    board.restore(this.start);
    makeMachine(board, random);
    const { kind } = board.run(ticks);
    return [kind, board.ticks, board.machineHash()];
  }
}

function makeMachine(board: Board, random: Random): void {
  const { memory, cpu } = board;
  fillTables(board, random);
  fillDescriptors(board, random);
  const code = Array.from({ length: CODE_FRAMES * 64 }, () => anyCode(random)).flat();
  memory.ram.set(code.slice(0, CODE_FRAMES * PAGE), CODE_AT * PAGE);
  // What was decoded and derived in the last machine is of no use.
  for (let frame = 0; frame < FRAMES; frame++) if (memory.watched[frame]) cpu.linearMemory.stored(frame * PAGE, PAGE);
  memory.mark(CODE_AT * PAGE, CODE_FRAMES * PAGE);
  enterLongMode(board, { rip: CODE_AT * PAGE, rsi: 0, tables: TABLES_AT * PAGE });
  const { state } = cpu;
  const anyValue = (): number =>
    random.pick([
      random.below(2 ** 12),
      random.below(MEMORY_BYTES),
      (TABLES_AT + random.below(TABLES)) * PAGE,
      random.pick(DEVICES),
      0xffff_ffff,
    ]);
  for (let register = 0; register < 16; register++)
    state.setGpr(register, BigInt(anyValue()) | (random.below(8) === 0 ? 0xffff_8000_0000_0000n : 0n));
  state.setGpr(4, BigInt((CODE_AT + CODE_FRAMES + random.below(8)) * PAGE + 0x800));
  if (random.below(4) > 0) {
    cpu.bare!.system.setTable('gdt', BigInt(GDT), 0xffn);
    cpu.bare!.system.setTable('idt', BigInt(IDT), 0xfffn);
  }
}

/** Page tables that map most of memory to itself, and some of it in other ways, to tables and to devices. */
function fillTables({ memory }: Board, random: Random): void {
  const flags = (): bigint =>
    (random.below(16) > 0 ? PRESENT : 0n) |
    (random.below(6) > 0 ? WRITABLE : 0n) |
    (random.below(3) > 0 ? USER : 0n) |
    (random.below(24) === 0 ? NO_EXECUTE : 0n);
  const table = (number: number): number => (TABLES_AT + number) * PAGE;
  const entry = (at: number, index: number, frame: number, more = 0n): void =>
    memory.write64(at + 8 * index, (BigInt(frame) * BigInt(PAGE)) | flags() | more);
  for (let level = 0; level < 3; level++)
    memory.write64(table(level), BigInt(table(level + 1)) | PRESENT | WRITABLE | USER);
  for (let page = 0; page < FRAMES; page++) entry(table(3), page, page);
  for (let more = random.below(24); more > 0; more--) {
    const level = random.below(TABLES);
    const frame = random.below(4) === 0 ? 0xfec00 + random.below(0x300) : TABLES_AT + random.below(TABLES);
    entry(table(level), random.pick([1, 2, 256, 511]), frame, random.below(6) === 0 ? LARGE : 0n);
  }
}

/** A GDT with segments of every kind, a TSS, and gates that lead into the code. */
function fillDescriptors({ memory }: Board, random: Random): void {
  const descriptors = [
    0n,
    0x00af_9b00_0000_ffffn,
    0x00cf_9300_0000_ffffn,
    0x00cf_fb00_0000_ffffn,
    0x00cf_f300_0000_ffffn,
  ];
  descriptors.push(0x00af_fb00_0000_ffffn, 0x0000_8900_0000_0067n | (BigInt(TSS) << 16n), 0n);
  descriptors.forEach((descriptor, number) => {
    const noise = random.below(10) === 0 ? 1n << BigInt(random.below(64)) : 0n;
    memory.write64(GDT + 8 * number, descriptor ^ noise);
  });
  for (let vector = 0; vector < 256; vector++) {
    const offset = BigInt(CODE_AT * PAGE + random.below(CODE_FRAMES * PAGE));
    const type = random.pick([0x8en, 0x8fn, 0xeen, 0x0en]);
    const selector = BigInt(random.pick([8, 8, 8, 0x28, 0x10]));
    const low = (offset & 0xffffn) | (selector << 16n) | (type << 40n) | ((offset >> 16n) << 48n);
    memory.write64(IDT + 16 * vector, random.below(8) === 0 ? 0n : low);
  }
}

/** An instruction or two: often one for systems, else any bytes. */
function anyCode(random: Random): number[] {
  const byte = (): number => random.below(256);
  const four = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
  const register = random.below(8);
  const systems: (() => number[])[] = [
    () => [0x0f, 0x22, 0xc0 | (random.pick([0, 2, 3, 3, 3, 4]) << 3) | register], // mov crN, r
    () => [0x0f, 0x20, 0xc0 | (random.pick([0, 2, 3, 4]) << 3) | register], // mov r, crN
    () => [0x48, 0xc7, 0xc0 | register, ...four((TABLES_AT + random.below(2)) * PAGE), 0x0f, 0x22, 0xd8 | register],
    () => [0x48, 0x89, 0x04, 0x25, ...four((TABLES_AT + random.below(TABLES)) * PAGE + 8 * random.below(512))], // mov [table], rax
    () => [0x48, 0xc7, 0x04, 0x25, ...four((TABLES_AT + 3) * PAGE + 8 * random.below(512)), ...four(byte() * PAGE + 7)],
    () => [0x48, 0x8b, 0x04, 0x25, ...four(random.below(MEMORY_BYTES))], // mov rax, [memory]
    () => [0x48, 0x89, 0x0c, 0x25, ...four(random.below(MEMORY_BYTES))],
    () => [
      0xb8 | register,
      ...four(random.pick(DEVICES)),
      random.pick([0x8b, 0x89]),
      0x40 | register | (random.below(8) << 3),
      0,
    ],
    () => [0x66, 0xba, ...four(random.pick(PORTS)).slice(0, 2), random.pick([0xec, 0xed, 0xee, 0xef])], // in, out
    () => [0xb9, ...four(random.pick(REGISTERS_MSR)), 0x0f, random.pick([0x30, 0x32])], // wrmsr, rdmsr
    () => [0x0f, 0x01, random.pick([0xf8, 0x38, 0xca, 0xcb, 0x10, 0x18, 0x00, 0x08])], // swapgs, invlpg, clac, stac, lgdt, lidt
    // mov edi, table; mov ecx, count; rep stosq or movsq
    () => [
      ...[0xbf, ...four((TABLES_AT + random.below(TABLES)) * PAGE), 0xb9, ...four(random.below(600))],
      ...[0xf3, 0x48, random.pick([0xab, 0xa5])],
    ],
    () => random.pick(WITHOUT_OPERANDS),
    () => [0xcd, byte()], // int
    // push ss, rsp, rflags, cs and rip; iretq
    () => [
      ...[0x6a, random.pick([0, 0x10, 0x1b, 0x23]), 0x54, 0x9c, 0x6a, random.pick([8, 0x28, 0x2b, 0x33])],
      ...[0x68, ...four(CODE_AT * PAGE), 0x48, 0xcf],
    ],
    () => [0x8e, 0xc0 | (random.below(6) << 3) | register], // mov segment, r
    () => [0x0f, 0x00, 0xc0 | (random.below(6) << 3) | register], // sldt, str, lldt, ltr, verr, verw
    () => [0xeb, random.below(100)], // jmp
    () => [0x0f, 0x23, 0xc0 | (random.pick([0, 6, 7]) << 3) | register], // mov drN, r
  ];
  if (random.below(5) === 0) return Array.from({ length: 1 + random.below(12) }, byte);
  return random.pick(systems)();
}
