import { PAGE_SIZE, hex } from '../bits.js';
import type { GuestMemory } from '../memory.js';
import type { Alias } from './alias.js';
import type { DataStops } from './data-stops.js';
import { DerivedEntries, tableOf } from './derived-entries.js';
import { ACCESSED, CR4_SMAP, DIRTY } from './entry.js';
import { addressOf } from './fence.js';
import { PagingRegisters, type Controls } from './paging-registers.js';
import { TLB_FETCH, Tlb } from './tlb.js';
import { TranslationContext } from './translation-context.js';
import {
  ACCESS_IMPLICIT,
  ACCESS_USER,
  ACCESS_WRITE,
  Walk,
  isCanonicalHigh,
  walk,
  walkPae,
  walkTwoLevels,
  type PagingMode,
} from './walk.js';

/** A page fault: the linear address of the first byte that could not be accessed, which goes to CR2, and the error code. */
export interface PageFault {
  linearHigh: number;
  linearLow: number;
  errorCode: number;
}

/** Without paging there is no walk. */
const WALKS: Readonly<Record<PagingMode, typeof walk>> = {
  none: walk,
  'two-level': walkTwoLevels,
  pae: walkPae,
  'four-level': walk,
};

/**
 * The memory management unit: translates linear addresses by the page tables in guest memory, sets their A and D bits,
 * and keeps the TLB invisible to programs (architecture.md, "Translation"):
 *
 * - Every table that something was derived from is watched (WATCH_TABLE): stores to it miss the TLB. After any store to
 *   a watched frame, by the guest or by TypeScript, `derived.stored` is called and everything derived from the entry is
 *   dropped. INVLPG therefore has no effect.
 * - A TLB entry for writes exists only while D is set in the page tables and the frame is not watched.
 * - The TLB of a bare machine has a set of entries for each context: CR3, whether CPL is 3, and RFLAGS.AC where SMAP depends on it
 *   (`PagingRegisters.context`). That of BD0 holds translations for one privilege level: it is flushed when CPL or AC changes.
 *   Other bits of control registers that decide how addresses are translated change rarely, and flush it. Implicit
 *   supervisor-mode accesses do not enter it where their rights differ from those of others.
 * - Pages with data stops have no entries of the kinds that could hit them (DataStops), but partial ones (PartialEntries).
 * - Under a write fence, entries for writes lead only to pages that the fence owns entirely; all other stores take the
 *   slow path. Translation itself does not check the fence; code that stores must do so (LinearMemory).
 *
 * Control registers are read here and set through the methods. A linear address consists of two 32-bit halves (signed
 * or unsigned) and must be canonical: the CPU checks `isCanonicalHigh` and raises #GP or #SS before it translates.
 */
export class Mmu {
  /** The page fault of the last translation that returned -1. */
  readonly fault: PageFault = { linearHigh: 0, linearLow: 0, errorCode: 0 };
  /** After `translateCrossing`: the physical address where the access continues, the start of a page. */
  secondPhysical = 0;
  readonly context = new TranslationContext();
  readonly dataStops: DataStops = this.context.dataStops;
  readonly derived: DerivedEntries;
  private pagingMode: PagingMode = 'four-level';
  private walk = walk;
  private readonly registers = new PagingRegisters();
  readonly memory: GuestMemory;
  private readonly tlb: Tlb;
  private readonly found = new Walk();
  private readonly foundSecond = new Walk();
  private readonly probed = new Walk();

  constructor(memory: GuestMemory) {
    this.memory = memory;
    this.tlb = new Tlb(memory);
    this.derived = new DerivedEntries(memory, this.tlb, this.context, this);
  }

  get cr0(): number {
    return this.registers.cr0;
  }

  get cr3(): number {
    return this.registers.cr3;
  }

  get cr4(): number {
    return this.registers.cr4;
  }

  get efer(): number {
    return this.registers.efer;
  }

  get rflagsAC(): boolean {
    return this.registers.rflagsAC;
  }

  get cpl(): number {
    return this.registers.cpl;
  }

  /** The control registers and the privilege level, to be kept. */
  get controls(): Controls {
    const { cr0, cr3, cr4, efer, cpl } = this.registers;
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
    if (this.registers.setCr0(value)) this.flush();
  }

  /** Throws RangeError if `value` is not a valid physical address, for which MOV to CR3 raises #GP first. */
  setCr3(value: number): void {
    const before = this.cr3;
    if (!this.registers.setCr3(value)) return;
    const sharesUpperHalf = this.derived.rootChanged(before, value);
    this.useContext(sharesUpperHalf);
  }

  /**
   * Loads CR3 with the root of tables that differ from those in use only in the windows of the aliases of both: entries of
   * the upper levels that the roots do not share have A set.
   */
  switchRoot(root: number, aliases: readonly Alias[]): void {
    if (root === this.cr3) return;
    this.registers.cr3 = root;
    this.derived.switchTo(aliases);
  }

  /** Whether something else than what lies at an address is seen there. */
  isHidden(linearHigh: number, linearLow: number): boolean {
    return this.context.aliases.length > 0 && this.context.isHidden(addressOf(linearHigh, linearLow));
  }

  setCr4(value: number): void {
    if (this.registers.setCr4(value)) this.flush();
  }

  setEfer(value: number): void {
    if (this.registers.setEfer(value)) this.flush();
  }

  /** The paging mode: 4-level, unless a bare machine sets another. Without paging, linear addresses are physical ones. */
  setPaging(mode: PagingMode): void {
    if (this.pagingMode === mode) return;
    this.pagingMode = mode;
    this.walk = WALKS[mode];
    this.derived.isFourLevel = mode === 'four-level';
    this.flush();
  }

  /** Uses other PDPTE registers, which matter to PAE paging only. */
  setDirectoryPointers(pointers: Readonly<BigUint64Array>): void {
    this.registers.directoryPointers = pointers;
    if (this.pagingMode === 'pae') this.flush();
  }

  setRflagsAC(value: boolean): void {
    if (this.registers.setRflagsAC(value)) this.privilegeChanged();
  }

  /** Whether the write fence owns a whole page, so that stores to it need not be reported. */
  ownsPage(linearHigh: number, linearLow: number): boolean {
    return this.context.ownsPage(linearHigh, linearLow);
  }

  /** Where what is seen at an address lies: its low 48 bits. */
  homeOf(linearHigh: number, linearLow: number): number {
    return this.context.homeAt(linearHigh, linearLow);
  }

  /** Whether the page of an address has a data stop that an access (a combination of ACCESS_ bits) could hit. */
  hasDataStop(linearHigh: number, linearLow: number, access: number): boolean {
    return this.context.hasDataStop(linearHigh, linearLow, access);
  }

  setCpl(value: number): void {
    if (this.registers.setCpl(value)) this.privilegeChanged();
  }

  private privilegeChanged(): void {
    if (this.derived.keepsCode) this.useContext();
    else this.derived.dropTlb('control registers');
  }

  /** On a bare machine, the TLB has entries for each root and privilege. */
  private useContext(sharesUpperHalf = false): void {
    if (this.derived.keepsCode) this.derived.useContext(this.registers.context, sharesUpperHalf);
  }

  /**
   * Translates an access (ACCESS_READ, ACCESS_WRITE or ACCESS_FETCH, with ACCESS_IMPLICIT where the CPU itself accesses
   * a descriptor table or TSS) within one page. Returns the physical address, or -1 for a page fault, which is
   * described by `fault`. A walk that completes sets A in every entry, and D for a write; one that faults sets nothing.
   */
  translate(linearHigh: number, linearLow: number, wanted: number): number {
    const access = this.explicit(wanted);
    const cached = this.cached(linearHigh, linearLow, access);
    if (cached !== -1) return cached;
    if (this.pagingMode === 'none') return linearLow >>> 0;
    const found = this.found;
    if (!this.walkTables(linearHigh, linearLow, access, found)) return this.raise(linearHigh, linearLow, found);
    this.setAccessed(found);
    if (access & ACCESS_WRITE) this.setDirty(found);
    this.derived.keep(linearHigh, linearLow, access, found);
    return found.physical;
  }

  /**
   * As `translate`, for an access that begins in the page of this address and ends in the next. Returns the physical
   * address of its first byte, and sets `secondPhysical` to the address of the part in the second page. The lower page
   * is translated first: its fault is the one raised, and its A bits stay set when the second page faults. D is set in
   * neither page unless both translate.
   */
  translateCrossing(linearHigh: number, linearLow: number, wanted: number): number {
    const access = this.explicit(wanted);
    const secondLow = ((linearLow | (PAGE_SIZE - 1)) + 1) | 0;
    const secondHigh = secondLow === 0 ? (linearHigh + 1) | 0 : linearHigh;
    const cached = this.cached(linearHigh, linearLow, access);
    if (cached !== -1) {
      this.secondPhysical = this.cached(secondHigh, secondLow, access);
      if (this.secondPhysical !== -1) return cached;
    }
    if (this.pagingMode === 'none') {
      this.secondPhysical = secondLow >>> 0;
      return linearLow >>> 0;
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
    this.derived.keep(linearHigh, linearLow, access, found);
    this.derived.keep(secondHigh, secondLow, access, foundSecond);
    this.secondPhysical = foundSecond.physical;
    return found.physical;
  }

  /**
   * Returns what `translate` would, at the current privilege level, without setting A or D, filling the TLB or changing
   * `fault`.
   */
  probe(linearHigh: number, linearLow: number, access: number): number {
    if (this.pagingMode === 'none') return linearLow >>> 0;
    return this.walkTables(linearHigh, linearLow, access, this.probed) ? this.probed.physical : -1;
  }

  /**
   * The physical address of a byte that is mapped, whatever its access rights; -1 if none is. The address must be canonical.
   * Changes nothing.
   */
  locate(linearHigh: number, linearLow: number): number {
    if (this.pagingMode === 'none') return linearLow >>> 0;
    const { cr4 } = this.registers;
    this.registers.cr4 = cr4 & ~CR4_SMAP;
    const isMapped = this.walkTables(linearHigh, linearLow, ACCESS_IMPLICIT, this.probed);
    this.registers.cr4 = cr4;
    return isMapped ? this.probed.physical : -1;
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
    if (this.pagingMode === 'none') return false;
    if (!this.walkTables(linearHigh, linearLow, access, this.probed)) return false;
    return !this.probed.accessed || ((access & ACCESS_WRITE) !== 0 && !this.probed.dirty);
  }

  /** The physical address of a fetch that would have no effects, since the page was fetched from before; else -1. */
  fetched(linearHigh: number, linearLow: number): number {
    return this.tlb.lookup(TLB_FETCH, linearHigh, linearLow);
  }

  /** Drops everything derived from page tables. */
  flush(): void {
    this.derived.flush();
    // SMAP may have been turned on or off.
    this.useContext();
  }

  /** Makes stores to a frame miss the TLB: see DerivedEntries. */
  watch(frame: number, reason: number): void {
    this.derived.watch(frame, reason);
  }

  /** Removes a reason to watch a frame. */
  unwatch(frame: number, reason: number): void {
    this.derived.unwatch(frame, reason);
  }

  /** An implicit access counts as any other where rights do not differ: in supervisor mode without SMAP. */
  private explicit(access: number): number {
    return this.cpl < 3 && (this.cr4 & CR4_SMAP) === 0 ? access & ~ACCESS_IMPLICIT : access;
  }

  private cached(linearHigh: number, linearLow: number, access: number): number {
    return access & ACCESS_IMPLICIT ? -1 : this.tlb.lookup(tableOf(access), linearHigh, linearLow);
  }

  private walkTables(linearHigh: number, linearLow: number, access: number, found: Walk): boolean {
    if (!isCanonicalHigh(linearHigh))
      throw new RangeError(`linear address ${hex(linearOf(linearHigh, linearLow), 16)} is not canonical`);
    const user = this.cpl === 3 && !(access & ACCESS_IMPLICIT) ? ACCESS_USER : 0;
    return this.walk(this.memory, this.registers, access | user, linearHigh, linearLow, found);
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
    for (let level = found.rootLevel; level >= found.leafLevel; level--)
      this.setEntryBit(found.entryAddresses[level]!, ACCESSED);
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
    this.derived.entryBitSet(entryAddress);
  }
}

function linearOf(high: number, low: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}
