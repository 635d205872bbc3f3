import { OutOfFramesError } from '../vmo/errors.js';
import type { StateWriter } from '../state-writer.js';
import { fromLinear } from './linear-address.js';
import type { MemoryAccess } from './mapping.js';
import type { FaultOutcome, Pager } from './pager.js';
import type { Thread } from './thread.js';

/** Brings in what instructions touch: a page stays until the instruction is over that faulted for it. */
export class PageFaults {
  /** How many there were. */
  count = 0;
  private last: { readonly tid: number; readonly tick: number } = { tid: 0, tick: 0 };

  constructor(private readonly pager: Pager) {}

  /** Resolves the fault that took this tick, if the access is allowed. */
  resolve({ tid }: Thread, linear: bigint, access: MemoryAccess, tick: number): FaultOutcome | 'out of memory' {
    const address = fromLinear(linear);
    if (address === undefined) throw new Error(`a page fault at ${linear}, which is not canonical`);
    const sameInstruction = this.last.tid === tid && this.last.tick === tick - 1;
    if (!sameInstruction) this.pager.releasePins();
    this.last = { tid, tick };
    this.count++;
    try {
      return this.pager.resolve(address, access);
    } catch (error) {
      if (error instanceof OutOfFramesError) return 'out of memory';
      throw error;
    }
  }

  writeState(out: StateWriter): void {
    out.numbers([this.count, this.last.tid, this.last.tick]);
  }
}
