import type { Cpu } from '../../cpu/cpu.js';
import { CS, FS, GPR, REGISTERS_END, RSP, SS, X87 } from '../../cpu/state/layout.js';
import {
  CR0_PG,
  CR0_WP,
  CR4_PAE,
  CR4_SMAP,
  CR4_SMEP,
  EFER_LMA,
  EFER_LME,
  EFER_NXE,
  EFER_SCE,
} from '../../mmu/entry.js';
import { toLinear, type LinearAddress } from '../memory/linear-address.js';
import type { MapTarget } from '../memory/map-target.js';
import { mapKernelPage } from './kernel-page.js';

/** Control register bits that paging does not use. SDM Vol. 3A 2.5 "Control Registers", 2.2.1 "EFER". */
const CR0_PE = 1 << 0;
const CR0_MP = 1 << 1;
const CR0_ET = 1 << 4;
const CR0_NE = 1 << 5;
const CR0_AM = 1 << 18;
const CR4_OSFXSR = 1 << 9;
const CR4_OSXMMEXCPT = 1 << 10;
const CR4_OSXSAVE = 1 << 18;
const CR4_UMIP = 1 << 11;
const CR4_FSGSBASE = 1 << 16;

const EFER = EFER_LME | EFER_LMA | EFER_NXE;

const USER_CODE = 0x33;
const USER_DATA = 0x2b;
const INITIAL_RFLAGS = 0x202n;
const INITIAL_MXCSR = 0x1f80;
const INITIAL_FCW = 0x37f;

/** Maps the kernel page and begins user mode. */
export function setUpMachine(cpu: Cpu, { store, space, pager }: MapTarget): void {
  mapKernelPage(store, space);
  enterUserMode(cpu, pager.pageTable.root);
}

/** Puts the CPU into 64-bit mode at CPL 3, where it stays: the one page table is loaded and never switched. */
export function enterUserMode(cpu: Cpu, pageTableRoot: number): void {
  const { mmu } = cpu;
  mmu.setCr3(pageTableRoot);
  mmu.setCr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG);
  mmu.setCr4(CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP | CR4_FSGSBASE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP);
  mmu.setEfer(EFER);
  mmu.setCpl(3);
}

/** Whether SYSCALL calls the kernel; else it is #UD. */
export function enableSystemCalls({ mmu }: Cpu, isEnabled: boolean): void {
  mmu.setEfer(isEnabled ? EFER | EFER_SCE : EFER);
}

/** Puts the registers of a thread before its first instruction into the CPU: design/bd0-os.md "How a program starts". */
export function setInitialRegisters(
  cpu: Cpu,
  rip: LinearAddress,
  rsp: LinearAddress,
  threadPointer: LinearAddress,
): void {
  const { state, memory } = cpu;
  memory.host.fill(0, GPR, REGISTERS_END);
  state.rip = toLinear(rip);
  state.setGpr(RSP, toLinear(rsp));
  state.rflags = INITIAL_RFLAGS;
  state.mxcsr = INITIAL_MXCSR;
  memory.hostView.setUint16(X87, INITIAL_FCW, true);
  state.setSelector(CS, USER_CODE);
  state.setSelector(SS, USER_DATA);
  state.setSegmentBase(FS, toLinear(threadPointer));
}
