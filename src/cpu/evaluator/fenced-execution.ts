import { without, type AddressRange } from '../../mmu/fence.js';
import type { CpuState } from '../state/cpu-state.js';
import { DeferredStores } from '../access/deferred-stores.js';
import type { Evaluator, Outcome } from './evaluator.js';
import type { CpuEvent } from '../state/events.js';
import type { Instruction } from '../decode/instruction.js';
import { FENCED, type LinearMemory } from '../access/linear-memory.js';
import { EXIT_RECORD, GPR } from '../state/layout.js';

/** What is done with the bytes that the write fence refuses: they stay as they are, or are stored all the same. */
export type FenceVerdict = 'skip' | 'allow';

/** Told of bytes stored outside what the write fence owns, with the rip of the instruction that did it. */
export type ForeignStoreHook = (rip: bigint, ranges: readonly AddressRange[]) => void;

/**
 * Executes single instructions under a write fence. One that stores only to what the fence owns is the evaluator's, as
 * without a fence. Any other one is executed with its stores held back; then it is known, to the byte, what they are,
 * and they are made or not. Registers that the meaning has changed by then are put back where they are not.
 */
export class FencedExecution {
  onForeignStore: ForeignStoreHook = () => {};

  constructor(
    private readonly state: CpuState,
    private readonly linearMemory: LinearMemory,
    private readonly evaluator: Evaluator,
  ) {}

  /**
   * As Evaluator.execute. Answers an event, with nothing changed, where bytes are refused and there is no verdict on them
   * yet.
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
    const fence = linearMemory.mmu.writeFence!;
    const refused = verdict === 'allow' ? [] : stores.ranges.flatMap((range) => fence.refused(range));
    if (refused.length > 0 && verdict === undefined) {
      host.set(before, GPR);
      const told = refused.map((range) => ({ ...range, before: stores.before(range), after: stores.after(range) }));
      return { kind: 'refused', stores: told };
    }
    try {
      stores.make(refused);
    } catch (error) {
      host.set(before, GPR);
      throw error;
    }
    const foreign = without(stores.ranges, refused).flatMap((range) => fence.foreign(range));
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
