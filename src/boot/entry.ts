import type { Board } from '../board.js';
import { CR0_ET } from '../cpu/system/control-registers.js';
import { DS, ES, FS, GS, RAX, RBX, RSI, SS } from '../cpu/state/layout.js';
import { CR0_PE, CR0_PG, CR4_PAE, EFER_LMA, EFER_LME } from '../mmu/entry.js';
import type { Cpu } from '../cpu/cpu.js';

const TASK_LIMIT = 0x67;
const RFLAGS_FIXED = 2n;
const INITIAL_FCW = 0x37fn;
const INITIAL_MXCSR = 0x1f80;

/** The registers in which loaders of Multiboot and PVH pass values. */
export interface ProtectedEntry {
  readonly eip: number;
  readonly eax: number;
  readonly ebx: number;
}

/**
 * Puts the processor into 32-bit protected mode with flat segments, paging and interrupts off, as Multiboot and PVH require. The
 * segments are in no table: a kernel loads its own GDT before it loads a segment register.
 */
export function enterProtectedMode({ cpu }: Board, { eip, eax, ebx }: ProtectedEntry): void {
  const { state, mmu } = cpu;
  mmu.setCr0(CR0_PE | CR0_ET);
  mmu.setPaging('none');
  enterFlat(cpu, { code: 0x08, data: 0x10, size: 32 });
  state.rip = BigInt(eip);
  state.setGpr(RAX, BigInt(eax));
  state.setGpr(RBX, BigInt(ebx));
}

/** What the 32-bit entry of Linux finds: its parameters in ESI, and a table of four descriptors at a physical address. */
export interface LinuxEntry {
  readonly eip: number;
  readonly esi: number;
  readonly table: number;
}

const FLAT_CODE = 0x00cf_9b00_0000_ffffn;
const FLAT_DATA = 0x00cf_9300_0000_ffffn;
const TABLE_BYTES = 32;

/** Puts the processor into 32-bit protected mode with the segments of Linux in a GDT. Linux, Documentation/x86/boot.rst. */
export function enterLinux32({ cpu, memory }: Board, { eip, esi, table }: LinuxEntry): void {
  const { state, mmu } = cpu;
  mmu.setCr0(CR0_PE | CR0_ET);
  mmu.setPaging('none');
  memory.write64(table + 16, FLAT_CODE);
  memory.write64(table + 24, FLAT_DATA);
  cpu.bare!.system.setTable('gdt', BigInt(table), BigInt(TABLE_BYTES - 1));
  enterFlat(cpu, { code: 0x10, data: 0x18, size: 32 });
  state.rip = BigInt(eip);
  state.setGpr(RSI, BigInt(esi));
}

/** What the 64-bit entry of Linux finds: page tables that map it to itself, and its parameters in RSI. */
export interface LongEntry {
  readonly rip: number;
  readonly rsi: number;
  /** The physical address of the PML4 table. */
  readonly tables: number;
}

/** Puts the processor into 64-bit mode with flat segments, interrupts off. Linux, Documentation/x86/boot.rst. */
export function enterLongMode({ cpu }: Board, { rip, rsi, tables }: LongEntry): void {
  const { state, mmu } = cpu;
  mmu.setCr3(tables);
  mmu.setCr4(CR4_PAE);
  mmu.setEfer(EFER_LME | EFER_LMA);
  mmu.setCr0(CR0_PG | CR0_PE | CR0_ET);
  mmu.setPaging('four-level');
  enterFlat(cpu, { code: 0x10, data: 0x18, size: 64 });
  state.rip = BigInt(rip);
  state.setGpr(RSI, BigInt(rsi));
}

/** Loads flat segments, and gives all other registers the values that they have when a processor starts. */
function enterFlat(
  cpu: Cpu,
  selectors: { readonly code: number; readonly data: number; readonly size: 32 | 64 },
): void {
  const { state } = cpu;
  const { segments, controls } = cpu.bare!.system;
  segments.setFixedCode(selectors.code, 0, selectors.size);
  for (const segment of [ES, SS, DS, FS, GS]) segments.setFixedData(segment, selectors.data, 0);
  segments.setFixedTask(TASK_LIMIT);
  segments.refresh();
  controls.onFloatRules();
  state.rflags = RFLAGS_FIXED;
  state.setX87Part(16, 0, INITIAL_FCW);
  state.mxcsr = INITIAL_MXCSR;
}
