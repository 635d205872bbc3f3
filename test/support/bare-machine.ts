/** A CPU with page tables of its own and no kernel: what programs raise is answered by rules that are the same for all. */
import { PAGE_SIZE, bytesToHex, hex } from '../../src/bits.js';
import { Cpu, type CpuEvent, type Engine, type TranslationThreshold } from '../../src/cpu/cpu.js';
import { GuestException, Vector } from '../../src/cpu/state/exceptions.js';
import { AC, TF } from '../../src/cpu/meaning/flags.js';
import { GPR, RSP, SELECTORS, X87, X87_BYTES, XMM, YMM_HIGH } from '../../src/cpu/state/layout.js';
import { GuestMemory } from '../../src/memory.js';
import { ACCESSED, CR0_WP, DIRTY, EFER_NXE, PRESENT, USER, WRITABLE } from '../../src/mmu/entry.js';
import { writeStateOf } from '../../src/state/digest.js';
import { StateWriter } from '../../src/state/state-writer.js';
import { MemoryIdentity } from '../../src/vmo/frames/memory-identity.js';
import { EXECUTE_DISABLE, PageTables } from '../cpu/meanings/page-tables.js';
import { sha256 } from './guest-programs.js';
import { SOME_IN_LOCALS } from './random-threshold.js';

export const CODE_PAGES = 4;
/** The code's frames, each of which can be mapped in any code page's place; those behind the first four are spare. */
export const CODE_FRAMES = 6;
export const DATA_PAGES = 8;
/** These data pages are mapped when they are first touched. */
const FRESH_PAGES = 3;
const READ_ONLY_PAGE = 4;
export const STACK_BYTES = 2 * PAGE_SIZE;

/** Linear addresses. The code's is the program's to choose; ALIAS has the same frames in another order. */
export const ALIAS = 0x5000_0000n;
export const DATA = 0x6000_0000n;
export const STACK = 0x6010_0000n;
/** The page tables that map the code and its alias, as data. */
export const CODE_TABLE = 0x6020_0000n;
export const ALIAS_TABLE = CODE_TABLE + BigInt(PAGE_SIZE);

const MEMORY_BYTES = 0x3_0000;
const CODE_START = 0x1_8000;
const DATA_START = 0x2_0000;
const STACK_START = 0x2_8000;

const CR0_AM = 1 << 18;
const USER_RIGHTS = BigInt(USER | WRITABLE);
const INITIAL_MXCSR = 0x1f80;

/** A program for a bare machine. */
export interface BareProgram {
  /** Linear address of the first code page. */
  readonly code: bigint;
  /** What is in the code's frames. */
  readonly image: Uint8Array;
  /** Offsets in the code where it goes on after an exception. */
  readonly resumeAt: readonly number[];
  readonly gpr: readonly bigint[];
  readonly data: Uint8Array;
  /** A is set from the start in all page-table entries but those of data, so that a restart changes none for code. */
  readonly isAccessed?: boolean;
}

/** The PTE of a code page that names one of the code's frames. */
export function codeEntry(frame: number): bigint {
  return BigInt(CODE_START + frame * PAGE_SIZE) | USER_RIGHTS | BigInt(PRESENT);
}

export class BareMachine {
  readonly cpu: Cpu;
  /** What happened, in words. */
  readonly log: string[] = [];
  private readonly memory = new GuestMemory(MEMORY_BYTES);
  private readonly identity = new MemoryIdentity(this.memory, sha256);
  private readonly initialWords = new BigInt64Array(MEMORY_BYTES / 8);
  private tables!: PageTables;
  private program!: BareProgram;

  constructor(engine: Engine, threshold?: TranslationThreshold) {
    this.cpu = new Cpu(this.memory, engine, { threshold, mostInLocals: SOME_IN_LOCALS });
    const { mmu } = this.cpu;
    mmu.setCr0(CR0_WP | CR0_AM);
    mmu.setEfer(EFER_NXE);
    mmu.setCpl(3);
  }

  /** Puts the machine before the first instruction of a program. */
  load(program: BareProgram): void {
    const { cpu, memory } = this;
    this.program = program;
    for (let at = 0; at < MEMORY_BYTES; at += PAGE_SIZE) cpu.linearMemory.stored(at, PAGE_SIZE);
    memory.ram.fill(0);
    memory.ram.set(program.image, CODE_START);
    memory.ram.set(program.data, DATA_START);
    this.makeTables(program.code);
    if (program.isAccessed) this.setAccessed();
    cpu.mmu.setCr3(this.tables.root);
    cpu.mmu.flush();
    this.initialWords.set(this.words);
    this.setRegisters();
  }

  /** As `load` of the same program, but what was decoded and compiled from bytes that have not changed stays. */
  restart(): void {
    const { words, initialWords } = this;
    for (let i = 0; i < words.length; i++) {
      if (words[i] === initialWords[i]) continue;
      words[i] = initialWords[i]!;
      this.cpu.linearMemory.stored(8 * i, 8);
    }
    this.setRegisters();
  }

  private setRegisters(): void {
    const { cpu, memory, program } = this;
    this.log.length = 0;
    cpu.ticks = 0;
    memory.host.fill(0, GPR, X87 + X87_BYTES);
    program.gpr.forEach((value, register) => cpu.state.setGpr(register, value));
    cpu.state.setGpr(RSP, STACK + BigInt(STACK_BYTES / 2));
    cpu.state.rip = program.code + BigInt(program.resumeAt[0]!);
    cpu.state.rflags = 0x202n;
    cpu.state.mxcsr = INITIAL_MXCSR;
  }

  /** Runs for so many ticks. */
  run(ticks: number): void {
    const { cpu } = this;
    const end = cpu.ticks + ticks;
    while (cpu.ticks < end) {
      const event = cpu.run(end - cpu.ticks);
      if (event.kind !== 'ticks') this.answer(event);
    }
  }

  get ram(): Uint8Array {
    return this.memory.ram;
  }

  private get words(): BigInt64Array {
    return new BigInt64Array(this.ram.buffer, this.ram.byteOffset, MEMORY_BYTES / 8);
  }

  /** SHA-256 over all that a bare machine can be told apart by: the CPU's state, time, memory, and what happened. */
  hash(): string {
    const out = new StateWriter();
    writeStateOf(this.cpu, out);
    out.text(this.log.join()).text(this.identity.id());
    return bytesToHex(sha256(out.written));
  }

  /** What is in the data's frames. */
  get data(): Uint8Array {
    return this.memory.ram.subarray(DATA_START, DATA_START + DATA_PAGES * PAGE_SIZE);
  }

  /** The CPU's state but for ticks, in words. */
  describe(): string[] {
    const { state } = this.cpu;
    const { host } = this.memory;
    const bytes = (start: number, length: number): string =>
      Buffer.from(host.buffer, host.byteOffset + start, length).toString('hex');
    return [
      `events ${this.log.length}`,
      `last event ${this.log.at(-1) ?? 'none'}`,
      `rip ${hex(state.rip, 16)}`,
      `rflags ${hex(state.rflags)}`,
      ...Array.from({ length: 16 }, (_, i) => `r${i} ${hex(state.gpr(i), 16)}`),
      `mxcsr ${hex(state.mxcsr)}`,
      ...Array.from({ length: 16 }, (_, i) => `xmm${i} ${bytes(XMM + i * 16, 16)}`),
      ...Array.from({ length: 16 }, (_, i) => `ymm${i}h ${bytes(YMM_HIGH + i * 16, 16)}`),
      `selectors ${bytes(SELECTORS, 12)}`,
      `x87 ${bytes(X87, X87_BYTES)}`,
    ];
  }

  private makeTables(code: bigint): void {
    const tables = new PageTables(this.memory, 0);
    this.tables = tables;
    const page = (base: bigint, index: number): bigint => BigInt.asUintN(64, base + BigInt(index * PAGE_SIZE));
    for (let i = 0; i < CODE_PAGES; i++) {
      tables.map(page(code, i), CODE_START + i * PAGE_SIZE, USER_RIGHTS);
      tables.map(page(ALIAS, i), CODE_START + ((i + 1) % CODE_PAGES) * PAGE_SIZE, USER_RIGHTS);
    }
    for (let i = 0; i < DATA_PAGES - FRESH_PAGES; i++) {
      const rights = i === READ_ONLY_PAGE ? BigInt(USER) : USER_RIGHTS;
      tables.map(page(DATA, i), DATA_START + i * PAGE_SIZE, rights | EXECUTE_DISABLE);
    }
    for (let i = 0; i < STACK_BYTES / PAGE_SIZE; i++)
      tables.map(page(STACK, i), STACK_START + i * PAGE_SIZE, USER_RIGHTS);
    const tableOf = (linear: bigint): number => {
      const entry = tables.entryAddress(linear);
      return entry - (entry % PAGE_SIZE);
    };
    tables.map(CODE_TABLE, tableOf(code), USER_RIGHTS | EXECUTE_DISABLE);
    tables.map(ALIAS_TABLE, tableOf(ALIAS), USER_RIGHTS | EXECUTE_DISABLE);
  }

  private setAccessed(): void {
    const { tables, memory } = this;
    const ofData = Array.from({ length: DATA_PAGES }, (_, i) => tables.entryAddress(DATA + BigInt(i * PAGE_SIZE)));
    for (const address of tables.entryAddresses)
      if (!ofData.includes(address)) memory.write64(address, memory.read64(address) | BigInt(ACCESSED));
  }

  private answer(event: CpuEvent): void {
    const { state } = this.cpu;
    if (event.kind === 'vmcall') {
      this.log.push(`vmcall before ${hex(state.rip)}`);
      return this.call();
    }
    if (event.kind !== 'exception') return;
    const { vector, errorCode, linear } = event.exception;
    const cr2 = linear ?? 0n;
    this.log.push(`vector ${vector} error code ${errorCode} cr2 ${hex(cr2)} at ${hex(state.rip)}`);
    if (vector === Vector.DB) {
      if (this.log.length % 4 === 0) state.systemFlags &= ~BigInt(TF);
    } else if (vector !== Vector.PF || !this.mapsMissing(event.exception)) this.goElsewhere();
  }

  /** What a VMCALL asks for depends on how much has happened. */
  private call(): void {
    const { length } = this.log;
    switch (length % 6) {
      case 0:
        return this.remapCode();
      case 1:
        return this.forgetAccesses();
      case 2:
        return this.poke(CODE_START + (length % 3) * PAGE_SIZE + 16, length);
      case 3:
        return this.storeEntry(this.tables.entryAddress(DATA + BigInt(length % DATA_PAGES) * BigInt(PAGE_SIZE)), 0n);
      default:
    }
  }

  /** A page fault that maps a page: a fresh one of data, or of code or stack that the program has spoilt. */
  private mapsMissing({ errorCode, linear }: GuestException): boolean {
    if (linear === undefined) return false;
    const { code } = this.program;
    const page = linear - (linear % BigInt(PAGE_SIZE));
    const index = Number(page - DATA) / PAGE_SIZE;
    if (index >= 0 && index < DATA_PAGES && (errorCode & 1) === 0) {
      const physical = BigInt(DATA_START + index * PAGE_SIZE);
      this.storeEntry(this.tables.entryAddress(page), physical | USER_RIGHTS | BigInt(PRESENT) | EXECUTE_DISABLE);
      return true;
    }
    const isCode = [code, ALIAS].some((base) => page >= base && page < base + BigInt(CODE_PAGES * PAGE_SIZE));
    if (isCode) this.remapCode();
    return isCode;
  }

  private remapCode(): void {
    for (const [base, turn] of [
      [this.program.code, 0],
      [ALIAS, 1],
    ] as const)
      // prettier-ignore
      for (let i = 0; i < CODE_PAGES; i++) {
        const linear = BigInt.asUintN(64, base + BigInt(i * PAGE_SIZE));
        this.storeEntry(this.tables.entryAddress(linear), codeEntry((i + turn) % CODE_PAGES));
      }
  }

  private forgetAccesses(): void {
    const { code } = this.program;
    for (const linear of [code, DATA, STACK]) {
      const entry = this.tables.entryAddress(linear);
      this.storeEntry(entry, this.memory.read64(entry) & ~BigInt(ACCESSED | DIRTY));
    }
  }

  private storeEntry(address: number, value: bigint): void {
    this.memory.write64(address, value);
    this.cpu.linearMemory.stored(address, 8);
  }

  private poke(physical: number, value: number): void {
    this.memory.write32(physical, value);
    this.cpu.linearMemory.stored(physical, 4);
  }

  /** Goes on where the program says, with a stack; sometimes without alignment checks. */
  private goElsewhere(): void {
    const { state } = this.cpu;
    const { code, resumeAt } = this.program;
    const { length } = this.log;
    state.rip = BigInt.asUintN(64, code + BigInt(resumeAt[length % resumeAt.length]!));
    const rsp = state.gpr(RSP);
    if (rsp < STACK + 64n || rsp >= STACK + BigInt(STACK_BYTES - 64))
      state.setGpr(RSP, STACK + BigInt(STACK_BYTES / 2) + BigInt(length % 3));
    if (length % 3) state.systemFlags &= ~BigInt(AC);
  }
}
