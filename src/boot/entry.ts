import type { Board } from '../board.js';
import { CR0_ET, CR0_PE } from '../cpu/system/control-registers.js';
import { DS, ES, FS, GS, RAX, RBX, SS } from '../cpu/state/layout.js';

const CODE_SELECTOR = 0x08;
const DATA_SELECTOR = 0x10;
const TASK_LIMIT = 0x67;
const RFLAGS_FIXED = 2n;
const INITIAL_FCW = 0x37fn;
const INITIAL_MXCSR = 0x1f80;

/** What loaders of Multiboot and PVH leave in registers. */
export interface ProtectedEntry {
  readonly eip: number;
  readonly eax: number;
  readonly ebx: number;
}

/**
 * Puts the processor into 32-bit protected mode with flat segments, paging and interrupts off, as Multiboot and PVH demand. The
 * segments are in no table: a kernel loads its own GDT before it loads a segment register.
 */
export function enterProtectedMode({ cpu }: Board, { eip, eax, ebx }: ProtectedEntry): void {
  const { state, mmu } = cpu;
  const { segments, controls } = cpu.bare!.system;
  mmu.setCr0(CR0_PE | CR0_ET);
  mmu.setPaging('none');
  segments.setFixedCode(CODE_SELECTOR, 0, 32);
  for (const segment of [ES, SS, DS, FS, GS]) segments.setFixedData(segment, DATA_SELECTOR, 0);
  segments.setFixedTask(TASK_LIMIT);
  segments.refresh();
  controls.onFloatRules();
  state.rflags = RFLAGS_FIXED;
  state.rip = BigInt(eip);
  state.setGpr(RAX, BigInt(eax));
  state.setGpr(RBX, BigInt(ebx));
  state.setX87Part(16, 0, INITIAL_FCW);
  state.mxcsr = INITIAL_MXCSR;
}
