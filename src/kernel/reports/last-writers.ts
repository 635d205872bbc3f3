import { PAGE_SIZE } from '../../bits.js';
import type { AddressRange } from '../../mmu/fence.js';
import type { StateWriter } from '../../state/state-writer.js';
import type { LinearAddress } from '../memory/linear-address.js';

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
  /** How many bytes of a page are among them; no page has none. */
  private readonly byPage = new Map<LinearAddress, number>();

  note({ start, end }: AddressRange, writer: LastWriter): void {
    for (let address = start; address < end; address++) {
      this.delete(address);
      this.writers.set(address, writer);
      const page = pageOf(address);
      this.byPage.set(page, (this.byPage.get(page) ?? 0) + 1);
    }
    for (const address of this.writers.keys()) {
      if (this.writers.size <= MOST_REMEMBERED) break;
      this.delete(address);
    }
  }

  at(address: LinearAddress): LastWriter | undefined {
    return this.writers.get(address);
  }

  /** Forgets who wrote to memory that is no more. */
  forget({ start, end }: AddressRange): void {
    for (const page of this.byPage.keys())
      for (let address = Math.max(start, page); address < Math.min(end, page + PAGE_SIZE); address++)
        this.delete(address);
  }

  writeState(out: StateWriter): void {
    out.number(this.writers.size);
    for (const [address, { tid, rip, tick }] of this.writers) out.number(address).number(tid).word(rip).number(tick);
  }

  /** No effect for a byte that is not remembered. */
  private delete(address: LinearAddress): void {
    if (!this.writers.delete(address)) return;
    const page = pageOf(address);
    const left = this.byPage.get(page)! - 1;
    if (left > 0) this.byPage.set(page, left);
    else this.byPage.delete(page);
  }
}

function pageOf(address: LinearAddress): LinearAddress {
  return address - (address % PAGE_SIZE);
}
