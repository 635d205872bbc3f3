import type { GuestMemory } from '../../../src/memory.js';
import { LARGE, PRESENT, USER, WRITABLE } from '../../../src/mmu/entry.js';

/** XD of a whole entry. */
export const EXECUTE_DISABLE = 1n << 63n;
/** What an entry that names a table has: every right, so that the PTE alone decides. */
const TABLE_RIGHTS = BigInt(PRESENT | WRITABLE | USER);
const FRAME = 0x000f_ffff_ffff_f000n;

/** 4-level page tables, made in frames of guest memory one behind the other. SDM Vol. 3A 4.5. */
export class PageTables {
  /** Physical address of the PML4 table. */
  readonly root: number;
  /** Physical addresses of all entries that are in use. */
  readonly entryAddresses: number[] = [];
  private end: number;

  /** The tables take frames from `start`, a physical address, which must be zero. */
  constructor(
    private readonly memory: GuestMemory,
    start: number,
  ) {
    this.root = start;
    this.end = start + 4096;
  }

  /** Maps the page of `linear` to a frame, with the rights in `entry` (PRESENT is added). */
  map(linear: bigint, physical: number, entry: bigint): void {
    const address = this.entryAddress(linear);
    this.memory.write64(address, BigInt(physical) | BigInt(PRESENT) | entry);
    if (!this.entryAddresses.includes(address)) this.entryAddresses.push(address);
  }

  /** Physical address of the PTE of a linear address; the tables above it are made where they are missing. */
  entryAddress(linear: bigint): number {
    return this.tableOf(linear, [39n, 30n, 21n]) + Number((linear >> 12n) & 511n) * 8;
  }

  /** As `entryAddress`, of the PDE. */
  directoryEntryAddress(linear: bigint): number {
    return this.tableOf(linear, [39n, 30n]) + Number((linear >> 21n) & 511n) * 8;
  }

  private tableOf(linear: bigint, shifts: readonly bigint[]): number {
    let table = this.root;
    for (const shift of shifts) {
      const address = table + Number((linear >> shift) & 511n) * 8;
      let entry = this.memory.read64(address);
      if (entry === 0n) {
        entry = BigInt(this.end) | TABLE_RIGHTS;
        this.end += 4096;
        this.memory.write64(address, entry);
        this.entryAddresses.push(address);
      }
      if (entry & BigInt(LARGE)) throw new Error('a large page stands where a table is needed');
      table = Number(entry & FRAME);
    }
    return table;
  }
}
