import type { AddressRange } from '../mmu/fence.js';
import type { StateWriter } from '../state-writer.js';
import type { LinearAddress } from './linear-address.js';

/** Bytes whose last writer is remembered, at most. */
export const MOST_REMEMBERED = 65536;

/** A store that a thread in debug mode made to memory that is not its own. */
export interface LastWriter {
  readonly tid: number;
  /** The instruction; for a kernel-call the one behind it. */
  readonly rip: bigint;
  /** The tick that the store took: the clock that the instruction behind it would read. */
  readonly tick: number;
}

/** Who was the last to store to a byte. Of too many, those that were stored to longest ago are forgotten. */
export class LastWriters {
  /** In the order of the stores. */
  private readonly writers = new Map<LinearAddress, LastWriter>();

  note({ start, end }: AddressRange, writer: LastWriter): void {
    for (let address = start; address < end; address++) {
      this.writers.delete(address);
      this.writers.set(address, writer);
    }
    for (const address of this.writers.keys()) {
      if (this.writers.size <= MOST_REMEMBERED) break;
      this.writers.delete(address);
    }
  }

  at(address: LinearAddress): LastWriter | undefined {
    return this.writers.get(address);
  }

  /** Forgets who wrote to memory that is no more. */
  forget({ start, end }: AddressRange): void {
    for (const address of this.writers.keys()) if (address >= start && address < end) this.writers.delete(address);
  }

  writeState(out: StateWriter): void {
    out.number(this.writers.size);
    for (const [address, { tid, rip, tick }] of this.writers) out.number(address).number(tid).word(rip).number(tick);
  }
}
