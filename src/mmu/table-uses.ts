import { PAGE_SIZE } from '../bits.js';

/** Bit set: which caches hold something derived from a page-table entry. */
/** Used as a PTE: TLB entries of linear pages whose bits 20 to 12 are the entry's index in its table. */
export const USED_AS_PTE = 1 << 0;
/** Used at a higher level: any TLB entries. */
export const USED_ABOVE = 1 << 1;
/** Used by fetches: decoded and compiled code as well. */
export const USED_TO_FETCH = 1 << 2;

const ENTRY_BYTES = 8;
const ENTRIES = PAGE_SIZE / ENTRY_BYTES;

/** Maximum number of tables whose arrays are kept for others: 2.5 KB each. */
const MOST_SPARE = 64;

/** The start of what a table maps, where that is not one range of linear addresses only, or is not known. */
export const SEVERAL = -1;
/** What an entry leads to, if not to a table of the next level. */
export const A_PAGE = -1;

/** Where an entry was found by a walk. */
export interface EntryPlace {
  /** That of the entry: 1 is a PTE. */
  readonly level: number;
  /** The low 48 bits of the first linear address that its table maps. */
  readonly start: number;
  /** The frame of the table that it points to, or A_PAGE. */
  readonly next: number;
}

interface Table {
  readonly uses: Uint8Array;
  usedEntries: number;
  level: number;
  start: number;
  /** By entry: what `EntryPlace.next` says. */
  next: Int32Array | undefined;
  /** An array to use for `next`. */
  readonly spareNext: Int32Array | undefined;
}

/** Arrays of a table, with no use in them; `next` holds anything. */
interface Spare {
  readonly uses: Uint8Array;
  readonly next: Int32Array | undefined;
}

/** The uses of an entry, and where it was found. */
export interface TakenEntry extends EntryPlace {
  readonly uses: number;
}

const UNUSED: TakenEntry = { uses: 0, level: 0, start: SEVERAL, next: A_PAGE };

/**
 * Records, for each page-table entry, what was derived from it and is still cached, so that a store to a page table
 * drops no more than necessary. Nothing is derived from a walk that faults, so an entry that was not present has no
 * uses, and mapping a page on demand drops nothing.
 *
 * A frame with an entry in use is a table in use, and must be watched.
 */
export class TableUses {
  private readonly tables = new Map<number, Table>();
  /** Arrays of tables no longer in use: making them would take longer than all else where mappings change all the time. */
  private readonly spare: Spare[] = [];

  /** Adds uses to the entry at a physical address. Returns true if its frame became a table in use. */
  add(entryAddress: number, uses: number, level = 0, start = SEVERAL, next = A_PAGE): boolean {
    const frame = frameOf(entryAddress);
    let table = this.tables.get(frame);
    const isNew = table === undefined;
    if (table === undefined) {
      const { uses, next } = this.spare.pop() ?? { uses: new Uint8Array(ENTRIES), next: undefined };
      table = { uses, usedEntries: 0, level, start, next: undefined, spareNext: next };
      this.tables.set(frame, table);
    }
    const index = indexInTable(entryAddress);
    const before = table.uses[index]!;
    if (before === 0) table.usedEntries++;
    table.uses[index] = before | uses;
    if (table.start !== start || table.level !== level) table.start = SEVERAL;
    if (level > 1) (table.next ??= table.spareNext?.fill(0) ?? new Int32Array(ENTRIES))[index] = next;
    return isNew;
  }

  /** As `add`, for the entry of a table that has the uses of an equal one of another table. */
  copy(from: number, to: number): boolean {
    const table = this.tables.get(frameOf(from))!;
    const index = indexInTable(from);
    return this.add(to, table.uses[index]!, table.level, table.start, table.next?.[index] ?? A_PAGE);
  }

  /** Removes and returns the uses of the entry at a physical address. */
  take(entryAddress: number): TakenEntry {
    const table = this.tables.get(frameOf(entryAddress));
    if (table === undefined) return UNUSED;
    const index = indexInTable(entryAddress);
    const uses = table.uses[index]!;
    if (uses === 0) return UNUSED;
    table.uses[index] = 0;
    const taken = { uses, level: table.level, start: table.start, next: table.next?.[index] ?? A_PAGE };
    if (--table.usedEntries === 0) {
      this.tables.delete(frameOf(entryAddress));
      this.keepArrays(table);
    }
    return taken;
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
    for (const table of this.tables.values()) {
      table.uses.fill(0);
      this.keepArrays(table);
    }
    this.tables.clear();
  }

  private keepArrays({ uses, next, spareNext }: Table): void {
    if (this.spare.length < MOST_SPARE) this.spare.push({ uses, next: next ?? spareNext });
  }
}

/** The index of the entry at a physical address in its table, 0 to 511. */
export function indexInTable(entryAddress: number): number {
  return (entryAddress % PAGE_SIZE) / ENTRY_BYTES;
}

function frameOf(physical: number): number {
  return Math.floor(physical / PAGE_SIZE);
}
