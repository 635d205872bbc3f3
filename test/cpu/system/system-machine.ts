import { Cpu } from '../../../src/cpu/cpu.js';
import { bareProcessor } from '../../../src/cpu/system/bare-processor.js';
import type { CpuEvent } from '../../../src/cpu/state/events.js';
import { DS, ES, FS, GS, RSP, SS } from '../../../src/cpu/state/layout.js';
import type { BareModel } from '../../../src/cpu/system/bare-cpuid.js';
import { TR } from '../../../src/cpu/system/system-state.js';
import { GuestMemory } from '../../../src/memory.js';
import {
  CR0_PG,
  CR0_WP,
  CR4_PAE,
  EFER_LMA,
  EFER_LME,
  EFER_NXE,
  EFER_SCE,
  USER,
  WRITABLE,
} from '../../../src/mmu/entry.js';
import { PageTables } from '../meanings/page-tables.js';

/** Where things lie; linear addresses are physical ones. */
export const GDT = 0x2000;
export const IDT = 0x3000;
export const TSS = 0x4000;
export const CODE = 0x2_0000;
const HANDLERS = 0x3_0000;
const HANDLER_BYTES = 16;
export const KERNEL_STACK = 0x4_1000;
export const USER_STACK = 0x5_1000;
export const INTERRUPT_STACK = 0x6_1000;
export const READ_ONLY = 0x7_0000;
export const SUPERVISOR = 0x8_0000;
export const ABSENT = 0x9_0000;
const TABLES = 0xa_0000;
const MEMORY_BYTES = 0x10_0000;

const HLT = 0xf4;
const CODE_CACHE = 1;
const TASK_LIMIT = 0x87;
export const TASK_IO_MAP = 0x68;
const GATES = 0x30;

/** Selectors of the descriptors in the table, without their RPL. */
export const SELECTOR = {
  code: 0x08,
  data: 0x10,
  userCode32: 0x18,
  userData: 0x20,
  userCode: 0x28,
  task: 0x30,
  conforming: 0x40,
  absentCode: 0x48,
  readOnly: 0x50,
  code32: 0x58,
  ldt: 0x60,
  absentData: 0x70,
  longAndBig: 0x78,
  executeOnly: 0x80,
  beyond: 0x88,
} as const;

const DESCRIPTORS: Readonly<Record<number, bigint>> = {
  [SELECTOR.code]: 0x00af_9b00_0000_ffffn,
  [SELECTOR.data]: 0x00cf_9300_0000_ffffn,
  [SELECTOR.userCode32]: 0x00cf_fb00_0000_ffffn,
  [SELECTOR.userData]: 0x00cf_f300_0000_ffffn,
  [SELECTOR.userCode]: 0x00af_fb00_0000_ffffn,
  [SELECTOR.task]: 0x0000_8b00_4000_0087n,
  [SELECTOR.conforming]: 0x00af_9f00_0000_ffffn,
  [SELECTOR.absentCode]: 0x00af_1b00_0000_ffffn,
  [SELECTOR.readOnly]: 0x00cf_9100_0000_ffffn,
  [SELECTOR.code32]: 0x00cf_9b00_0000_ffffn,
  [SELECTOR.ldt]: 0x0000_8200_2000_0087n,
  [SELECTOR.absentData]: 0x00cf_1300_0000_ffffn,
  [SELECTOR.longAndBig]: 0x00ef_9b00_0000_ffffn,
  [SELECTOR.executeOnly]: 0x00cf_9900_0000_ffffn,
};

/** A gate that differs from an interrupt gate of DPL 0 to 64-bit code. */
export interface GateDraft {
  readonly type?: number;
  readonly dpl?: number;
  readonly isAbsent?: boolean;
  readonly selector?: number;
  readonly stack?: number;
  readonly offset?: bigint;
}

/** The gates that cases call; all others below 30h are interrupt gates of DPL 0. */
const SPECIAL_GATES: Readonly<Record<number, GateDraft>> = {
  3: { dpl: 3 },
  0x20: { type: 15, dpl: 3 },
  0x22: { isAbsent: true },
  0x23: { type: 12 },
  0x24: { selector: 0 },
  0x25: { selector: SELECTOR.data },
  0x26: { stack: 1, dpl: 3 },
  0x27: { selector: SELECTOR.conforming, dpl: 3 },
  0x28: { selector: SELECTOR.code32 },
  0x29: { offset: 0x8000_0000_0000n },
  0x2a: { selector: SELECTOR.beyond },
  0x2b: { selector: SELECTOR.absentCode },
};

/** `translator`: all code that can be is translated before it runs. */
export type SystemEngine = 'evaluator' | 'interpreter' | 'translator';

export const SYSTEM_ENGINES: readonly SystemEngine[] = ['evaluator', 'interpreter', 'translator'];

/** A processor in long mode with descriptor tables, whose handlers halt. */
export class SystemMachine {
  readonly memory = new GuestMemory(MEMORY_BYTES);
  readonly cpu: Cpu;
  /** Writes to ports, as `port=value`. */
  readonly written: string[] = [];

  constructor(engine: SystemEngine, code: Uint8Array, model: BareModel = 'v2') {
    const ports = {
      read: (port: number) => port & 0xff,
      write: (port: number, _width: number, value: number) => void this.written.push(`${port}=${value}`),
    };
    const isTranslated = engine === 'translator';
    const bare = bareProcessor(ports);
    this.cpu = new Cpu(this.memory, isTranslated ? 'auto' : engine, isTranslated ? { threshold: 0 } : {}, model, bare);
    this.memory.ram.set(code, CODE);
    this.memory.ram.fill(HLT, HANDLERS, HANDLERS + GATES * HANDLER_BYTES);
    this.writeTables();
    this.mapMemory();
    this.setUpProcessor();
  }

  private writeTables(): void {
    for (const [selector, raw] of Object.entries(DESCRIPTORS)) this.memory.write64(GDT + Number(selector), raw);
    for (let vector = 0; vector < GATES; vector++) this.setGate(vector, SPECIAL_GATES[vector]);
    this.memory.ramView.setBigUint64(TSS + 4, BigInt(KERNEL_STACK), true);
    this.memory.ramView.setBigUint64(TSS + 36, BigInt(INTERRUPT_STACK), true);
    this.memory.ramView.setUint16(TSS + 102, TASK_IO_MAP, true);
    this.memory.ram.fill(0xff, TSS + TASK_IO_MAP, TSS + TASK_LIMIT + 1);
  }

  setGate(
    vector: number,
    { type = 14, dpl = 0, isAbsent = false, selector = SELECTOR.code, stack = 0, offset }: GateDraft = {},
  ): void {
    const to = offset ?? BigInt(HANDLERS + vector * HANDLER_BYTES);
    const rights = BigInt((isAbsent ? 0 : 0x80) | (dpl << 5) | type);
    const middle = (to & 0xffff_0000n) << 32n;
    const low = (to & 0xffffn) | (BigInt(selector) << 16n) | (BigInt(stack) << 32n) | (rights << 40n) | middle;
    this.memory.write64(IDT + vector * 16, low);
    this.memory.write64(IDT + vector * 16 + 8, to >> 32n);
  }

  private mapMemory(): void {
    const tables = new PageTables(this.memory, TABLES);
    const [user, writable] = [BigInt(USER), BigInt(WRITABLE)];
    const pages = (start: number, count: number, rights: bigint): void => {
      for (let page = 0; page < count; page++) tables.map(BigInt(start + page * 4096), start + page * 4096, rights);
    };
    pages(GDT, 3, writable);
    pages(CODE, 4, user | writable);
    pages(HANDLERS, 1, writable);
    pages(KERNEL_STACK - 4096, 1, writable);
    pages(USER_STACK - 4096, 1, user | writable);
    pages(INTERRUPT_STACK - 4096, 1, writable);
    pages(READ_ONLY, 1, user);
    pages(SUPERVISOR, 1, writable);
    this.cpu.mmu.setCr3(tables.root);
  }

  private setUpProcessor(): void {
    const { mmu } = this.cpu;
    const { system } = this.cpu.bare!;
    mmu.setCr0(CR0_PG | CR0_WP | 0x31);
    mmu.setCr4(CR4_PAE | 0x600);
    mmu.setEfer(EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE);
    system.controls.onFloatRules();
    system.setTable('gdt', BigInt(GDT), BigInt(SELECTOR.beyond - 1));
    system.setTable('idt', BigInt(IDT), BigInt(GATES * 16 - 1));
    const { state } = system!;
    [state.bases[TR], state.limits[TR], state.rights[TR]] = [BigInt(TSS), TASK_LIMIT, 0x8b00];
    state.systemSelectors[1] = SELECTOR.task;
    state.modelSpecific.set(0xc000_0081, 0x001b_0008_0000_0000n);
    state.modelSpecific.set(0xc000_0082, BigInt(HANDLERS + 0x2f * HANDLER_BYTES));
    state.modelSpecific.set(0xc000_0084, 0x200n);
    this.enter(0, 0);
  }

  /** Goes to an offset in the code at a privilege level. */
  enter(cpl: 0 | 3, offset: number): void {
    const { cpu } = this;
    const { segments } = cpu.bare!.system;
    segments.setFixedCode(cpl === 0 ? SELECTOR.code : SELECTOR.userCode | 3, cpl, 64);
    const data = cpl === 0 ? SELECTOR.data : SELECTOR.userData | 3;
    for (const segment of [ES, SS, DS, FS, GS]) segments.setFixedData(segment, data, cpl);
    cpu.state.rflags = 0x2n;
    cpu.state.setGpr(RSP, BigInt(cpl === 0 ? KERNEL_STACK : USER_STACK) - 0x100n);
    cpu.state.rip = BigInt(CODE + offset);
  }

  /** Runs until the processor halts or shuts down. */
  run(maxTicks = 1000): CpuEvent {
    const end = this.cpu.ticks + maxTicks;
    let event: CpuEvent;
    do event = this.cpu.run(end - this.cpu.ticks);
    while (event.kind === 'device' || (event.kind === 'ticks' && this.cpu.ticks < end));
    return event;
  }

  /** The vector whose handler has halted; undefined where none has. */
  get vector(): number | undefined {
    const at = Number(this.cpu.state.rip) - 1 - HANDLERS;
    return at >= 0 && at < GATES * HANDLER_BYTES && at % HANDLER_BYTES === 0 ? at / HANDLER_BYTES : undefined;
  }

  /** A word of the frame that the processor has pushed: 0 is at RSP. */
  pushed(word: number): bigint {
    return this.memory.ramView.getBigUint64(Number(this.cpu.state.gpr(RSP)) + 8 * word, true);
  }

  /** The privilege level by CS, which is that of the MMU. */
  get cpl(): number {
    const selector = this.cpu.state.selector(CODE_CACHE) & 3;
    if (selector !== this.cpu.mmu.cpl) throw new Error(`CS has RPL ${selector} at CPL ${this.cpu.mmu.cpl}`);
    return selector;
  }
}
