import { PAGE_SIZE, hex } from '../../bits.js';
import type { LinearMemory } from '../../cpu/access/linear-memory.js';
import { HOST_LAYOUT, type GuestMemory } from '../../memory.js';
import { LOW_WINDOW_BYTES, SLOT_BYTES, type Alias } from '../../mmu/alias.js';
import { ACCESSED, EXECUTE_DISABLE_HIGH, PRESENT, USER, WRITABLE } from '../../mmu/entry.js';
import { ADDRESS_SPACE_END, highHalf, lowHalf, type LinearAddress } from './linear-address.js';
import { View } from './view.js';
import { derived, kept, outside, schema, value } from '../../state/schema.js';

/** Bytes of linear addresses that one entry covers, by level: PTE, PDE, PDPTE, PML4E. */
const SPAN = [0, 2 ** 12, 2 ** 21, 2 ** 30, 2 ** 39];
const ENTRIES = 512;
const ROOT_LEVEL = 4;

/** What all entries have that name a table: the entry that maps the page says what is allowed. */
const TABLE_FLAGS = PRESENT | WRITABLE | USER;

/** The lowest level whose entries views have copies of. */
const COPIED_LEVEL = 3;
/**
 * A is always set in the entries of the levels that views have copies of: so it tells nothing, and does not differ between
 * copies. What the TLB holds of a page is then as good in one view as in another that shows the same page there.
 */
const COPIED_FLAGS = TABLE_FLAGS | ACCESSED;

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
 *
 * Each page has one PTE, found at its home address. A view has a PML4 table of its own, and a page-directory-pointer table
 * where its windows are smaller than what an entry of that names: copies of the entries here, and in windows of those of the
 * home that is seen there. So CR3 of a process names what it sees, and the tables below are common to all.
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
      views: value,
      shown: value,
    },
    {
      isPart: true,
      restored: ({ linearMemory, shown }) => {
        linearMemory.mmu.derived.restoreAliases(shown?.aliases ?? []);
      },
    },
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
  private readonly views = new Set<View>();
  /** The view that CR3 names the tables of; undefined: everything is seen where it lies. */
  private shown: View | undefined;

  constructor(
    private readonly linearMemory: LinearMemory,
    private readonly frames: TableFrames,
  ) {
    this.memory = linearMemory.memory;
    this.used = new Uint16Array(this.memory.size / PAGE_SIZE);
    this.root = frames.allocateTable() * PAGE_SIZE;
    this.write(this.root + WINDOW_INDEX * 8, this.root | PRESENT | USER | ACCESSED, EXECUTE_DISABLE_HIGH);
  }

  /**
   * Makes a view. Throws RangeError for windows that an alias cannot have. What is thrown where tables find no frame leaves
   * everything as it was.
   */
  addView(aliases: readonly Alias[]): View {
    for (const alias of aliases) requireWholeEntries(alias);
    const root = this.frames.allocateTable() * PAGE_SIZE;
    let directory = 0;
    try {
      if (aliases.some(isSmall)) directory = this.frames.allocateTable() * PAGE_SIZE;
    } catch (error) {
      this.free(root);
      throw error;
    }
    const view = new View(aliases, root, directory);
    this.memory.write32(root + WINDOW_INDEX * 8 + 4, EXECUTE_DISABLE_HIGH);
    for (let index = 0; index < ENTRIES; index++) {
      const [slot, part] = [index * SPAN[ROOT_LEVEL]!, index * SPAN[COPIED_LEVEL]!];
      if (directory) this.copy(directory + index * 8, this.upperEntry(COPIED_LEVEL, view.home(part)));
      const isOwn = directory !== 0 && index === 0;
      this.copy(root + index * 8, isOwn ? directory + COPIED_FLAGS : this.upperEntry(ROOT_LEVEL, view.home(slot)));
    }
    this.views.add(view);
    return view;
  }

  /** Gives back the tables of a view that no process has any more. */
  removeView(view: View): void {
    if (!this.views.delete(view)) throw new RangeError('a view is removed twice');
    if (this.shown === view) this.switchView(undefined);
    this.linearMemory.mmu.derived.forgetAliases(view.aliases);
    for (const table of view.directory ? [view.root, view.directory] : [view.root]) {
      // What is derived through these entries is as good in other views, and must not go with the table.
      for (let index = 0; index < ENTRIES; index++) this.copy(table + index * 8, 0);
      this.free(table);
    }
  }

  /** Makes the CPU see what a view shows; undefined: everything where it lies. */
  switchView(view: View | undefined): void {
    if (this.shown === view) return;
    this.shown = view;
    this.linearMemory.mmu.switchRoot(view?.root ?? this.root, view?.aliases ?? []);
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
          low = this.frames.allocateTable() * PAGE_SIZE + (level >= COPIED_LEVEL ? COPIED_FLAGS : TABLE_FLAGS);
          this.write(at, low, 0);
          this.copyToViews(level, address, low);
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
    this.copyToViews(level, address, 0);
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
      this.copyToViews(level, address, 0);
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

  /** Copies the low word of an entry that names a table to where views show what lies at an address. */
  private copyToViews(level: number, address: LinearAddress, low: number): void {
    if (level < COPIED_LEVEL) return;
    const span = SPAN[level]!;
    const start = address - (address % span);
    for (const view of this.views) {
      const copyAt = (window: LinearAddress): void => {
        const isInDirectory = view.directory !== 0 && window < SPAN[ROOT_LEVEL]!;
        if (isInDirectory === (level === ROOT_LEVEL)) return;
        this.copy((isInDirectory ? view.directory : view.root) + indexOf(level, window) * 8, low);
      };
      if (view.home(start) === start) copyAt(start);
      for (const { window, home, size } of view.aliases)
        if (start >= home && start < home + size && window % span === home % span) copyAt(start - home + window);
    }
  }

  /** Writes an entry of a table of a view. */
  private copy(at: number, low: number): void {
    if (this.memory.read32(at) === low) return;
    this.memory.write32(at, low);
    if (low & PRESENT) this.linearMemory.stored(at, 8);
    else this.linearMemory.emptyTableStored(at);
  }

  /** The low word of the entry of a level that is used for an address; 0 where a table on the way to it is missing. */
  private upperEntry(level: number, address: LinearAddress): number {
    const low = this.memory.read32(this.root + indexOf(ROOT_LEVEL, address) * 8);
    if (level === ROOT_LEVEL || !(low & PRESENT)) return low;
    return this.memory.read32(addressIn(low) + indexOf(level, address) * 8);
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

/** Whether an alias is smaller than what an entry of the PML4 table names. */
function isSmall({ size }: Alias): boolean {
  return size < SPAN[ROOT_LEVEL]!;
}

function requireWholeEntries(alias: Alias): void {
  const { window, home, size } = alias;
  const isLow = window === 0 && size === LOW_WINDOW_BYTES && home % SPAN[COPIED_LEVEL]! === 0;
  const isWhole = [window, home, size].every((bytes) => bytes % SLOT_BYTES === 0);
  if (size <= 0 || (!isLow && !isWhole) || window + size > PAGE_TABLE_WINDOW)
    throw new RangeError(`${hex(size)} bytes from ${hex(home)} on cannot be shown at ${hex(window)}`);
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
