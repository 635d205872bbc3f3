import type { Board } from '../../board.js';
import { ADDRESS_HIGH, EXECUTE_DISABLE_HIGH, LARGE, PRESENT, USER, WRITABLE } from '../../mmu/entry.js';

/** A page that tables map. Addresses are without their sign extension. */
export interface MappedPage {
  readonly start: number;
  readonly bytes: number;
  readonly physical: number;
  readonly isUser: boolean;
  readonly isWritable: boolean;
  readonly isExecutable: boolean;
  /** The low word of the entry that maps it. */
  readonly low: number;
}

/** An entry on the way to a page. */
export interface TableEntry {
  /** 4 for the PML4 table, to 1 for a page table. */
  readonly level: number;
  readonly physical: number;
  readonly high: number;
  readonly low: number;
}

/** Tables that are looked at: a hostile guest may have 2^27 of them, all in one page. */
const TABLES_MAX = 8192;
const ENTRIES = 512;
const ROOT_LEVEL = 4;
const PAGE_SIZE = 4096;

/** What an entry of a level maps: 4 KiB at level 1, 512 GiB at level 4. */
function bytesOf(level: number): number {
  return PAGE_SIZE * ENTRIES ** (level - 1);
}

/** Calls `visit` with each page that the tables below a root map, by ascending addresses. SDM Vol. 3A 4.5 "4-Level Paging". */
export function visitPages({ memory }: Board, root: number, visit: (page: MappedPage) => void): void {
  let tables = 0;
  const visitTable = (level: number, table: number, start: number, rights: number, isExecutable: boolean): void => {
    if (++tables > TABLES_MAX) return;
    for (let index = 0; index < ENTRIES; index++) {
      const low = memory.read32(table + 8 * index) | 0;
      if (!(low & PRESENT)) continue;
      const high = memory.read32(table + 8 * index + 4) | 0;
      const address = start + index * bytesOf(level);
      const all = rights & low;
      const runs = isExecutable && !(high & EXECUTE_DISABLE_HIGH);
      if (!mapsPage(level, low)) visitTable(level - 1, physicalOf(high, low, PAGE_SIZE), address, all, runs);
      else
        visit({
          ...{ start: address, bytes: bytesOf(level), physical: physicalOf(high, low, bytesOf(level)) },
          ...{ isUser: (all & USER) !== 0, isWritable: (all & WRITABLE) !== 0, isExecutable: runs, low },
        });
    }
  };
  visitTable(ROOT_LEVEL, root, 0, ~0, true);
}

/** The entries on the way to an address; the last one maps it, if it is mapped. */
export function entriesFor({ memory }: Board, root: number, address: number): TableEntry[] {
  const entries: TableEntry[] = [];
  for (let [level, table] = [ROOT_LEVEL, root]; ; level--) {
    const physical = table + 8 * (Math.floor(address / bytesOf(level)) % ENTRIES);
    const [low, high] = [memory.read32(physical) | 0, memory.read32(physical + 4) | 0];
    entries.push({ level, physical, high, low });
    if (!(low & PRESENT) || mapsPage(level, low)) return entries;
    table = physicalOf(high, low, PAGE_SIZE);
  }
}

/** The physical address that an entry maps an address to; undefined if it maps no page. */
export function physicalBy({ level, high, low }: TableEntry, address: number): number | undefined {
  if (!(low & PRESENT) || !mapsPage(level, low)) return undefined;
  return physicalOf(high, low, bytesOf(level)) + (address % bytesOf(level));
}

function mapsPage(level: number, low: number): boolean {
  return level === 1 || (level < ROOT_LEVEL && (low & LARGE) !== 0);
}

/** The physical address in an entry, of what is aligned to its size. */
function physicalOf(high: number, low: number, alignment: number): number {
  const address = (high & ADDRESS_HIGH) * 2 ** 32 + (low >>> 0);
  return address - (address % alignment);
}
