import { PAGE_SIZE } from '../bits.js';

/** Bit set: which caches hold something derived from a page-table entry. */
/** Used as a PTE: TLB entries of linear pages whose bits 20 to 12 are the entry's index in its table. */
export const USED_AS_PTE = 1 << 0;
/** Used at a higher level: any TLB entries. */
export const USED_ABOVE = 1 << 1;
/** Used by fetches: decoded and compiled code as well. */
export const USED_TO_FETCH = 1 << 2;

const ENTRY_BYTES = 8;

interface Table {
  readonly uses: Uint8Array;
  usedEntries: number;
}

/**
 * Records, for each page-table entry, what was derived from it and is still cached, so that a store to a page table
 * drops no more than necessary. Nothing is derived from a walk that faults, so an entry that was not present has no
 * uses, and mapping a page on demand drops nothing.
 *
 * A frame with an entry in use is a table in use, and must be watched.
 */
export class TableUses {
  private readonly tables = new Map<number, Table>();

  /** Adds uses to the entry at a physical address. Returns true if its frame became a table in use. */
  add(entryAddress: number, uses: number): boolean {
    const frame = frameOf(entryAddress);
    let table = this.tables.get(frame);
    const isNew = table === undefined;
    if (table === undefined) {
      table = { uses: new Uint8Array(PAGE_SIZE / ENTRY_BYTES), usedEntries: 0 };
      this.tables.set(frame, table);
    }
    const index = indexInTable(entryAddress);
    const before = table.uses[index]!;
    if (before === 0) table.usedEntries++;
    table.uses[index] = before | uses;
    return isNew;
  }

  /** Removes and returns the uses of the entry at a physical address. */
  take(entryAddress: number): number {
    const table = this.tables.get(frameOf(entryAddress));
    if (table === undefined) return 0;
    const index = indexInTable(entryAddress);
    const uses = table.uses[index]!;
    if (uses === 0) return 0;
    table.uses[index] = 0;
    if (--table.usedEntries === 0) this.tables.delete(frameOf(entryAddress));
    return uses;
  }

  /** The uses of the entries of a table, by their indexes; undefined if it is not in use. */
  in(frame: number): Readonly<Uint8Array> | undefined {
    return this.tables.get(frame)?.uses;
  }

  /** Whether a frame is a table in use. */
  has(frame: number): boolean {
    return this.tables.has(frame);
  }

  /** The frames of the tables in use. */
  frames(): number[] {
    return [...this.tables.keys()];
  }

  clear(): void {
    this.tables.clear();
  }
}

/** The index of the entry at a physical address in its table, 0 to 511. */
export function indexInTable(entryAddress: number): number {
  return (entryAddress % PAGE_SIZE) / ENTRY_BYTES;
}

function frameOf(physical: number): number {
  return Math.floor(physical / PAGE_SIZE);
}
