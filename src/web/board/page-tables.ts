import type { Board } from '../../board.js';
import { toLinear } from '../../kernel/memory/linear-address.js';
import { walkTables, type PageWalk } from '../../debug/inspect/page-walk.js';
import { ADDRESS_HIGH, CR4_PSE, EXECUTE_DISABLE_HIGH, LARGE, PRESENT, USER, WRITABLE } from '../../mmu/entry.js';
import { pagingModeOf, type PagingMode } from '../../mmu/walk.js';

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

/** What a table leads to, and who may use it. */
interface TableBelow {
  readonly level: number;
  readonly table: number;
  readonly start: number;
  /** The AND of the low words of the entries above. */
  readonly rights: number;
  readonly isExecutable: boolean;
}

/** Tables that are looked at: a hostile guest may have 2^27 of them, all in one page. */
const TABLES_MAX = 8192;
const PAGE_SIZE = 4096;
const GIB = 2 ** 30;
/** The directory pointers of PAE paging are 32 bytes in memory. */
const POINTERS = 4;
const POINTER_TABLE_BYTES = 32;
const ADDRESSES_NARROW = 2 ** 32;

/** The page tables of a bare machine below one root, in the paging mode that it is in. */
export class PageTables {
  readonly mode: Exclude<PagingMode, 'none'>;
  /** Tables that were looked at. */
  private tables = 0;

  private constructor(
    private readonly board: Board,
    mode: Exclude<PagingMode, 'none'>,
    readonly root: number,
  ) {
    this.mode = mode;
  }

  /** Those of a root, or of CR3; undefined while paging is off. */
  static of(board: Board, root?: number): PageTables | undefined {
    const { mmu } = board.cpu;
    const mode = pagingModeOf(mmu);
    if (mode === 'none') return undefined;
    const alignment = mode === 'pae' ? POINTER_TABLE_BYTES : PAGE_SIZE;
    const cr3 = mode === 'four-level' ? mmu.cr3 : mmu.cr3 % ADDRESSES_NARROW;
    return new PageTables(board, mode, root ?? Math.floor(cr3 / alignment) * alignment);
  }

  /** Calls `visit` with each page that is mapped, by ascending addresses. SDM Vol. 3A 4.3 to 4.5. */
  visitPages(visit: (page: MappedPage) => void): void {
    this.tables = 0;
    const all = { rights: ~0, isExecutable: true };
    if (this.mode !== 'pae') {
      const level = this.mode === 'four-level' ? 4 : 2;
      return this.visitTable({ level, table: this.root, start: 0, ...all }, visit);
    }
    this.directoryPointers.forEach((pointer, index) => {
      const [low, high] = [pointer, pointer >> 32n].map((part) => Number(BigInt.asIntN(32, part)));
      if (low! & PRESENT)
        this.visitTable({ level: 2, table: this.physicalOf(2, high!, low!, false), start: index * GIB, ...all }, visit);
    });
  }

  /** How an address is translated, by the walk that the debugger shows. */
  walk(address: number): PageWalk | undefined {
    if (this.mode !== 'four-level' && address >= ADDRESSES_NARROW) return undefined;
    const { mmu } = this.board.cpu;
    const [cr0, cr4, efer] = [mmu.cr0, mmu.cr4, mmu.efer].map((word) => BigInt(word >>> 0));
    const registers = { cr0: cr0!, cr4: cr4!, efer: efer!, cr3: BigInt(this.root) };
    const { directoryPointers } = this;
    return walkTables(this.board.memory, { ...registers, directoryPointers }, toLinear(address));
  }

  /** The registers, of the root in CR3; of another one, what it would load into them. */
  private get directoryPointers(): BigUint64Array {
    const { cpu, memory } = this.board;
    const loaded = cpu.bare?.system.state.directoryPointers;
    if (loaded && PageTables.of(this.board)?.root === this.root) return loaded;
    const word = (at: number): bigint => BigInt(memory.read32(this.root + at) >>> 0);
    return BigUint64Array.from({ length: POINTERS }, (_, index) => word(8 * index) | (word(8 * index + 4) << 32n));
  }

  private visitTable(
    { level, table, start, rights, isExecutable }: TableBelow,
    visit: (page: MappedPage) => void,
  ): void {
    if (++this.tables > TABLES_MAX) return;
    const { memory } = this.board;
    const isNarrow = this.mode === 'two-level';
    const bytes = this.bytesOf(level);
    for (let index = 0; index < this.entries; index++) {
      const at = table + (isNarrow ? 4 : 8) * index;
      const low = memory.read32(at) | 0;
      if (!(low & PRESENT)) continue;
      const high = isNarrow ? 0 : memory.read32(at + 4) | 0;
      const address = start + index * bytes;
      const all = rights & low;
      const runs = isExecutable && !(high & EXECUTE_DISABLE_HIGH);
      const isPage = this.mapsPage(level, low);
      const physical = this.physicalOf(level, high, low, isPage);
      if (!isPage)
        this.visitTable({ level: level - 1, table: physical, start: address, rights: all, isExecutable: runs }, visit);
      else
        visit({
          ...{ start: address, bytes, physical, isExecutable: runs, low },
          ...{ isUser: (all & USER) !== 0, isWritable: (all & WRITABLE) !== 0 },
        });
    }
  }

  /** Of a table. */
  private get entries(): number {
    return this.mode === 'two-level' ? 1024 : 512;
  }

  /** What an entry of a level maps: 4 KiB at level 1, 512 GiB at level 4. */
  private bytesOf(level: number): number {
    return PAGE_SIZE * this.entries ** (level - 1);
  }

  private mapsPage(level: number, low: number): boolean {
    const hasLarge = this.mode !== 'two-level' || (this.board.cpu.mmu.cr4 & CR4_PSE) !== 0;
    return level === 1 || (level < 4 && hasLarge && (low & LARGE) !== 0);
  }

  /** The physical address in an entry, of the page that it maps, or of a table. */
  private physicalOf(level: number, high: number, low: number, isPage: boolean): number {
    const alignment = isPage ? this.bytesOf(level) : PAGE_SIZE;
    // SDM Vol. 3A table 4-4: eight bits of a PDE that maps 4 MiB extend the address.
    const upper = this.mode !== 'two-level' ? high & ADDRESS_HIGH : isPage && level === 2 ? (low >>> 13) & 0xff : 0;
    const address = upper * 2 ** 32 + (low >>> 0);
    return address - (address % alignment);
  }
}
