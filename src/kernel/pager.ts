import { PAGE_SIZE } from '../bits.js';
import type { LinearMemory } from '../cpu/linear-memory.js';
import { ACCESSED, PRESENT, WRITABLE } from '../mmu/entry.js';
import { OutOfFramesError } from '../vmo/errors.js';
import type { StateWriter } from '../state-writer.js';
import type { FramePool } from '../vmo/frame-pool.js';
import type { AddressSpace } from './address-space.js';
import type { LinearAddress } from './linear-address.js';
import { PROTECTION_EXECUTE, PROTECTION_WRITE, allows, type Mapping, type MemoryAccess } from './mapping.js';
import { PageTable } from './page-table.js';
import type { Region } from './region.js';

/** What became of a fault; where it was not resolved, nothing has changed. */
export type FaultOutcome = 'resolved' | 'not mapped' | 'not allowed';

/**
 * Brings pages into frames when they are touched, and takes frames back when there are no more.
 *
 *     first access   page of a VMO                      page of zeros
 *     read           the clean frame of its content     the one frame of zeros
 *     write          a private frame of its content     a private frame of zeros
 *
 * Clean frames are mapped read-only; the first write to one is a copy-on-write fault. Frames are given back by CLOCK over
 * the accessed bits of the pages that are mapped to clean frames: those can be made again.
 *
 * Methods that need a frame throw OutOfFramesError where every other one holds what cannot be made again; the page is then
 * mapped as it was.
 */
export class Pager {
  readonly pageTable: PageTable;
  /** Pages mapped to a clean frame that a VMO can make again: the ring that the hand of CLOCK goes round. */
  private readonly evictable = new Set<LinearAddress>();
  private hand = this.evictable.values();
  private readonly pinned = new Set<LinearAddress>();

  constructor(
    linearMemory: LinearMemory,
    private readonly pool: FramePool,
    private readonly space: AddressSpace,
  ) {
    this.pageTable = new PageTable(linearMemory, {
      allocateTable: () => this.withRoom(() => pool.allocateTable()),
      freeTable: (frame) => pool.release(frame),
    });
  }

  /**
   * Maps the page of an address so that the access succeeds, if it is allowed. The page stays until `releasePins`: an
   * instruction that needs several pages gets them one fault after another.
   */
  resolve(address: LinearAddress, access: MemoryAccess): FaultOutcome {
    const region = this.space.regionAt(address);
    const mapping = region?.mappingAt(address);
    if (!region || !mapping) return 'not mapped';
    if (!allows(mapping.protection, access)) return 'not allowed';
    this.bringIn(region, mapping, address, access === 'write');
    return 'resolved';
  }

  /** As `resolve` for a write, whatever the mapping allows: for debuggers. */
  resolveForced(address: LinearAddress): FaultOutcome {
    const region = this.space.regionAt(address);
    const mapping = region?.mappingAt(address);
    if (!region || !mapping) return 'not mapped';
    this.bringIn(region, mapping, address, true);
    return 'resolved';
  }

  /** Says that the instruction or kernel-call for which pages were brought in is over. */
  releasePins(): void {
    if (this.pinned.size > 0) this.pinned.clear();
  }

  /** Unmaps all pages of a region and gives back their frames. */
  release(region: Region): void {
    this.pageTable.unmapRange(region.start, region.end, (page, frame) => {
      this.evictable.delete(page);
      this.pool.release(frame);
    });
    region.residentPages = 0;
    region.sharedPages = 0;
  }

  /**
   * Which pages can be given up, in the order of CLOCK's ring, and which are held. Where the hand stands is not told: it
   * shows as soon as it moves, in A bits and in who is given up.
   */
  writeState(out: StateWriter): void {
    out.numbers(this.evictable).numbers(this.pinned);
  }

  private bringIn(region: Region, mapping: Mapping, address: LinearAddress, write: boolean): void {
    const page = address - (address % PAGE_SIZE);
    this.pinned.add(page);
    const entry = this.pageTable.entry(page);
    if (!(entry & PRESENT)) this.materialise(region, mapping, page, write);
    else if (write && !(entry & WRITABLE)) this.copyOnWrite(region, mapping, page, entry >>> 12);
  }

  private materialise(region: Region, mapping: Mapping, page: LinearAddress, write: boolean): void {
    let frame = this.withRoom(() => this.cleanFrame(mapping, page));
    try {
      const clean = frame;
      if (write) frame = this.withRoom(() => this.pool.makePrivate(clean));
      this.map(mapping, page, frame);
    } catch (error) {
      this.pool.release(frame);
      throw error;
    }
    region.residentPages++;
    if (write) return;
    region.sharedPages++;
    if (mapping.backing) this.evictable.add(page);
  }

  private copyOnWrite(region: Region, mapping: Mapping, page: LinearAddress, frame: number): void {
    const isPrivate = this.pool.codeIdentity(frame) === undefined;
    const own = isPrivate ? frame : this.withRoom(() => this.pool.makePrivate(frame));
    if (!isPrivate) {
      this.evictable.delete(page);
      region.sharedPages--;
    }
    this.map(mapping, page, own);
  }

  private map({ protection }: Mapping, page: LinearAddress, frame: number): void {
    const isPrivate = this.pool.codeIdentity(frame) === undefined;
    const writable = isPrivate && (protection & PROTECTION_WRITE) !== 0;
    this.pageTable.map(page, frame, writable, (protection & PROTECTION_EXECUTE) !== 0);
  }

  private cleanFrame({ start, backing }: Mapping, page: LinearAddress): number {
    if (!backing) return this.pool.acquireZero();
    return this.pool.acquireClean(backing.vmo.page((page - start + backing.offset) / PAGE_SIZE));
  }

  /** Takes a frame, after making room for it if need be. */
  private withRoom(take: () => number): number {
    for (;;) {
      try {
        return take();
      } catch (error) {
        if (!(error instanceof OutOfFramesError) || !this.evict()) throw error;
      }
    }
  }

  /**
   * Unmaps pages until a frame has no user any more. A page that was accessed since the hand came by gets a second
   * chance. False: there is no such page.
   */
  private evict(): boolean {
    for (let steps = 2 * this.evictable.size + 1; steps > 0; steps--) {
      const next = this.hand.next();
      if (next.done) this.hand = this.evictable.values();
      else if (!this.pinned.has(next.value) && this.giveUp(next.value)) return true;
    }
    return false;
  }

  private giveUp(page: LinearAddress): boolean {
    const entry = this.pageTable.entry(page);
    if (entry & ACCESSED) {
      this.pageTable.clearBits(page, ACCESSED);
      return false;
    }
    const region = this.space.regionAt(page)!;
    const frame = entry >>> 12;
    this.pageTable.unmap(page);
    this.evictable.delete(page);
    region.residentPages--;
    region.sharedPages--;
    this.pool.release(frame);
    return this.pool.usersOf(frame) === 0;
  }
}
