import { PAGE_SHIFT, PAGE_SIZE } from '../bits.js';
import { WATCH_CODE, WATCH_STOP, WATCH_TABLE, type GuestMemory } from '../memory.js';
import { changesBetween, slotsOf, type Alias } from './alias.js';
import type { DataStopKind } from './data-stops.js';
import { addressOf, type AddressRange, type WriteFence } from './fence.js';
import {
  A_PAGE,
  SEVERAL,
  TableUses,
  USED_ABOVE,
  USED_AS_PTE,
  USED_TO_FETCH,
  indexInTable,
  type TakenEntry,
} from './table-uses.js';
import { TLB_FETCH, TLB_READ, TLB_WRITE, type Tlb } from './tlb.js';
import { rootOf } from './paging-registers.js';
import type { TranslationContext } from './translation-context.js';
import { ACCESS_FETCH, ACCESS_IMPLICIT, ACCESS_WRITE, type Walk } from './walk.js';

/** Maximum number of pages whose entries are dropped individually. */
const MOST_PAGES_DROPPED = 1024;

/** Bytes that a table of each level maps, so that an entry of it maps as many as a table of the level below; level 0 is a page. */
const SPANS = [1, 512, 512 ** 2, 512 ** 3, 512 ** 4].map((pages) => pages * PAGE_SIZE);

/** The level of the entries of a PML4 table. */
const ROOT_LEVEL = 4;

const DATA_TABLES = [TLB_READ, TLB_WRITE];

/** Pages whose mappings may have changed; a range is of the low 48 bits of addresses. */
export type ChangedPages = 'all' | 'lower half' | AddressRange;

/** Why everything in the TLB was dropped. */
export type FlushCause = 'control registers' | 'address space' | 'page tables' | 'alignment checks' | 'debugger';

/** What stores to page tables are told apart by: an entry, or two of 32 bits. */
const ENTRY_BYTES = 8;

/** Entries of a PML4 table, and the first of those for the upper half of the address space. */
const ENTRIES = 512;
const UPPER_HALF = ENTRIES / 2;

/** Walks page tables without effects: see `Mmu.probe`. */
interface Prober {
  readonly cr3: number;
  probe(linearHigh: number, linearLow: number, access: number): number;
}

/**
 * What was derived from page tables: enters completed walks into the TLB and the tables in use, and drops what a change of
 * page tables, aliases, fences or data stops makes stale. The rules are those of `Mmu`.
 */
export class DerivedEntries {
  /**
   * Called when decoded or compiled code may be stale: a page table used by fetches or the paging mode has changed, or
   * an A or D bit was set in a frame with WATCH_CODE (this happens during a translation, so the callback must not
   * translate). Not called when CPL changes: the CPU itself keeps user-mode and supervisor-mode code apart.
   */
  onMappingsChanged: () => void = () => {};
  /** As `onMappingsChanged`, if only one linear page can be affected; its address is given in two halves. */
  onPageChanged: (linearHigh: number, linearLow: number) => void = () => {};
  /**
   * With `keepsCode`, in place of `onMappingsChanged` where only the mappings of some pages can have changed, but no code: of
   * those in the lower half of the address space, of those in a range, or of any.
   */
  onPagesChanged: (which: ChangedPages) => void = () => {};
  /** Whether decoded code is kept for pages whose mappings change, as on bare machines, which do that all the time. */
  keepsCode = false;
  /** Whether paging is that of long mode, so that CR3 names a PML4 table. */
  isFourLevel = true;
  /** Number of complete TLB flushes, by their causes. */
  readonly flushes = new Map<FlushCause, number>();
  private readonly tables = new TableUses();
  private holdsLargePages = false;
  private sparesTlb = false;

  constructor(
    private readonly memory: GuestMemory,
    private readonly tlb: Tlb,
    private readonly context: TranslationContext,
    private readonly prober: Prober,
  ) {}

  /** Number of complete TLB flushes. */
  get tlbDrops(): number {
    let all = 0;
    for (const number of this.flushes.values()) all += number;
    return all;
  }

  /** Enters a completed walk into the TLB, and the entries that it used into the tables in use. */
  keep(linearHigh: number, linearLow: number, access: number, found: Walk): void {
    if (access & ACCESS_IMPLICIT) return;
    const fetch = access & ACCESS_FETCH ? USED_TO_FETCH : 0;
    const linear = addressOf(linearHigh, linearLow);
    for (let level = found.rootLevel; level >= found.leafLevel; level--) {
      const entry = found.entryAddresses[level]!;
      const address = entry - (entry % ENTRY_BYTES);
      const next = level > found.leafLevel ? Math.floor(found.entryAddresses[level - 1]! / PAGE_SIZE) : A_PAGE;
      // The index of an entry of 32 bits does not tell which pages it maps.
      const uses = (level === 1 && !found.isNarrow ? USED_AS_PTE : USED_ABOVE) | fetch;
      const start = found.isNarrow || !this.keepsCode ? SEVERAL : linear - (linear % SPANS[level]!);
      if (this.tables.add(address, uses, level, start, next)) this.watch(Math.floor(address / PAGE_SIZE), WATCH_TABLE);
    }
    if (found.physical >= this.memory.size) return;
    if (access & ACCESS_WRITE) this.memory.mark(found.physical, 1);
    if (access & ACCESS_WRITE && !this.mayKeepWrites(linearHigh, linearLow, found)) return;
    const isStopped = this.context.hasDataStop(linearHigh, linearLow, access);
    if (this.sparesTlb && !(access & ACCESS_FETCH)) return;
    if (isStopped && !(access & ACCESS_FETCH)) return this.keepPartly(linearHigh, linearLow, access, found);
    if (found.leafLevel > 1) this.holdsLargePages = true;
    this.tlb.fill(tableOf(access), linearHigh, linearLow, found.physical);
    if (access & ACCESS_WRITE) this.tlb.fill(TLB_READ, linearHigh, linearLow, found.physical);
    else if (!(access & ACCESS_FETCH)) this.keepForWrites(linearHigh, linearLow, found);
  }

  /** Must be called after a store to a frame with WATCH_TABLE: drops everything derived from the changed entries. */
  stored(physical: number, lengthBytes: number): void {
    let uses = 0;
    for (let entry = physical - (physical % 8); entry < physical + lengthBytes; entry += 8) {
      const taken = this.tables.take(entry);
      if (taken.uses === 0) continue;
      if (taken.start !== SEVERAL) this.dropMapped(taken, entry);
      else {
        uses |= taken.uses;
        if (taken.uses & USED_AS_PTE) this.tlb.dropPagesOfTableIndex(indexInTable(entry));
      }
      const frame = Math.floor(entry / PAGE_SIZE);
      if (!this.tables.has(frame)) this.unwatch(frame, WATCH_TABLE);
    }
    if (uses === 0) return;
    if (uses & USED_TO_FETCH) this.fetchMappingsChanged(uses);
    else if (uses & USED_ABOVE) this.dropTlb('page tables');
  }

  /** Drops what was derived from an entry that has been changed, at an index of a table of which all uses are known. */
  private dropMapped({ uses, level, start, next }: TakenEntry, entry: number): void {
    // Nothing is derived any more through the table that it pointed to.
    if (next !== A_PAGE && !this.tables.has(next)) return;
    const bytes = SPANS[level - 1]!;
    const first = start + indexInTable(entry) * bytes;
    if (level === ROOT_LEVEL) {
      const root = Math.floor(entry / PAGE_SIZE);
      this.tlb.dropContexts((key) => rootOf(key) === root);
      // Code of other address spaces is looked up anew when they are used again.
      if (root !== Math.floor(this.prober.cr3 / PAGE_SIZE)) return;
    } else if (bytes <= MOST_PAGES_DROPPED * PAGE_SIZE)
      for (let page = first; page < first + bytes; page += PAGE_SIZE) this.tlb.dropPage(highOf(page), page | 0);
    else this.dropTlb('page tables');
    if (uses & USED_TO_FETCH) this.onPagesChanged({ start: first, end: first + bytes });
  }

  /** Entries that were used to fetch have changed. */
  private fetchMappingsChanged(uses: number): void {
    if (!this.keepsCode) return this.flush();
    if (uses & USED_ABOVE) this.pagesChanged('page tables');
    else this.onPagesChanged('all');
  }

  /** Uses the TLB entries of a context, given by its `PagingRegisters.context`, from now on: see `Tlb.use`. */
  useContext(key: number, sharesUpperHalf = false): void {
    this.tlb.use(key, sharesUpperHalf);
  }

  /** As `flush`, but code that was decoded is found again where pages are mapped as before. */
  private pagesChanged(cause: FlushCause): void {
    this.dropTlb(cause);
    for (const frame of this.tables.frames()) this.unwatch(frame, WATCH_TABLE);
    this.tables.clear();
    this.onPagesChanged('all');
  }

  /**
   * CR3 has changed. Where the roots have the same entries for the upper half of the address space, as kernels make them, no code
   * changes there; the tables of the other half stay known, since a later change of them is a change all the same. The TLB has
   * entries for each root. Returns true if nothing changes in the upper half.
   */
  rootChanged(before: number, after: number): boolean {
    if (!this.keepsCode) {
      this.flush();
      return false;
    }
    const [from, to] = [Math.floor(before / PAGE_SIZE), Math.floor(after / PAGE_SIZE)];
    if (!this.isFourLevel || !this.sharesUpperHalf(from, to)) {
      this.pagesChanged('address space');
      return false;
    }
    const uses = this.tables.in(from);
    for (let index = UPPER_HALF; uses && index < ENTRIES; index++)
      if (uses[index] !== 0 && this.tables.copy(from * PAGE_SIZE + 8 * index, to * PAGE_SIZE + 8 * index))
        this.watch(to, WATCH_TABLE);
    this.onPagesChanged('lower half');
    return true;
  }

  /** Whether entries of the upper half that something was derived from are equal in two PML4 tables, given by their frames. */
  private sharesUpperHalf(from: number, to: number): boolean {
    const uses = this.tables.in(from);
    const isSame = (at: number): boolean =>
      this.memory.read32(from * PAGE_SIZE + at) === this.memory.read32(to * PAGE_SIZE + at);
    for (let index = UPPER_HALF; uses && index < ENTRIES; index++)
      if (uses[index] !== 0 && !(isSame(8 * index) && isSame(8 * index + 4))) return false;
    return true;
  }

  /**
   * As `stored`, for a PTE that maps exactly one linear page, and what is seen of it in windows, which avoids a search for
   * all pages that a PTE at its index could map.
   */
  pteStored(entry: number, linearHigh: number, linearLow: number): void {
    const { uses } = this.tables.take(entry);
    if (uses === 0) return;
    const frame = Math.floor(entry / PAGE_SIZE);
    if (!this.tables.has(frame)) this.unwatch(frame, WATCH_TABLE);
    if (uses & USED_ABOVE) return this.flush();
    this.dropPage(linearHigh, linearLow, uses);
    if (uses & USED_TO_FETCH) this.context.onHomeChanged(addressOf(linearHigh, linearLow));
    if (this.context.aliases.length > 0)
      this.context.forEachWindow(addressOf(linearHigh, linearLow), (window) =>
        this.dropPage(highOf(window), window | 0, uses),
      );
  }

  /**
   * As `stored`, for an entry that pointed to a table in which no entry is present any more. Each of those was reported
   * by `stored` or `pteStored` when it was removed, so nothing derived through the table remains, except where the
   * entry served as a PTE itself.
   */
  emptyTableStored(entry: number): void {
    const { uses } = this.tables.take(entry);
    if (uses === 0) return;
    const frame = Math.floor(entry / PAGE_SIZE);
    if (!this.tables.has(frame)) this.unwatch(frame, WATCH_TABLE);
    if (uses & USED_AS_PTE) this.tlb.dropPagesOfTableIndex(indexInTable(entry));
    if (uses & USED_AS_PTE && uses & USED_TO_FETCH) this.flush();
  }

  /** Drops everything derived for a linear page, after its tables were changed without a call to `stored`. */
  invalidatePage(linearHigh: number, linearLow: number): void {
    if (this.holdsLargePages) this.dropTlb('page tables');
    else this.tlb.dropPage(linearHigh, linearLow);
    this.onMappingsChanged();
  }

  /** While set, reads and writes are not entered into the TLB, so that each of them takes the slow path. */
  setSparesTlb(value: boolean): void {
    if (this.sparesTlb === value) return;
    this.sparesTlb = value;
    this.dropTlb('alignment checks');
  }

  /**
   * Activates another fence, or none. If it owns different memory, the write entries are removed from the TLB, and
   * those from the last time that an equal fence was active are restored.
   */
  setWriteFence(fence: WriteFence | undefined): void {
    const before = this.context.fence;
    this.context.fence = fence;
    if (before?.key === fence?.key) return;
    this.context.keepWrites(before, this.tlb.takeWrites());
    const kept = this.context.writesOf(fence);
    if (kept) this.tlb.putWrites(kept);
  }

  /** Adds a data stop where memory lies; accesses are recorded in `dataStops`. */
  addDataStop(range: AddressRange, kind: DataStopKind): void {
    this.context.dataStops.add(range, kind);
    this.dropDataEntries(range);
  }

  /** Removes a data stop. Throws RangeError if there is none for this range and kind. */
  removeDataStop(range: AddressRange, kind: DataStopKind): void {
    this.context.dataStops.delete(range, kind);
    this.dropDataEntries(range);
  }

  /** Makes stores to physical addresses, wherever they are mapped, be recorded in `dataStops`. */
  addPhysicalStop(range: AddressRange): void {
    this.context.dataStops.addPhysical(range);
    for (const frame of framesOf(range)) this.watch(frame, WATCH_STOP);
  }

  /** Removes a stop at physical addresses. Throws RangeError if there is none for this range. */
  removePhysicalStop(range: AddressRange): void {
    const { dataStops } = this.context;
    dataStops.deletePhysical(range);
    for (const frame of framesOf(range)) if (!dataStops.hasPhysical(frame)) this.unwatch(frame, WATCH_STOP);
  }

  /** Shows what is seen through other aliases: their entries come back, if they were removed before. */
  switchTo(aliases: readonly Alias[]): void {
    const changes = this.context.switchTo(aliases);
    for (const change of changes) this.tlb.switchSlot(change, this.context.fence?.key);
    if (changes.length > 0) this.context.onSwitched(changes);
  }

  /** An A or D bit was set, on which translations do not depend: only code in the same frame can be stale. */
  entryBitSet(entryAddress: number): void {
    if (this.memory.watched[Math.floor(entryAddress / PAGE_SIZE)]! & WATCH_CODE) this.onMappingsChanged();
  }

  /** As after a flush, with other aliases: for tables that were not switched to, but restored. */
  restoreAliases(aliases: readonly Alias[]): void {
    if (changesBetween(this.context.aliases, aliases).length > 0) this.flush();
    this.context.aliases = aliases;
  }

  /** Forgets what is kept for aliases that will not be used again. */
  forgetAliases(aliases: readonly Alias[]): void {
    for (const [slot, home] of slotsOf(aliases)) this.tlb.forgetSlot(slot, home);
    this.context.onForgotten(aliases);
  }

  /** Drops every write entry, so that the next store to each page takes the slow path once. */
  dropWriteEntries(): void {
    this.tlb.dropWrites();
    this.tlb.forgetTaken();
    this.context.forgetWrites();
  }

  /** Drops everything derived from page tables. */
  flush(cause: FlushCause = 'control registers'): void {
    this.dropTlb(cause);
    for (const frame of this.tables.frames()) this.unwatch(frame, WATCH_TABLE);
    this.tables.clear();
    this.onMappingsChanged();
  }

  /** Drops the whole TLB: translations may differ, page tables do not. */
  dropTlb(cause: FlushCause): void {
    this.flushes.set(cause, (this.flushes.get(cause) ?? 0) + 1);
    this.tlb.dropAll();
    this.holdsLargePages = false;
  }

  /**
   * Makes stores to a frame miss the TLB, for `reason` (a WATCH_ bit). No effect beyond RAM, where nothing can change.
   */
  watch(frame: number, reason: number): void {
    const watched = this.memory.watched;
    const before = watched[frame];
    if (before === undefined) return;
    watched[frame] = before | reason;
    if (before === 0) this.tlb.dropWritesTo(frame);
  }

  /** Removes a reason to watch a frame. */
  unwatch(frame: number, reason: number): void {
    const watched = this.memory.watched;
    watched[frame] = (watched[frame] ?? 0) & ~reason;
  }

  /** As `keep`, for a page with data stops. */
  private keepPartly(linearHigh: number, linearLow: number, access: number, { physical }: Walk): void {
    const part = this.context.dataStops.partOf(this.context.homeAt(linearHigh, linearLow));
    this.tlb.fillPartly(tableOf(access), linearHigh, linearLow, physical, part);
  }

  /**
   * Also fills the write entry after a read, if that would not change any bit of the tables, since pages that are read
   * are often written next.
   */
  private keepForWrites(linearHigh: number, linearLow: number, found: Walk): void {
    // A page that is only read must not count as written.
    if (this.memory.dirty[found.physical >>> PAGE_SHIFT] === 0) return;
    if (!found.dirty || !this.mayKeepWrites(linearHigh, linearLow, found)) return;
    if (this.context.hasDataStop(linearHigh, linearLow, ACCESS_WRITE)) return;
    if (this.prober.probe(linearHigh, linearLow, ACCESS_WRITE) !== -1)
      this.tlb.fill(TLB_WRITE, linearHigh, linearLow, found.physical);
  }

  private mayKeepWrites(linearHigh: number, linearLow: number, { physical }: Walk): boolean {
    return this.memory.watched[Math.floor(physical / PAGE_SIZE)] === 0 && this.context.ownsPage(linearHigh, linearLow);
  }

  private dropPage(linearHigh: number, linearLow: number, uses: number): void {
    this.tlb.dropPage(linearHigh, linearLow);
    if (uses & USED_TO_FETCH) this.onPageChanged(linearHigh, linearLow);
  }

  /**
   * Drops the entries for reads and writes of the pages that a range touches, in all windows. Those of windows that are not in
   * use have the same index in their page tables, and are therefore not restored.
   */
  private dropDataEntries({ start, end }: AddressRange): void {
    if (end - start > MOST_PAGES_DROPPED * PAGE_SIZE) return this.dropTlb('debugger');
    for (let page = start - (start % PAGE_SIZE); page < end; page += PAGE_SIZE) {
      this.tlb.dropPage(highOf(page), page | 0, DATA_TABLES);
      this.context.forEachWindow(page, (window) => this.tlb.dropPage(highOf(window), window | 0, DATA_TABLES));
    }
  }
}

function framesOf({ start, end }: AddressRange): number[] {
  const first = Math.floor(start / PAGE_SIZE);
  return Array.from({ length: Math.ceil(end / PAGE_SIZE) - first }, (_, index) => first + index);
}

/** The high half of an address of which the low 48 bits are known. */
function highOf(address: number): number {
  return (Math.floor(address / 2 ** 32) << 16) >> 16;
}

/** The table of the TLB for an access. */
export function tableOf(access: number): number {
  if (access & ACCESS_WRITE) return TLB_WRITE;
  return access & ACCESS_FETCH ? TLB_FETCH : TLB_READ;
}
