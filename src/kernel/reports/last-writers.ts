import { HostMemory } from '../host-memory.js';
import type { AddressRange } from '../../mmu/fence.js';
import type { LinearAddress } from '../memory/linear-address.js';
import { outside, schema, value } from '../../state/schema.js';

/** Bytes whose last writer is remembered, at most. */
export const MOST_REMEMBERED = 65536;

/** A store that a thread in debug mode made to memory that is not its own. */
export interface LastWriter {
  readonly tid: number;
  /** The instruction; for a kernel-call the one after it. */
  readonly rip: bigint;
  /** The tick that the store took: the clock that the next instruction would read. */
  readonly tick: number;
}

/** Who was the last to store to a byte. Of too many, those that were stored to longest ago are forgotten. */
export class LastWriters {
  static readonly state = schema(
    'last writers',
    LastWriters,
    { writers: value, hostMemory: outside('described by the kernel') },
    { isPart: true },
  );

  /** In the order of the stores. */
  private readonly writers = new Map<LinearAddress, LastWriter>();

  constructor(private readonly hostMemory = new HostMemory()) {}

  /** Bytes whose last writer is remembered. */
  get size(): number {
    return this.writers.size;
  }

  note({ start, end }: AddressRange, writer: LastWriter): void {
    for (let address = start; address < end; address++) {
      this.delete(address);
      this.writers.set(address, writer);
      this.hostMemory.charge('lastWriter');
    }
    for (const address of this.writers.keys()) {
      if (this.writers.size <= MOST_REMEMBERED) break;
      this.delete(address);
    }
  }

  at(address: LinearAddress): LastWriter | undefined {
    return this.writers.get(address);
  }

  /** Forgets who wrote to memory that is gone. Costs a look at the range or at all that is remembered, whichever is less. */
  forget({ start, end }: AddressRange): void {
    if (end - start <= this.writers.size) for (let address = start; address < end; address++) this.delete(address);
    else for (const address of this.writers.keys()) if (address >= start && address < end) this.delete(address);
  }

  /** No effect for a byte that is not remembered. */
  private delete(address: LinearAddress): void {
    if (this.writers.delete(address)) this.hostMemory.release('lastWriter');
  }
}
