/** The kernel's memory management without the rest of it, and what must hold of it after every step. */
import { Cpu } from '../../src/cpu/cpu.js';
import { AddressSpace } from '../../src/kernel/address-space.js';
import { commitRange } from '../../src/kernel/commit.js';
import { enterUserMode } from '../../src/kernel/cpu-setup.js';
import { Pager } from '../../src/kernel/pager.js';
import type { Region } from '../../src/kernel/region.js';
import { UserMemory } from '../../src/kernel/user-memory.js';
import { GuestMemory } from '../../src/memory.js';
import { PRESENT, WRITABLE } from '../../src/mmu/entry.js';
import { ZERO_LEAF } from '../../src/vmo/canonical-form.js';
import { FramePool } from '../../src/vmo/frame-pool.js';
import type { VmoHandle } from '../../src/vmo/handle.js';
import { VmoStore } from '../../src/vmo/store.js';
import { flatLeaf, nativeHash } from '../vmo/model.js';

const PAGE = 4096;
const READ = 1;
const WRITE = 2;

/** The entry of the root that maps the page tables themselves. */
const WINDOW_INDEX = 511;

/** A page that a page table maps. */
interface MappedPage {
  readonly page: number;
  readonly frame: number;
  readonly writable: boolean;
}

/** So many frames, and the pages of regions that come and go in them. */
export class PagedMachine {
  readonly store = new VmoStore(nativeHash);
  readonly space = new AddressSpace();
  readonly pool: FramePool;
  readonly pager: Pager;
  readonly memory: UserMemory;
  private readonly guestMemory: GuestMemory;

  constructor(
    private readonly frames: number,
    private readonly writeBackBytes = 0,
  ) {
    const cpu = new Cpu(new GuestMemory(frames * PAGE), 'evaluator');
    const { linearMemory } = cpu;
    this.guestMemory = cpu.memory;
    this.pool = new FramePool(cpu.memory, this.store, {
      firstFrame: 0,
      endFrame: frames,
      codeChanged: (frame) => linearMemory.stored(frame * PAGE, PAGE),
    });
    this.pager = new Pager(linearMemory, this.pool, this.space, writeBackBytes);
    this.memory = new UserMemory(linearMemory, this.space, this.pager);
    enterUserMode(cpu, this.pager.pageTable.root);
  }

  /** A region with one mapping: of bytes, and of zeros behind them. */
  region(size: number, bytes: Uint8Array = new Uint8Array(0), protection = READ | WRITE): Region {
    const region = this.space.place(size);
    const middle = region.start + Math.ceil(bytes.length / PAGE) * PAGE;
    if (bytes.length > 0)
      region.add({
        start: region.start,
        end: middle,
        protection,
        backing: { vmo: this.store.fromBytes(bytes), offset: 0 },
      });
    if (middle < region.end) region.add({ start: middle, end: region.end, protection, backing: undefined });
    return region;
  }

  remove(region: Region): void {
    this.pager.release(region);
    for (const { backing } of region.mappings) backing?.vmo.close();
    this.space.remove(region);
  }

  commit(start: number, lengthBytes: number): VmoHandle {
    return commitRange(this, start, lengthBytes);
  }

  /** Throws where page tables, frames, regions and counters do not agree. */
  check(): void {
    const tables = new Set<number>();
    const mapped = this.mappedPages(this.pager.pageTable.root / PAGE, 4, 0, tables);
    const byFrame = new Map<number, MappedPage[]>();
    for (const each of mapped) byFrame.set(each.frame, [...(byFrame.get(each.frame) ?? []), each]);
    for (const [frame, users] of byFrame) this.checkFrame(frame, users, tables);
    for (const region of this.space.regions) this.checkRegion(region, mapped);
    this.checkCounters(byFrame, tables);
    this.checkWrittenBack();
  }

  /** The pages that a table maps, which covers addresses from `start` on; its frame and those of tables below. */
  private mappedPages(table: number, level: number, start: number, tables: Set<number>): MappedPage[] {
    expect(!tables.has(table), `table ${table} is named twice`);
    expect(this.pool.usersOf(table) === 1, `table ${table} has ${this.pool.usersOf(table)} users`);
    tables.add(table);
    const found: MappedPage[] = [];
    const span = PAGE * 512 ** (level - 1);
    for (let index = 0; index < 512; index++) {
      if (level === 4 && index === WINDOW_INDEX) continue;
      const low = this.guestMemory.read32(table * PAGE + index * 8);
      if (!(low & PRESENT)) continue;
      const [below, page] = [low >>> 12, start + index * span];
      if (level > 1) found.push(...this.mappedPages(below, level - 1, page, tables));
      else found.push({ page, frame: below, writable: (low & WRITABLE) !== 0 });
    }
    return found;
  }

  private checkFrame(frame: number, users: readonly MappedPage[], tables: Set<number>): void {
    const { pool } = this;
    const pages = users.map(({ page }) => page.toString(16)).join();
    expect(frame < this.frames && !tables.has(frame), `${pages}: frame ${frame} is a table or none`);
    expect(pool.usersOf(frame) === users.length, `${pages}: frame ${frame} has ${pool.usersOf(frame)} users`);
    if (pool.isPrivate(frame)) {
      expect(users.length === 1, `${pages}: private frame ${frame} is shared`);
      expect(this.changed(users[0]!.page) === 'private', `${pages}: a private frame of a page that is not changed`);
      return;
    }
    const leaf = flatLeaf(this.guestMemory.ram.subarray(frame * PAGE, (frame + 1) * PAGE));
    expect(pool.codeIdentity(frame) === leaf, `${pages}: frame ${frame} does not hold what it is indexed by`);
    for (const { page, writable } of users) {
      const changed = this.changed(page);
      expect(!writable, `${pages}: clean frame ${frame} can be written`);
      expect(changed === undefined || changed === leaf, `${pages}: frame ${frame} is not what was written back`);
    }
  }

  /** The leaf of a page that was written back, 'private' for one that was changed besides. */
  private changed(page: number): string | undefined {
    const found = this.space.regionAt(page)?.changed.within(page, page + PAGE)[0];
    return found && (found.content?.page(0).leaf ?? 'private');
  }

  private checkRegion(region: Region, mapped: readonly MappedPage[]): void {
    const resident = mapped.filter(({ page }) => page >= region.start && page < region.end);
    const shared = resident.filter(({ frame }) => !this.pool.isPrivate(frame));
    const counted = `${region.residentPages} resident, ${region.sharedPages} shared`;
    const actual = `${resident.length} resident, ${shared.length} shared`;
    expect(counted === actual, `counted ${counted}; there are ${actual}`);
    const privatePages = region.changed.within(region.start, region.end).filter(({ content }) => !content);
    expect(
      privatePages.length === resident.length - shared.length,
      `${privatePages.length} pages are said to be in private frames, ${resident.length - shared.length} are`,
    );
  }

  private checkCounters(byFrame: Map<number, MappedPage[]>, tables: Set<number>): void {
    const { inUse, clean, idle, private: privates, tables: tableCount } = this.pool.counters;
    const privateFrames = [...byFrame.keys()].filter((frame) => this.pool.isPrivate(frame)).length;
    const told = `${clean - idle} clean and mapped, ${privates} private, ${tableCount} tables`;
    const actual = `${byFrame.size - privateFrames} clean and mapped, ${privateFrames} private, ${tables.size} tables`;
    expect(told === actual, `the pool counts ${told}; there are ${actual}`);
    expect(inUse === clean + privates + tableCount && inUse <= this.frames, `${inUse} frames in use`);
  }

  private checkWrittenBack(): void {
    const leaves = this.space.regions
      .flatMap(({ changed, start, end }) => changed.within(start, end))
      .flatMap(({ content }) => (content ? [content.page(0).leaf] : []));
    const kept = new Set(leaves.filter((leaf) => leaf !== ZERO_LEAF)).size * PAGE;
    const { bytesKept } = this.pager.writeBacks;
    expect(bytesKept === kept, `${bytesKept} bytes are said to be kept, ${kept} are`);
    expect(kept <= this.writeBackBytes, `${kept} bytes are kept of at most ${this.writeBackBytes}`);
  }
}

function expect(holds: boolean, message: string): void {
  if (!holds) throw new Error(`* ${message}`);
}
