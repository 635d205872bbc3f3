import { PAGE_SIZE } from '../../bits.js';
import type { LinearMemory } from '../../cpu/access/linear-memory.js';
import { ACCESSED, DIRTY, PRESENT, WRITABLE } from '../../mmu/entry.js';
import { OutOfFramesError } from '../../vmo/errors.js';
import type { FramePool } from '../../vmo/frames/frame-pool.js';
import { VmoHandle, type VmoPage } from '../../vmo/handle.js';
import { finished, type Steps } from '../../vmo/steps.js';
import { HOST_BYTES, HostMemory } from '../host-memory.js';
import { WorkMeter } from '../work-meter.js';
import type { AddressSpace } from './address-space.js';
import type { PageContent } from './pages/changed-pages.js';
import { ClockRing } from './pages/clock-ring.js';
import type { LinearAddress } from './linear-address.js';
import {
  PROTECTION_EXECUTE,
  PROTECTION_WRITE,
  allows,
  backingPage,
  homePage,
  reachableEnd,
  type Mapping,
  type MemoryAccess,
} from './mapping.js';
import { PageTable } from './page-table.js';
import { PinnedPages } from './pages/pinned-pages.js';
import { PrivateFrames } from './pages/private-frames.js';
import type { Region } from './region.js';
import { WriteBackQuota, type WriteBackCounters } from './write-back.js';
import { kept, outside, schema, value } from '../../state/schema.js';

/** What became of a fault; where it was not resolved, nothing has changed. */
export type FaultOutcome = 'resolved' | 'not mapped' | 'not allowed' | 'beyond end';

/** CLOCK visits before eviction: one clears A; a private page gets one extra chance. */
const VISITS_CLEAN = 2;
const VISITS_PRIVATE = 3;

/** Pages that are evicted in a step, some milliseconds, and the effort of each. */
const PAGES_IN_STEP = 8192;
const PAGE_EFFORT = 0.2;
/** The effort of a CLOCK visit. */
const VISIT_EFFORT = 0.05;
/**
 * Tracked mappings to clean frames, per frame of the machine. A frame may be mapped at any number of pages, and each mapping
 * takes host memory: beyond this number, each new one replaces an old one.
 */
const CLEAN_PAGES_PER_FRAME = 2;

/**
 * Brings pages into frames on access, and reclaims frames when none is free.
 *
 *     first access   page of a VMO                      page of zeros
 *     read           the clean frame of its content     the one frame of zeros
 *     write          a private frame of its content     a private frame of zeros
 *
 * Clean frames are mapped read-only; the first write to one is a copy-on-write fault. Frames are given back by CLOCK over
 * the accessed bits: clean ones are dropped, since they can be made again; private ones are written back, which makes
 * them clean, as far as a quota allows; since that costs more, they stay for a turn longer. What was written back is what
 * the page is filled with from then on, until it is written again.
 *
 * Methods that need a frame throw OutOfFramesError where every other one must stay; the page is then mapped as it was.
 */
export class Pager {
  static readonly state = schema(
    'pager',
    Pager,
    {
      pageTable: value,
      clean: value,
      privates: value,
      pace: value,
      pinned: value,
      tablesFreed: kept('only compared with what it was'),
      quota: value,
      pool: outside('described by the machine'),
      space: outside('described by the kernel'),
      hostMemory: outside('described by the kernel'),
      work: outside('of the host'),
    },
    { isPart: true, restored: (pager) => pager.enterPrivatePages() },
  );

  readonly pageTable: PageTable;
  /** Pages mapped to a clean frame that can be made again; those of zeros are not worth it, since they share one frame. */
  private readonly clean = new ClockRing();
  private readonly privates: PrivateFrames;
  /** Says which hand moves next, so that both go round in the same time: see `isTurnOfClean`. */
  private pace = 0;
  private readonly pinned = new PinnedPages();
  /** Tables of the page table that were given back. */
  private tablesFreed = 0;
  private readonly quota: WriteBackQuota;

  /** At most `writeBackBytes` are kept for pages that are written back; 0: none is. */
  constructor(
    linearMemory: LinearMemory,
    private readonly pool: FramePool,
    private readonly space: AddressSpace,
    writeBackBytes = 0,
    private readonly hostMemory = new HostMemory(),
    private readonly work = new WorkMeter(),
    ticks: () => number = () => 0,
  ) {
    this.privates = new PrivateFrames(pool.endFrame, ticks);
    this.quota = new WriteBackQuota(writeBackBytes, hostMemory);
    this.pageTable = new PageTable(linearMemory, {
      allocateTable: () => this.withRoom(() => pool.allocateTable()),
      freeTable: (frame) => {
        this.tablesFreed++;
        pool.release(frame);
      },
    });
  }

  /** A tick before which nothing was stored to a page, in any past; Infinity if nothing was ever stored to it. */
  storableSince(address: LinearAddress): number {
    return this.privates.everPrivate.since(address);
  }

  get writeBacks(): WriteBackCounters {
    return this.quota.counters;
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
    if (address >= reachableEnd(mapping)) return 'beyond end';
    this.bringIn(region, mapping, address, access === 'write');
    return 'resolved';
  }

  /** As `resolve` for a write, whatever the mapping allows: for debuggers. */
  resolveForced(address: LinearAddress): FaultOutcome {
    const region = this.space.regionAt(address);
    const mapping = region?.mappingAt(address);
    if (!region || !mapping) return 'not mapped';
    if (address >= reachableEnd(mapping)) return 'beyond end';
    this.bringIn(region, mapping, address, true);
    return 'resolved';
  }

  /** Says that the instruction or kernel-call for which pages were brought in is over. */
  releasePins(): void {
    this.pinned.clear();
  }

  /**
   * Unmaps a range, whole pages, and gives back their frames and what was written back of them: they are again what their
   * mappings would fill them with.
   */
  discard(region: Region, start: LinearAddress, end: LinearAddress): void {
    finished(this.discardInSteps(region, start, end));
  }

  /** As `discard`, in steps of so many pages, between which nothing may change in the machine. */
  *discardInSteps(region: Region, start: LinearAddress, end: LinearAddress): Steps<void> {
    while (!this.unmapRange(region, start, end)) yield;
    for (;;) {
      const changed = region.changed.within(start, end, PAGES_IN_STEP);
      for (const { page, content } of changed) {
        region.changed.delete(page);
        if (content) this.giveBack(content);
      }
      this.work.add(changed.length * PAGE_EFFORT);
      if (changed.length < PAGES_IN_STEP) return;
      yield;
    }
  }

  /**
   * Takes the pages of a range that are not what their mappings would fill them with, ascending, each with its bytes: the
   * handles are the caller's, who maps the range to a VMO that holds them before anything else happens. Their frames are
   * clean now, and mapped read-only.
   */
  takeChanges(region: Region, start: LinearAddress, end: LinearAddress): PageContent[] {
    return region.changed.within(start, end).map(({ page, content }) => {
      region.changed.delete(page);
      if (!content) return { page, content: this.share(region, page) };
      this.quota.giveBack(content.page(0).leaf);
      return { page, content };
    });
  }

  /** The protection of a range has changed: its pages stay in their frames. */
  protect(region: Region, start: LinearAddress, end: LinearAddress): void {
    this.pageTable.forEach(start, end, (page, frame) => {
      this.work.add(PAGE_EFFORT);
      this.map(region.mappingAt(page)!, page, frame);
    });
  }

  /**
   * Moves the pages of a range to another one of the same region that is mapped as it is, and holds none. Throws
   * OutOfFramesError with some of them moved.
   */
  move(region: Region, start: LinearAddress, end: LinearAddress, to: LinearAddress): void {
    for (const { page } of region.changed.within(start, end)) {
      const target = page - start + to;
      this.work.add(PAGE_EFFORT);
      const content = region.changed.contentOf(page);
      const frame = this.pageTable.entry(page) >>> 12;
      if (content) {
        region.changed.setPrivate(target);
        region.changed.setWrittenBack(target, content);
      } else if (frame !== 0 && this.pool.isPrivate(frame)) this.moveFrame(region, page, frame, target);
      region.changed.delete(page);
    }
  }

  private moveFrame(region: Region, page: LinearAddress, frame: number, target: LinearAddress): void {
    // Tables for the target may take the frames of pages that are not needed.
    this.pinned.add(page);
    try {
      this.map(region.mappingAt(target)!, target, frame);
    } finally {
      this.releasePins();
    }
    this.unmap(page);
    region.residentPages++;
    region.changed.setPrivate(target);
    this.privates.movePage(frame, page, target);
  }

  /** Tells regions which of their pages are in private frames. */
  private enterPrivatePages(): void {
    this.privates.forEachPage((page) => {
      const region = this.space.regionAt(page)!;
      if (homePage(region.mappingAt(page)!, page) === page) region.changed.setPrivate(page);
    });
  }

  /** Unmaps the first pages of a range. Returns false where there may be more. */
  private unmapRange(region: Region, start: LinearAddress, end: LinearAddress): boolean {
    const unmap = (page: LinearAddress, frame: number): void => {
      this.work.add(PAGE_EFFORT);
      region.residentPages--;
      if (this.pool.isPrivate(frame)) this.leavePrivate(page, frame);
      else {
        region.sharedPages--;
        this.clean.delete(page);
      }
      this.pool.release(frame);
    };
    return this.pageTable.unmapRange(start, end, unmap, PAGES_IN_STEP);
  }

  private bringIn(region: Region, mapping: Mapping, address: LinearAddress, write: boolean): void {
    const page = address - (address % PAGE_SIZE);
    this.pinned.add(page);
    if (mapping.shared) return this.bringInShared(region, mapping, page);
    const entry = this.pageTable.entry(page);
    if (!(entry & PRESENT)) this.materialise(region, mapping, page, write);
    else if (write && !(entry & WRITABLE)) this.copyOnWrite(region, mapping, page, entry >>> 12);
  }

  /** Maps a page of shared memory to the private frame of the page of its home, which gets one where it has none. */
  private bringInShared(region: Region, mapping: Mapping, page: LinearAddress): void {
    const home = mapping.shared!.memory.region!;
    const at = homePage(mapping, page);
    this.pinned.add(at);
    if (!(this.pageTable.entry(at) & PRESENT)) this.materialise(home, home.mappingAt(at)!, at, true);
    if (at === page || this.pageTable.entry(page) & PRESENT) return;
    if (!this.hostMemory.hasRoom(HOST_BYTES.sharedPage)) throw new OutOfFramesError('no host memory for a shared page');
    this.addUser(mapping, page, this.pageTable.entry(at) >>> 12);
    region.residentPages++;
  }

  /** Unmaps pages of the home of shared memory, wherever they are shown: they are again what their mappings fill them with. */
  forgetShared(home: Region, start: LinearAddress, end: LinearAddress): void {
    for (const { page } of home.changed.within(start, end)) {
      const frame = this.pageTable.entry(page) >>> 12;
      if (frame === 0) continue;
      for (const shown of this.privates.pagesOf(frame).filter((each) => each !== page)) {
        this.unmap(shown);
        this.leavePrivate(shown, frame);
        this.pool.release(frame);
      }
    }
    this.discard(home, start, end);
  }

  /** Maps a page to a private frame that others have as well. */
  private addUser(mapping: Mapping, page: LinearAddress, frame: number): void {
    this.pool.share(frame);
    try {
      this.map(mapping, page, frame);
    } catch (error) {
      this.pool.release(frame);
      throw error;
    }
    this.privates.share(frame, page);
    this.hostMemory.charge('sharedPage');
  }

  private materialise(region: Region, mapping: Mapping, page: LinearAddress, write: boolean): void {
    const content = nonZero(region.contentOf(mapping, page));
    const frame = write ? this.takePrivate(content) : this.takeClean(content);
    try {
      this.map(mapping, page, frame);
    } catch (error) {
      this.pool.release(frame);
      throw error;
    }
    region.residentPages++;
    if (write) this.becamePrivate(region, page, frame);
    else {
      region.sharedPages++;
      if (content) this.addClean(page);
    }
  }

  /** Keeps a page in mind that is mapped to a clean frame, in the place of another one where there are too many. */
  private addClean(page: LinearAddress): void {
    for (let visits = VISITS_CLEAN * this.clean.size; visits > 0 && this.clean.size >= this.cleanMax; visits--)
      this.visitClean();
    this.clean.add(page);
  }

  private get cleanMax(): number {
    return CLEAN_PAGES_PER_FRAME * this.pool.endFrame;
  }

  /** A clean frame of some content, or of zeros. */
  private takeClean(content: VmoPage | undefined): number {
    return this.withRoom(() => (content ? this.pool.acquireClean(content) : this.pool.acquireZero()));
  }

  private takePrivate(content: VmoPage | undefined): number {
    const fresh = content ? undefined : this.withRoom(() => this.pool.acquirePrivateZero());
    if (fresh !== undefined) return fresh;
    const clean = this.takeClean(content);
    try {
      return this.withRoom(() => this.pool.makePrivate(clean));
    } catch (error) {
      this.pool.release(clean);
      throw error;
    }
  }

  private copyOnWrite(region: Region, mapping: Mapping, page: LinearAddress, frame: number): void {
    if (this.pool.isPrivate(frame)) return this.copyShared(mapping, page, frame);
    const own = this.withRoom(() => this.pool.makePrivate(frame));
    this.map(mapping, page, own);
    this.clean.delete(page);
    region.sharedPages--;
    this.becamePrivate(region, page, own);
  }

  /** Makes a page writable whose private frame others may share. */
  private copyShared(mapping: Mapping, page: LinearAddress, frame: number): void {
    const own = this.withRoom(() => this.pool.ownPrivate(frame));
    this.map(mapping, page, own);
    if (own === frame) return;
    this.leavePrivate(page, frame);
    this.privates.add(own, page);
  }

  /**
   * Shares the bytes of a changed page, `content` if it was written back, with a page of another region, which is not mapped and
   * unchanged, and whose mapping fills it with the same.
   */
  shareChanged(page: LinearAddress, content: VmoHandle | undefined, to: Region, copy: LinearAddress): void {
    this.work.add(PAGE_EFFORT);
    const frame = this.pageTable.entry(page) >>> 12;
    if (content) {
      to.changed.setPrivate(copy);
      to.changed.setWrittenBack(copy, again(content));
      this.quota.take(content.page(0).leaf);
    } else if (frame !== 0 && this.pool.isPrivate(frame)) this.shareFrame(page, frame, to, copy);
  }

  private shareFrame(page: LinearAddress, frame: number, to: Region, copy: LinearAddress): void {
    this.pinned.add(page);
    try {
      this.addUser(to.mappingAt(copy)!, copy, frame);
    } finally {
      this.releasePins();
    }
    this.pageTable.clearBits(page, WRITABLE | DIRTY);
    to.residentPages++;
    to.changed.setPrivate(copy);
  }

  /** A page is not mapped to a private frame any more. */
  private leavePrivate(page: LinearAddress, frame: number): void {
    if (this.privates.deletePage(frame, page) > 0) this.hostMemory.release('sharedPage');
  }

  private becamePrivate(region: Region, page: LinearAddress, frame: number): void {
    this.privates.add(frame, page);
    const before = region.changed.setPrivate(page);
    if (before) this.giveBack(before);
  }

  private map({ protection, shared }: Mapping, page: LinearAddress, frame: number): void {
    const isOwn = this.pool.isPrivate(frame) && (shared !== undefined || this.pool.usersOf(frame) === 1);
    const writable = isOwn && (protection & PROTECTION_WRITE) !== 0;
    this.pageTable.map(page, frame, writable, (protection & PROTECTION_EXECUTE) !== 0, protection === 0);
  }

  /** Makes the private frame of a page clean, or unmaps the page where others share the frame. Answers its bytes. */
  private share(region: Region, page: LinearAddress): VmoHandle {
    const frame = this.pageTable.entry(page) >>> 12;
    const content = this.pool.snapshot(frame);
    if (this.pool.usersOf(frame) > 1) {
      this.unmap(page);
      this.leavePrivate(page, frame);
      this.pool.release(frame);
      return content;
    }
    const clean = this.pool.commit(frame, content.page(0).leaf);
    if (clean === frame) this.pageTable.clearBits(page, WRITABLE | DIRTY);
    else this.map(region.mappingAt(page)!, page, clean);
    region.sharedPages++;
    this.privates.delete(frame);
    if (!content.page(0).isZero) this.addClean(page);
    return content;
  }

  /** Takes a frame, after making room for it if need be. */
  private withRoom<T>(take: () => T): T {
    for (;;) {
      try {
        return take();
      } catch (error) {
        if (!(error instanceof OutOfFramesError) || !this.makeRoom()) throw error;
      }
    }
  }

  /** Gives up pages until a frame has no user any more. False: no page can be given up. */
  private makeRoom(): boolean {
    let cleanVisits = VISITS_CLEAN * this.clean.size;
    let privateVisits = this.quota.hasRoom ? VISITS_PRIVATE * this.privates.size : 0;
    while (cleanVisits + privateVisits > 0)
      if (cleanVisits > 0 && (privateVisits === 0 || this.isTurnOfClean())) {
        cleanVisits--;
        if (this.visitClean()) return true;
      } else {
        privateVisits--;
        if (this.visitPrivate()) return true;
      }
    return false;
  }

  /** Divides the visits among the rings by their sizes. */
  private isTurnOfClean(): boolean {
    const pages = this.clean.size + this.privates.size;
    this.pace += this.clean.size;
    if (this.pace < pages) return false;
    this.pace %= pages;
    return true;
  }

  /** Looks at the next clean page. True: a frame is free now. */
  private visitClean(): boolean {
    this.work.add(VISIT_EFFORT);
    const page = this.clean.advance();
    return page !== undefined && !this.pinned.has(page) && !this.takeAccessed(page) && this.drop(page);
  }

  /** Looks at the next private page. True: a frame is free now. */
  private visitPrivate(): boolean {
    this.work.add(VISIT_EFFORT);
    const frame = this.privates.advance();
    if (frame === undefined) return false;
    const pages = this.privates.pagesOf(frame);
    if (pages.some((page) => this.pinned.has(page)) || !this.quota.hasRoomFor(pages.length)) return false;
    const isAccessed = pages.filter((page) => this.takeAccessed(page)).length > 0;
    if (!this.privates.visit(frame, isAccessed)) return false;
    this.writeBack(frame, pages);
    return true;
  }

  /** Clears the A bit of a page that is mapped. Answers whether it was set. */
  private takeAccessed(page: LinearAddress): boolean {
    if (!(this.pageTable.entry(page) & ACCESSED)) return false;
    this.pageTable.clearBits(page, ACCESSED);
    return true;
  }

  /** Unmaps a page from its clean frame. True: a frame is free now, since this one has no other user, or a table is empty. */
  private drop(page: LinearAddress): boolean {
    const { tablesFreed } = this;
    const frame = this.unmap(page);
    this.clean.delete(page);
    this.space.regionAt(page)!.sharedPages--;
    this.pool.release(frame);
    return this.pool.usersOf(frame) === 0 || this.tablesFreed > tablesFreed;
  }

  /** Unmaps the pages of a private frame, whose bytes the store has from now on. */
  private writeBack(frame: number, pages: readonly LinearAddress[]): void {
    for (const page of pages) this.unmap(page);
    this.privates.delete(frame);
    this.hostMemory.release('sharedPage', pages.length - 1);
    const content = this.pool.snapshot(frame);
    const clean = this.pool.commit(frame, content.page(0).leaf);
    this.quota.wroteBack();
    for (const page of pages) {
      this.pool.release(clean);
      this.setWrittenBack(page, again(content));
    }
    content.close();
  }

  private setWrittenBack(page: LinearAddress, content: VmoHandle): void {
    const region = this.space.regionAt(page)!;
    const mapping = region.mappingAt(page)!;
    if (homePage(mapping, page) !== page) content.close();
    else if (isSame(content, mapping, page)) {
      region.changed.delete(page);
      content.close();
    } else {
      region.changed.setWrittenBack(page, content);
      this.quota.take(content.page(0).leaf);
    }
  }

  /** Makes a page not present. Answers the frame that it was mapped to. */
  private unmap(page: LinearAddress): number {
    const frame = this.pageTable.entry(page) >>> 12;
    this.pageTable.unmap(page);
    this.space.regionAt(page)!.residentPages--;
    return frame;
  }

  private giveBack(content: VmoHandle): void {
    this.quota.giveBack(content.page(0).leaf);
    content.close();
  }
}

/** A page that is not all zeros. */
function nonZero(page: VmoPage | undefined): VmoPage | undefined {
  return page?.isZero ? undefined : page;
}

/** Another handle on the same VMO. */
function again({ content }: VmoHandle): VmoHandle {
  return new VmoHandle(content);
}

/** True where a page holds what its mapping would fill it with. */
function isSame(content: VmoHandle, mapping: Mapping, page: LinearAddress): boolean {
  const mapped = backingPage(mapping, page);
  const written = content.page(0);
  return mapped === undefined || mapped.isZero ? written.isZero : mapped.leaf === written.leaf;
}
