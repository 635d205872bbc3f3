import { PAGE_SIZE } from '../../bits.js';
import type { LinearMemory } from '../../cpu/access/linear-memory.js';
import { HOST_LAYOUT, type GuestMemory } from '../../memory.js';
import { EXECUTE_DISABLE_HIGH, PRESENT, USER, WRITABLE } from '../../mmu/entry.js';
import { ADDRESS_SPACE_END, highHalf, lowHalf, type LinearAddress } from './linear-address.js';
import { derived, kept, outside, schema } from '../../state/schema.js';

/** Bytes of linear addresses that one entry covers, by level: PTE, PDE, PDPTE, PML4E. */
const SPAN = [0, 2 ** 12, 2 ** 21, 2 ** 30, 2 ** 39];
const ENTRIES = 512;
const ROOT_LEVEL = 4;

/** What all entries have that name a table: the entry that maps the page says what is allowed. */
const TABLE_FLAGS = PRESENT | WRITABLE | USER;

/**
 * The entry of the PML4 table that names the PML4 table itself, so that threads see all page-table entries, one after
 * another, in the top 512 GiB of the address space: the PTE of address a lies 8 * (a / 4096) bytes after
 * FFFF_FF80_0000_0000. They can be read and nothing else.
 */
const WINDOW_INDEX = 511;
export const PAGE_TABLE_WINDOW: LinearAddress = WINDOW_INDEX * 2 ** 39;

/** Where page tables get their frames. What `allocateTable` throws, `map` throws. */
export interface TableFrames {
  /** The number of a frame full of zeros. */
  allocateTable(): number;
  freeTable(frame: number): void;
}

/**
 * The one page table: four levels of tables in guest memory that the MMU walks, and that nothing but this class and the
 * MMU (A and D bits) writes. SDM Vol. 3A 4.5 "4-Level Paging". Pages are of 4 KiB.
 *
 * Frames are numbers below 2^20, so an entry's address fits in its low word; the high word holds XD alone.
 */
export class PageTable {
  static readonly state = schema(
    'page table',
    PageTable,
    {
      root: outside('the first frame'),
      memory: outside('guest memory'),
      used: kept('known from guest memory'),
      way: outside('empty unless a page is being mapped'),
      lastTable: derived('a cache', () => 0),
      lastTableIndex: derived('a cache', () => -1),
      linearMemory: outside('guest memory'),
      frames: outside('the pager'),
    },
    { isPart: true },
  );

  /** Physical address of the PML4 table, for CR3. */
  readonly root: number;
  private readonly memory: GuestMemory;
  /** By frame: the present entries of the table in it. */
  private readonly used: Uint16Array;
  /** By level: the table on the way to a page that is being mapped, -1 for none. It stays, though it may be empty still. */
  private readonly way = new Float64Array(ROOT_LEVEL).fill(-1);
  /** The table of level 1 that was found last, and its number among those of the address space; -1: none, or it may be gone. */
  private lastTable = 0;
  private lastTableIndex = -1;

  constructor(
    private readonly linearMemory: LinearMemory,
    private readonly frames: TableFrames,
  ) {
    this.memory = linearMemory.memory;
    this.used = new Uint16Array(this.memory.size / PAGE_SIZE);
    this.root = frames.allocateTable() * PAGE_SIZE;
    this.write(this.root + WINDOW_INDEX * 8, this.root | PRESENT | USER, EXECUTE_DISABLE_HIGH);
  }

  /** The low word of the PTE of a page, 0 where a table on the way to it is missing. */
  entry(address: LinearAddress): number {
    const at = this.locate(address);
    return at < 0 ? 0 : this.memory.read32(at);
  }

  /**
   * Maps a page to a frame, for user mode unless `isHidden`: whatever was mapped there before, with A and D clear. Missing
   * tables are made; what is thrown where they find no frame leaves the mapping as it was.
   */
  map(address: LinearAddress, frame: number, writable: boolean, executable: boolean, isHidden = false): void {
    const at = this.locateOrMake(address);
    const flags = PRESENT | (isHidden ? 0 : USER) | (writable ? WRITABLE : 0);
    this.writePte(at, frame * PAGE_SIZE + flags, executable ? 0 : EXECUTE_DISABLE_HIGH, address);
  }

  /** Makes a page not present, and gives back the tables that this leaves empty. */
  unmap(address: LinearAddress): void {
    const at = this.locate(address);
    if (at < 0) return;
    this.writePte(at, 0, 0, address);
    if (this.isEmpty(tableAt(at))) this.prune(ROOT_LEVEL, this.root, address);
  }

  /** Clears bits of the low word of a present PTE. */
  clearBits(address: LinearAddress, bits: number): void {
    const at = this.locate(address);
    const low = this.memory.read32(at);
    if (low & bits) this.writePte(at, low & ~bits, this.memory.read32(at + 4), address);
  }

  /**
   * Unmaps the pages from `start` to `end`, ascending, at most `most` of them, and gives back the tables that this leaves
   * empty. Returns false where there may be more.
   */
  unmapRange(
    start: LinearAddress,
    end: LinearAddress,
    visit: (address: LinearAddress, frame: number) => void,
    most = Infinity,
  ): boolean {
    let left = most;
    const counted = (address: LinearAddress, frame: number): boolean => {
      visit(address, frame);
      return --left > 0;
    };
    this.clearTable(ROOT_LEVEL, this.root, 0, start, end, counted);
    return left > 0;
  }

  /** Calls `visit` for the pages from `start` to `end` that are mapped, ascending; it may map them anew. */
  forEach(start: LinearAddress, end: LinearAddress, visit: (address: LinearAddress, frame: number) => void): void {
    this.visitTable(ROOT_LEVEL, this.root, 0, start, end, visit);
  }

  private visitTable(
    level: number,
    table: number,
    tableStart: LinearAddress,
    start: LinearAddress,
    end: LinearAddress,
    visit: (address: LinearAddress, frame: number) => void,
  ): void {
    const span = SPAN[level]!;
    const last = Math.min(ENTRIES, Math.ceil((end - tableStart) / span));
    for (let index = Math.max(0, Math.floor((start - tableStart) / span)); index < last; index++) {
      index = this.nextPresent(table, index, last);
      if (index === last) return;
      const below = addressIn(this.memory.read32(table + index * 8));
      const address = tableStart + index * span;
      if (level === 1) visit(address, below / PAGE_SIZE);
      else this.visitTable(level - 1, below, address, start, end, visit);
    }
  }

  private locate(address: LinearAddress): number {
    if (Math.floor(address / SPAN[2]!) === this.lastTableIndex) return this.lastTable + indexOf(1, address) * 8;
    let table = this.root;
    for (let level = ROOT_LEVEL; level > 1; level--) {
      const low = this.memory.read32(table + indexOf(level, address) * 8);
      if (!(low & PRESENT)) return -1;
      table = addressIn(low);
    }
    return this.placeIn(table, address);
  }

  /** The place of a page's PTE in its table, which is remembered. */
  private placeIn(table: number, address: LinearAddress): number {
    this.lastTable = table;
    this.lastTableIndex = Math.floor(address / SPAN[2]!);
    return table + indexOf(1, address) * 8;
  }

  /** Room for a table may be made by unmapping other pages. */
  private locateOrMake(address: LinearAddress): number {
    const known = this.locate(address);
    return known >= 0 ? known : this.placeIn(this.makeWay(address), address);
  }

  /** The table of level 1 that maps a page, made with those above it where they are missing. */
  private makeWay(address: LinearAddress): number {
    let table = this.root;
    try {
      for (let level = ROOT_LEVEL; level > 1; level--) {
        const at = table + indexOf(level, address) * 8;
        let low = this.memory.read32(at);
        if (!(low & PRESENT)) {
          low = this.frames.allocateTable() * PAGE_SIZE + TABLE_FLAGS;
          this.write(at, low, 0);
        }
        table = addressIn(low);
        this.way[level - 1] = table;
      }
    } catch (error) {
      this.way.fill(-1);
      this.prune(ROOT_LEVEL, this.root, address);
      throw error;
    }
    this.way.fill(-1);
    return table;
  }

  /** Gives back the tables below `table` on the way to a page that are empty. */
  private prune(level: number, table: number, address: LinearAddress): void {
    const at = table + indexOf(level, address) * 8;
    const low = this.memory.read32(at);
    if (level === 1 || !(low & PRESENT)) return;
    const below = addressIn(low);
    this.prune(level - 1, below, address);
    if (!this.isEmpty(below) || this.way.includes(below)) return;
    this.clearEmpty(at);
    this.free(below);
  }

  /**
   * `tableStart` is the first address that the table covers; `visit` returns false to stop. Returns 'empty' where the table is
   * now, 'stopped' where it was, else 'used'.
   */
  private clearTable(
    level: number,
    table: number,
    tableStart: LinearAddress,
    start: LinearAddress,
    end: LinearAddress,
    visit: (address: LinearAddress, frame: number) => boolean,
  ): 'empty' | 'used' | 'stopped' {
    const span = SPAN[level]!;
    const first = Math.max(0, Math.floor((start - tableStart) / span));
    const last = Math.min(ENTRIES, Math.ceil((end - tableStart) / span));
    for (let index = first; index < last && !this.isEmpty(table); index++) {
      index = this.nextPresent(table, index, last);
      if (index === last) break;
      const at = table + index * 8;
      const low = this.memory.read32(at);
      const below = addressIn(low);
      const address = tableStart + index * span;
      if (level === 1) {
        this.writePte(at, 0, 0, address);
        if (!visit(address, below / PAGE_SIZE)) return this.isEmpty(table) ? 'empty' : 'stopped';
        continue;
      }
      const outcome = this.clearTable(level - 1, below, address, start, end, visit);
      if (outcome === 'stopped') return outcome;
      if (outcome === 'used') continue;
      this.clearEmpty(at);
      this.free(below);
    }
    return this.isEmpty(table) ? 'empty' : 'used';
  }

  /** The first entry of a table that is present, from one on and before another, or that. */
  private nextPresent(table: number, index: number, end: number): number {
    const { host32 } = this.memory;
    const start = (HOST_LAYOUT.ram + table) >>> 2;
    while (index < end && !(host32[start + index * 2]! & PRESENT)) index++;
    return index;
  }

  /** Gives back a table that nothing names any more. */
  private free(table: number): void {
    if (table === this.lastTable) this.lastTableIndex = -1;
    this.frames.freeTable(table / PAGE_SIZE);
  }

  private isEmpty(table: number): boolean {
    return this.used[table / PAGE_SIZE] === 0;
  }

  /** Writes the entry that names a table. */
  private write(at: number, low: number, high: number): void {
    this.put(at, low, high);
    this.linearMemory.stored(at, 8);
  }

  /** Clears the entry that names a table without a present entry. */
  private clearEmpty(at: number): void {
    this.put(at, 0, 0);
    this.linearMemory.emptyTableStored(at);
  }

  /** Writes the entry that maps a page. The one page table has one place for each. */
  private writePte(at: number, low: number, high: number, address: LinearAddress): void {
    this.put(at, low, high);
    this.linearMemory.pteStored(at, highHalf(address), lowHalf(address));
  }

  private put(at: number, low: number, high: number): void {
    this.used[Math.floor(at / PAGE_SIZE)]! += (low & PRESENT) - (this.memory.read32(at) & PRESENT);
    this.memory.write32(at, low);
    this.memory.write32(at + 4, high);
  }
}

/** The table in which an entry lies. */
function tableAt(entry: number): number {
  return entry - (entry % PAGE_SIZE);
}

/** The index of an address in its table: bits 47 to 39, 38 to 30, 29 to 21 or 20 to 12. */
function indexOf(level: number, address: LinearAddress): number {
  return Math.floor(address / SPAN[level]!) & (ENTRIES - 1);
}

/** The physical address in the low word of an entry. */
function addressIn(low: number): number {
  return (low & ~(PAGE_SIZE - 1)) >>> 0;
}

if (SPAN[ROOT_LEVEL]! * ENTRIES !== ADDRESS_SPACE_END) throw new Error('four levels do not cover the address space');
