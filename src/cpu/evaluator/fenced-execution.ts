import { without, type AddressRange } from '../../mmu/fence.js';
import type { CpuState } from '../state/cpu-state.js';
import { DeferredStores } from '../access/deferred-stores.js';
import type { Evaluator, Outcome } from './evaluator.js';
import type { CpuEvent } from '../state/events.js';
import type { Instruction } from '../decode/instruction.js';
import { FENCED, type LinearMemory } from '../access/linear-memory.js';
import { EXIT_RECORD, GPR } from '../state/layout.js';

/** What to do with bytes that the write fence refuses: leave them unchanged, or store them anyway. */
export type FenceVerdict = 'skip' | 'allow';

/** Called after bytes were stored outside the memory that the write fence owns, with the rip of the instruction. */
export type ForeignStoreHook = (rip: bigint, ranges: readonly AddressRange[]) => void;

/**
 * Executes single instructions under a write fence. An instruction that stores only to memory that the fence owns is
 * evaluated as without a fence. Any other instruction is executed with its stores held back; once they are known to the
 * byte, they are made or refused. If they are refused, registers that the meaning has changed are restored.
 */
export class FencedExecution {
  onForeignStore: ForeignStoreHook = () => {};

  constructor(
    private readonly state: CpuState,
    private readonly linearMemory: LinearMemory,
    private readonly evaluator: Evaluator,
  ) {}

  /**
   * As Evaluator.execute, but returns an event, with nothing changed, if bytes are refused and there is no verdict yet.
   */
  execute(instruction: Instruction, verdict?: FenceVerdict): Outcome | CpuEvent {
    if (verdict === undefined)
      try {
        return this.evaluator.execute(instruction);
      } catch (error) {
        if (error !== FENCED) throw error;
      }
    return this.executeDeferred(instruction, verdict);
  }

  private executeDeferred(instruction: Instruction, verdict: FenceVerdict | undefined): Outcome | CpuEvent {
    const { state, linearMemory } = this;
    const { host } = state.memory;
    const { rip } = state;
    const before = host.slice(GPR, EXIT_RECORD);
    const stores = new DeferredStores(linearMemory);
    const outcome = this.evaluate(instruction, stores);
    const ranges = stores.findRanges();
    const fence = linearMemory.mmu.context.fence!;
    const refused = verdict === 'allow' ? [] : ranges.flatMap((range) => fence.refused(range));
    if (refused.length > 0 && verdict === undefined) {
      host.set(before, GPR);
      const told = refused.map((range) => ({ ...range, before: stores.before(range), after: stores.after(range) }));
      return { kind: 'refused', stores: told };
    }
    try {
      stores.make(ranges, refused);
    } catch (error) {
      host.set(before, GPR);
      throw error;
    }
    const foreign = without(ranges, refused).flatMap((range) => fence.foreign(range));
    if (foreign.length > 0) this.onForeignStore(rip, foreign);
    return outcome;
  }

  private evaluate(instruction: Instruction, stores: DeferredStores): Outcome {
    this.linearMemory.deferred = stores;
    try {
      return this.evaluator.execute(instruction);
    } finally {
      this.linearMemory.deferred = undefined;
    }
  }
}
