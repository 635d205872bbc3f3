import { PAGE_SIZE } from '../../bits.js';
import type { Cpu } from '../../cpu/cpu.js';
import { EFER_LMA, EXECUTE_DISABLE_HIGH, LARGE, PRESENT, WRITABLE } from '../../mmu/entry.js';
import type { MappedRange } from '../target.js';

const CR0_PG = 1 << 31;
const LONG_MODE_LEVELS = 4;
const ENTRIES = 512;
const USER = 1 << 2;
const ADDRESS_HIGH = 0xf_ffff;
/** Tables that are read, at most: a guest can map a page to itself many times over. */
const TABLES_MAX = 1 << 16;

/** A range of linear addresses, as numbers of pages, and the rights to it. */
interface Piece {
  readonly first: number;
  end: number;
  readonly rights: number;
}

/** What the page tables of a board map now, in ascending order; neighbours with the same rights are one range. */
export function boardMemoryMap(cpu: Cpu, pid: number): MappedRange[] {
  const { mmu, memory } = cpu;
  if (!(mmu.cr0 & CR0_PG)) return [rangeOf({ first: 0, end: memory.size / PAGE_SIZE, rights: WRITABLE }, pid)];
  // Other modes than long mode have no map here: their addresses are still read and written.
  if (!(mmu.efer & EFER_LMA)) return [];
  return new TableReader(cpu).pieces.map((piece) => rangeOf(piece, pid));
}

const NO_EXECUTE = 1 << 30;

class TableReader {
  readonly pieces: Piece[] = [];
  private tablesLeft = TABLES_MAX;

  constructor(private readonly cpu: Cpu) {
    const { cr3 } = cpu.mmu;
    this.read(cr3 - (cr3 % PAGE_SIZE), LONG_MODE_LEVELS, 0, WRITABLE | USER);
  }

  private read(table: number, level: number, firstPage: number, rights: number): void {
    if (this.tablesLeft-- <= 0) return;
    const { memory } = this.cpu;
    const pages = ENTRIES ** (level - 1);
    for (let index = 0; index < ENTRIES; index++) {
      const low = memory.read32(table + index * 8);
      const high = memory.read32(table + index * 8 + 4);
      if (!(low & PRESENT)) continue;
      const first = firstPage + index * pages;
      const own = rights & low & (WRITABLE | USER);
      const inherited = (rights & NO_EXECUTE) | (high & EXECUTE_DISABLE_HIGH ? NO_EXECUTE : 0);
      if (level === 1 || (level < LONG_MODE_LEVELS && low & LARGE)) this.add(first, pages, own | inherited);
      else this.read((high & ADDRESS_HIGH) * 2 ** 32 + low - (low % PAGE_SIZE), level - 1, first, own | inherited);
    }
  }

  private add(first: number, pages: number, rights: number): void {
    const last = this.pieces.at(-1);
    if (last?.end === first && last.rights === rights) last.end += pages;
    else this.pieces.push({ first, end: first + pages, rights });
  }
}

function rangeOf({ first, end, rights }: Piece, pid: number): MappedRange {
  // The upper half of the address space has its upper bits set.
  const start = BigInt.asUintN(64, BigInt.asIntN(48, BigInt(first) * BigInt(PAGE_SIZE)));
  return {
    ...{ start, seen: start, lengthBytes: BigInt(end - first) * BigInt(PAGE_SIZE), pid },
    ...{ readable: true, writable: (rights & WRITABLE) !== 0, executable: (rights & NO_EXECUTE) === 0 },
    what: rights & USER ? 'user pages' : 'kernel pages',
  };
}
