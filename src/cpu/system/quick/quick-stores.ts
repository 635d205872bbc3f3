import { PAGE_SIZE } from '../../../bits.js';
import { WATCH_CODE, WATCH_TABLE } from '../../../memory.js';
import type { Instruction } from '../../decode/instruction.js';
import type { Form } from '../../meaning/form.js';
import { GPR, RCX, gprAddress } from '../../state/layout.js';
import type { SystemHost } from '../system.js';

/** 'done': the store, and its tick. 'again': the frame is not watched any more, so that the store can be made as any other. */
export type QuickStore = 'done' | 'again';

/** REP with fewer iterations left than this does not overwrite enough of a frame for all that was known of it to be given up. */
const FEWEST_ITERATIONS = 32;

/**
 * Stores to frames that are watched, as page tables and code are, without the evaluator: MOV, and REP STOS and MOVS,
 * which overwrite whole tables and pages of code that has been freed.
 */
export class QuickStores {
  constructor(private readonly host: Pick<SystemHost, 'registers' | 'linearMemory' | 'clock'>) {}

  /** Executes an instruction that stores at a physical address, in one page; undefined if it has done nothing. */
  execute(instruction: Instruction, physical: number): QuickStore | undefined {
    const { form } = instruction;
    if (form.repeat !== 'none') return this.giveUp(form, physical);
    const { dest, src, row, width } = form;
    if (row.mnemonic !== 'MOV' || dest.kind !== 'memory') return undefined;
    const { registers, linearMemory, clock } = this.host;
    const { ramView, hostView } = linearMemory.memory;
    if (src.kind === 'immediate') {
      if (width === 64) ramView.setBigInt64(physical, instruction.immediate, true);
      else storeLow(ramView, physical, width, Number(BigInt.asIntN(32, instruction.immediate)));
    } else if (src.kind === 'gpr') {
      const from = gprAddress(typeof src.field === 'number' ? src.field : instruction[src.field]);
      storeLow(ramView, physical, width, hostView.getInt32(from, true));
      if (width === 64) ramView.setInt32(physical + 4, hostView.getInt32(from + 4, true), true);
    } else return undefined;
    clock.ticks++;
    registers.advanceRip(instruction.length);
    linearMemory.stored(physical, width / 8);
    return 'done';
  }

  /** Drops all that is derived from a frame that is about to be overwritten. */
  private giveUp({ row }: Form, physical: number): QuickStore | undefined {
    const { memory, mmu, onCodeStored } = this.host.linearMemory;
    const count = memory.host32[(GPR >> 2) + 2 * RCX]!;
    if ((row.mnemonic !== 'STOS' && row.mnemonic !== 'MOVS') || (count >= 0 && count < FEWEST_ITERATIONS))
      return undefined;
    const frame = Math.floor(physical / PAGE_SIZE);
    const start = frame * PAGE_SIZE;
    if (memory.watched[frame]! & WATCH_TABLE) mmu.derived.stored(start, PAGE_SIZE);
    if (memory.watched[frame]! & WATCH_CODE) onCodeStored(start, PAGE_SIZE);
    return memory.watched[frame] === 0 ? 'again' : undefined;
  }
}

/** Stores the low `width` bits of a value, at most 32. */
function storeLow(view: DataView, physical: number, width: number, value: number): void {
  if (width === 8) view.setInt8(physical, value);
  else if (width === 16) view.setInt16(physical, value, true);
  else view.setInt32(physical, value, true);
}
