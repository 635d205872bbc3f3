import { PAGE_SHIFT, PAGE_SIZE, hex } from '../bits.js';
import { WATCH_CODE, WATCH_TABLE, type GuestMemory } from '../memory.js';
import { ACCESSED, CR0_WP, CR4_SMAP, CR4_SMEP, DIRTY, EFER_NXE, MAXPHYADDR } from './entry.js';
import { changesBetween, slotsOf, type Alias } from './alias.js';
import { DataStops, type DataStopKind } from './data-stops.js';
import { addressOf, type AddressRange, type WriteFence } from './fence.js';
import { TableUses, USED_ABOVE, USED_AS_PTE, USED_TO_FETCH, indexInTable } from './table-uses.js';
import { TLB_FETCH, TLB_READ, TLB_WRITE, Tlb } from './tlb.js';
import { TranslationContext } from './translation-context.js';
import {
  ACCESS_FETCH,
  ACCESS_IMPLICIT,
  ACCESS_USER,
  ACCESS_WRITE,
  Walk,
  isCanonicalHigh,
  walk,
  type PagingControls,
} from './walk.js';

/** Maximum number of pages whose entries are dropped individually. */
const MOST_PAGES_DROPPED = 1024;

const DATA_TABLES = [TLB_READ, TLB_WRITE];

/** A page fault: the linear address of the first byte that could not be accessed, which goes to CR2, and the error code. */
export interface PageFault {
  linearHigh: number;
  linearLow: number;
  errorCode: number;
}

/** What decides how linear addresses are translated, besides the page tables. */
export type Controls = Pick<PagingControls, 'cr0' | 'cr4' | 'efer'> & { readonly cr3: number; readonly cpl: number };

/**
 * The memory management unit: translates linear addresses by the page tables in guest memory, sets their A and D bits,
 * and keeps the TLB invisible to programs (architecture.md, "Translation"):
 *
 * - Every table that something was derived from is watched (WATCH_TABLE): stores to it miss the TLB. After any store to
 *   a watched frame, by the guest or by TypeScript, `stored` is called and everything derived from the entry is
 *   dropped. INVLPG therefore has no effect.
 * - A TLB entry for writes exists only while D is set in the page tables and the frame is not watched.
 * - The TLB holds translations for one privilege level, that of the current CPL: it is flushed when CPL changes between
 *   3 and less, and when RFLAGS.AC changes while SMAP depends on it. Implicit supervisor-mode accesses never enter it.
 * - Pages with data stops have no entries of the kinds that could hit them (DataStops), but partial ones (PartialEntries).
 * - Under a write fence, entries for writes lead only to pages that the fence owns entirely; all other stores take the
 *   slow path. Translation itself does not check the fence; code that stores must do so (LinearMemory).
 *
 * Control registers are read here and set through the methods. A linear address consists of two 32-bit halves (signed
 * or unsigned) and must be canonical: the CPU checks `isCanonicalHigh` and raises #GP or #SS before it translates.
 */
export class Mmu implements PagingControls {
  readonly cr0: number = 0;
  readonly cr3: number = 0;
  readonly cr4: number = 0;
  readonly efer: number = 0;
  readonly rflagsAC: boolean = false;
  readonly cpl: number = 0;

  /** The page fault of the last translation that returned -1. */
  readonly fault: PageFault = { linearHigh: 0, linearLow: 0, errorCode: 0 };
  /** After `translateCrossing`: the physical address where the access continues, the start of a page. */
  secondPhysical = 0;
  /** Number of complete TLB flushes. */
  tlbDrops = 0;
  readonly dataStops = new DataStops();
  readonly context = new TranslationContext();
  /**
   * Called when decoded or compiled code may be stale: a page table used by fetches or the paging mode has changed, or
   * an A or D bit was set in a frame with WATCH_CODE (this happens during a translation, so the callback must not
   * translate). Not called when CPL changes: the CPU itself keeps user-mode and supervisor-mode code apart.
   */
  onMappingsChanged: () => void = () => {};
  /** As `onMappingsChanged`, if only one linear page can be affected; its address is given in two halves. */
  onPageChanged: (linearHigh: number, linearLow: number) => void = () => {};

  /** This object with writable control registers, for the methods that set them. */
  private readonly registers: PagingControls & { cpl: number } = this;
  private readonly memory: GuestMemory;
  private readonly tlb: Tlb;
  private readonly tables = new TableUses();
  private readonly found = new Walk();
  private readonly foundSecond = new Walk();
  private readonly probed = new Walk();
  private holdsLargePages = false;
  private sparesTlb = false;
  private fence: WriteFence | undefined;

  constructor(memory: GuestMemory) {
    this.memory = memory;
    this.tlb = new Tlb(memory);
  }

  /** The control registers and the privilege level, to be kept. */
  get controls(): Controls {
    const { cr0, cr3, cr4, efer, cpl } = this;
    return { cr0, cr3, cr4, efer, cpl };
  }

  setControls({ cr0, cr3, cr4, efer, cpl }: Controls): void {
    this.setCr0(cr0);
    this.setCr3(cr3);
    this.setCr4(cr4);
    this.setEfer(efer);
    this.setCpl(cpl);
  }

  setCr0(value: number): void {
    const changes = (this.cr0 ^ value) & CR0_WP;
    this.registers.cr0 = value;
    if (changes) this.flush();
  }

  /** Sets CR3. Throws RangeError if `value` is not a valid physical address, for which MOV to CR3 raises #GP first. */
  setCr3(value: number): void {
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** MAXPHYADDR)
      throw new RangeError(`CR3 = ${value} is not a physical address of ${MAXPHYADDR} bits`);
    const changes = this.cr3 !== value;
    this.registers.cr3 = value;
    if (changes) this.flush();
  }

  /**
   * Loads CR3 with the root of tables that differ from those in use only in the windows of the aliases of both: entries of
   * the upper levels that the roots do not share have A set.
   */
  switchRoot(root: number, aliases: readonly Alias[]): void {
    if (root === this.cr3) return;
    this.registers.cr3 = root;
    const changes = this.context.switchTo(aliases);
    for (const change of changes) this.tlb.switchSlot(change, this.fence?.key);
    if (changes.length > 0) this.context.onSwitched(changes);
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

  /** Whether something else than what lies at an address is seen there. */
  isHidden(linearHigh: number, linearLow: number): boolean {
    return this.context.aliases.length > 0 && this.context.isHidden(addressOf(linearHigh, linearLow));
  }

  setCr4(value: number): void {
    const changes = (this.cr4 ^ value) & (CR4_SMEP | CR4_SMAP);
    this.registers.cr4 = value;
    if (changes) this.flush();
  }

  setEfer(value: number): void {
    const changes = (this.efer ^ value) & EFER_NXE;
    this.registers.efer = value;
    if (changes) this.flush();
  }

  setRflagsAC(value: boolean): void {
    const changes = this.rflagsAC !== value && this.cpl < 3 && this.cr4 & CR4_SMAP;
    this.registers.rflagsAC = value;
    if (changes) this.dropTlb();
  }

  /** While set, reads and writes are not entered into the TLB, so that each of them takes the slow path. */
  setSparesTlb(value: boolean): void {
    if (this.sparesTlb === value) return;
    this.sparesTlb = value;
    this.dropTlb();
  }

  get writeFence(): WriteFence | undefined {
    return this.fence;
  }

  /**
   * Activates another fence, or none. If it owns different memory, the write entries are removed from the TLB, and
   * those from the last time that an equal fence was active are restored.
   */
  setWriteFence(fence: WriteFence | undefined): void {
    const before = this.fence;
    this.fence = fence;
    if (before?.key === fence?.key) return;
    this.context.keepWrites(before, this.tlb.takeWrites());
    const kept = this.context.writesOf(fence);
    if (kept) this.tlb.putWrites(kept);
  }

  /** Whether the fence owns a whole page, so that stores to it need not be reported. */
  ownsPage(linearHigh: number, linearLow: number): boolean {
    if (!this.fence) return true;
    const page = addressOf(linearHigh, linearLow & ~(PAGE_SIZE - 1));
    return this.fence.owns(page, page + PAGE_SIZE);
  }

  /** Where what is seen at an address lies: its low 48 bits. */
  homeOf(linearHigh: number, linearLow: number): number {
    const { context } = this;
    const address = addressOf(linearHigh, linearLow);
    return context.aliases.length > 0 ? context.homeOf(address) : address;
  }

  /** Whether the page of an address has a data stop that an access (a combination of ACCESS_ bits) could hit. */
  hasDataStop(linearHigh: number, linearLow: number, access: number): boolean {
    return !this.dataStops.isEmpty && this.dataStops.excludes(this.homeOf(linearHigh, linearLow), access);
  }

  /** Adds a data stop where memory lies; accesses are recorded in `dataStops`. */
  addDataStop(range: AddressRange, kind: DataStopKind): void {
    this.dataStops.add(range, kind);
    this.dropDataEntries(range);
  }

  /** Removes a data stop. Throws RangeError if there is none for this range and kind. */
  removeDataStop(range: AddressRange, kind: DataStopKind): void {
    this.dataStops.delete(range, kind);
    this.dropDataEntries(range);
  }

  setCpl(value: number): void {
    const changes = (this.cpl === 3) !== (value === 3);
    this.registers.cpl = value;
    if (changes) this.dropTlb();
  }

  /**
   * Translates an access (ACCESS_READ, ACCESS_WRITE or ACCESS_FETCH, with ACCESS_IMPLICIT where the CPU itself accesses
   * a descriptor table or TSS) within one page. Returns the physical address, or -1 for a page fault, which is
   * described by `fault`. A walk that completes sets A in every entry, and D for a write; one that faults sets nothing.
   */
  translate(linearHigh: number, linearLow: number, access: number): number {
    const cached = this.cached(linearHigh, linearLow, access);
    if (cached !== -1) return cached;
    const found = this.found;
    if (!this.walkTables(linearHigh, linearLow, access, found)) return this.raise(linearHigh, linearLow, found);
    this.setAccessed(found);
    if (access & ACCESS_WRITE) this.setDirty(found);
    this.keep(linearHigh, linearLow, access, found);
    return found.physical;
  }

  /**
   * As `translate`, for an access that begins in the page of this address and ends in the next. Returns the physical
   * address of its first byte, and sets `secondPhysical` to the address of the part in the second page. The lower page
   * is translated first: its fault is the one raised, and its A bits stay set when the second page faults. D is set in
   * neither page unless both translate.
   */
  translateCrossing(linearHigh: number, linearLow: number, access: number): number {
    const secondLow = ((linearLow | (PAGE_SIZE - 1)) + 1) | 0;
    const secondHigh = secondLow === 0 ? (linearHigh + 1) | 0 : linearHigh;
    const cached = this.cached(linearHigh, linearLow, access);
    if (cached !== -1) {
      this.secondPhysical = this.cached(secondHigh, secondLow, access);
      if (this.secondPhysical !== -1) return cached;
    }
    const { found, foundSecond } = this;
    if (!this.walkTables(linearHigh, linearLow, access, found)) return this.raise(linearHigh, linearLow, found);
    this.setAccessed(found);
    if (!this.walkTables(secondHigh, secondLow, access, foundSecond))
      return this.raise(secondHigh, secondLow, foundSecond);
    this.setAccessed(foundSecond);
    if (access & ACCESS_WRITE) {
      this.setDirty(found);
      this.setDirty(foundSecond);
    }
    this.keep(linearHigh, linearLow, access, found);
    this.keep(secondHigh, secondLow, access, foundSecond);
    this.secondPhysical = foundSecond.physical;
    return found.physical;
  }

  /**
   * Returns what `translate` would, at the current privilege level, without setting A or D, filling the TLB or changing
   * `fault`.
   */
  probe(linearHigh: number, linearLow: number, access: number): number {
    return this.walkTables(linearHigh, linearLow, access, this.probed) ? this.probed.physical : -1;
  }

  /** As `translate`, for a page that is hidden by a window: by the tables of another root, and without the TLB. */
  translateHidden(root: number, linearHigh: number, linearLow: number, access: number): number {
    const { found } = this;
    if (!this.walkFrom(root, linearHigh, linearLow, access, found)) return this.raise(linearHigh, linearLow, found);
    this.setAccessed(found);
    if (access & ACCESS_WRITE) this.setDirty(found);
    return found.physical;
  }

  /** Whether `translate` would set A or D in an entry. Changes nothing. */
  wouldSetBits(linearHigh: number, linearLow: number, access: number): boolean {
    if (!this.walkTables(linearHigh, linearLow, access, this.probed)) return false;
    return !this.probed.accessed || ((access & ACCESS_WRITE) !== 0 && !this.probed.dirty);
  }

  /** The physical address of a fetch that would have no effects, since the page was fetched from before; else -1. */
  fetched(linearHigh: number, linearLow: number): number {
    return this.tlb.lookup(TLB_FETCH, linearHigh, linearLow);
  }

  /** Must be called after a store to a frame with WATCH_TABLE: drops everything derived from the changed entries. */
  stored(physical: number, lengthBytes: number): void {
    let uses = 0;
    for (let entry = physical - (physical % 8); entry < physical + lengthBytes; entry += 8) {
      const usesOfEntry = this.tables.take(entry);
      if (usesOfEntry === 0) continue;
      uses |= usesOfEntry;
      if (usesOfEntry & USED_AS_PTE) this.tlb.dropPagesOfTableIndex(indexInTable(entry));
      const frame = Math.floor(entry / PAGE_SIZE);
      if (!this.tables.has(frame)) this.unwatch(frame, WATCH_TABLE);
    }
    if (uses & USED_TO_FETCH) this.flush();
    else if (uses & USED_ABOVE) this.dropTlb();
  }

  /**
   * As `stored`, for a PTE that maps exactly one linear page, and what is seen of it in windows, which avoids a search for
   * all pages that a PTE at its index could map.
   */
  pteStored(entry: number, linearHigh: number, linearLow: number): void {
    const uses = this.tables.take(entry);
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
    const uses = this.tables.take(entry);
    if (uses === 0) return;
    const frame = Math.floor(entry / PAGE_SIZE);
    if (!this.tables.has(frame)) this.unwatch(frame, WATCH_TABLE);
    if (uses & USED_AS_PTE) this.tlb.dropPagesOfTableIndex(indexInTable(entry));
    if (uses & USED_AS_PTE && uses & USED_TO_FETCH) this.flush();
  }

  /** Drops everything derived for a linear page, after its tables were changed without a call to `stored`. */
  invalidatePage(linearHigh: number, linearLow: number): void {
    if (this.holdsLargePages) this.dropTlb();
    else this.tlb.dropPage(linearHigh, linearLow);
    this.onMappingsChanged();
  }

  /** Drops every write entry, so that the next store to each page takes the slow path once. */
  dropWriteEntries(): void {
    this.tlb.takeWrites();
    this.tlb.forgetTaken();
    this.context.forgetWrites();
  }

  /** Drops everything derived from page tables. */
  flush(): void {
    this.dropTlb();
    for (const frame of this.tables.frames()) this.unwatch(frame, WATCH_TABLE);
    this.tables.clear();
    this.onMappingsChanged();
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

  private dropPage(linearHigh: number, linearLow: number, uses: number): void {
    this.tlb.dropPage(linearHigh, linearLow);
    if (uses & USED_TO_FETCH) this.onPageChanged(linearHigh, linearLow);
  }

  private cached(linearHigh: number, linearLow: number, access: number): number {
    return access & ACCESS_IMPLICIT ? -1 : this.tlb.lookup(tableOf(access), linearHigh, linearLow);
  }

  private walkTables(linearHigh: number, linearLow: number, access: number, found: Walk): boolean {
    if (!isCanonicalHigh(linearHigh))
      throw new RangeError(`linear address ${hex(linearOf(linearHigh, linearLow), 16)} is not canonical`);
    const user = this.cpl === 3 && !(access & ACCESS_IMPLICIT) ? ACCESS_USER : 0;
    return walk(this.memory, this, access | user, linearHigh, linearLow, found);
  }

  private walkFrom(root: number, linearHigh: number, linearLow: number, access: number, found: Walk): boolean {
    const { cr3 } = this;
    this.registers.cr3 = root;
    const isMapped = this.walkTables(linearHigh, linearLow, access, found);
    this.registers.cr3 = cr3;
    return isMapped;
  }

  private raise(linearHigh: number, linearLow: number, found: Walk): -1 {
    this.fault.linearHigh = linearHigh;
    this.fault.linearLow = linearLow;
    this.fault.errorCode = found.errorCode;
    return -1;
  }

  private setAccessed(found: Walk): void {
    if (found.accessed) return;
    for (let level = 4; level >= found.leafLevel; level--) this.setEntryBit(found.entryAddresses[level]!, ACCESSED);
  }

  private setDirty(found: Walk): void {
    if (!found.dirty) this.setEntryBit(found.entryAddresses[found.leafLevel]!, DIRTY);
  }

  /**
   * Sets an A or D bit. Translations do not depend on it, so nothing derived is dropped, except code in the same frame.
   */
  private setEntryBit(entryAddress: number, bit: number): void {
    const low = this.memory.read32(entryAddress);
    if (low & bit) return;
    this.memory.write32(entryAddress, low | bit);
    if (this.memory.watched[Math.floor(entryAddress / PAGE_SIZE)]! & WATCH_CODE) this.onMappingsChanged();
  }

  /** Enters a completed walk into the TLB, and the entries that it used into the tables in use. */
  private keep(linearHigh: number, linearLow: number, access: number, found: Walk): void {
    if (access & ACCESS_IMPLICIT) return;
    const fetch = access & ACCESS_FETCH ? USED_TO_FETCH : 0;
    for (let level = 4; level >= found.leafLevel; level--) {
      const address = found.entryAddresses[level]!;
      if (this.tables.add(address, (level === 1 ? USED_AS_PTE : USED_ABOVE) | fetch))
        this.watch(Math.floor(address / PAGE_SIZE), WATCH_TABLE);
    }
    if (found.physical >= this.memory.size) return;
    if (access & ACCESS_WRITE) this.memory.mark(found.physical, 1);
    if (access & ACCESS_WRITE && !this.mayKeepWrites(linearHigh, linearLow, found)) return;
    const isStopped = this.hasDataStop(linearHigh, linearLow, access);
    if (this.sparesTlb && !(access & ACCESS_FETCH)) return;
    if (isStopped && !(access & ACCESS_FETCH)) return this.keepPartly(linearHigh, linearLow, access, found);
    if (found.leafLevel > 1) this.holdsLargePages = true;
    this.tlb.fill(tableOf(access), linearHigh, linearLow, found.physical);
    if (access & ACCESS_WRITE) this.tlb.fill(TLB_READ, linearHigh, linearLow, found.physical);
    else if (!(access & ACCESS_FETCH)) this.keepForWrites(linearHigh, linearLow, found);
  }

  /** As `keep`, for a page with data stops. */
  private keepPartly(linearHigh: number, linearLow: number, access: number, { physical }: Walk): void {
    const part = this.dataStops.partOf(this.homeOf(linearHigh, linearLow));
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
    if (this.hasDataStop(linearHigh, linearLow, ACCESS_WRITE)) return;
    if (this.walkTables(linearHigh, linearLow, ACCESS_WRITE, this.probed))
      this.tlb.fill(TLB_WRITE, linearHigh, linearLow, found.physical);
  }

  private mayKeepWrites(linearHigh: number, linearLow: number, { physical }: Walk): boolean {
    return this.memory.watched[Math.floor(physical / PAGE_SIZE)] === 0 && this.ownsPage(linearHigh, linearLow);
  }

  /**
   * Drops the entries for reads and writes of the pages that a range touches, in all windows. Those of windows that are not in
   * use have the same index in their page tables, and are therefore not restored.
   */
  private dropDataEntries({ start, end }: AddressRange): void {
    if (end - start > MOST_PAGES_DROPPED * PAGE_SIZE) return this.dropTlb();
    for (let page = start - (start % PAGE_SIZE); page < end; page += PAGE_SIZE) {
      this.tlb.dropPage(highOf(page), page | 0, DATA_TABLES);
      this.context.forEachWindow(page, (window) => this.tlb.dropPage(highOf(window), window | 0, DATA_TABLES));
    }
  }

  private dropTlb(): void {
    this.tlbDrops++;
    this.tlb.dropAll();
    this.holdsLargePages = false;
  }
}

/** The high half of an address of which the low 48 bits are known. */
function highOf(address: number): number {
  return (Math.floor(address / 2 ** 32) << 16) >> 16;
}

function tableOf(access: number): number {
  if (access & ACCESS_WRITE) return TLB_WRITE;
  return access & ACCESS_FETCH ? TLB_FETCH : TLB_READ;
}

function linearOf(high: number, low: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}
