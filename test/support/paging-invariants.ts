/** What must hold of page tables, frames and regions after every step of the kernel. */
import type { AddressSpace } from '../../src/kernel/memory/address-space.js';
import { PROTECTION_EXECUTE, PROTECTION_WRITE } from '../../src/kernel/memory/mapping.js';
import type { Pager } from '../../src/kernel/memory/pager.js';
import type { Region } from '../../src/kernel/memory/region.js';
import type { View } from '../../src/kernel/memory/view.js';
import type { GuestMemory } from '../../src/memory.js';
import { EXECUTE_DISABLE_HIGH, PRESENT, WRITABLE } from '../../src/mmu/entry.js';
import { ZERO_LEAF } from '../../src/vmo/content/canonical-form.js';
import type { FramePool } from '../../src/vmo/frames/frame-pool.js';
import { flatLeaf } from '../vmo/model.js';

const PAGE = 4096;

/** The entry of the root that maps the page tables themselves. */
const WINDOW_INDEX = 511;

/** A page that a page table maps. */
interface MappedPage {
  readonly page: number;
  readonly frame: number;
  readonly writable: boolean;
  readonly executable: boolean;
}

/** What is looked at. */
export interface Paged {
  readonly frames: number;
  readonly writeBackBytes: number;
  readonly guestMemory: GuestMemory;
  readonly pool: FramePool;
  readonly pager: Pager;
  readonly space: AddressSpace;
}

/** Throws where page tables, frames, regions and counters do not agree. */
export function checkPaging(paged: Paged): void {
  new PagingInvariants(paged).check();
}

class PagingInvariants {
  constructor(private readonly paged: Paged) {}

  check(): void {
    const tables = new Set<number>();
    const mapped = this.mappedPages(this.paged.pager.pageTable.root / PAGE, 4, 0, tables);
    for (const view of this.paged.pager.pageTable['views']) this.checkView(view, tables);
    const byFrame = new Map<number, MappedPage[]>();
    for (const each of mapped) byFrame.set(each.frame, [...(byFrame.get(each.frame) ?? []), each]);
    for (const [frame, users] of byFrame) this.checkFrame(frame, users, tables);
    for (const each of mapped) this.checkMapped(each);
    for (const region of this.paged.space.regions) this.checkRegion(region, mapped);
    this.checkCounters(byFrame, tables);
    this.checkWrittenBack();
  }

  /** The pages that a table maps, which covers addresses from `start` on; its frame and those of tables below. */
  private mappedPages(table: number, level: number, start: number, tables: Set<number>): MappedPage[] {
    expect(!tables.has(table), `table ${table} is named twice`);
    expect(this.paged.pool.usersOf(table) === 1, `table ${table} has ${this.paged.pool.usersOf(table)} users`);
    tables.add(table);
    const found: MappedPage[] = [];
    const span = PAGE * 512 ** (level - 1);
    for (let index = 0; index < 512; index++) {
      if (level === 4 && index === WINDOW_INDEX) continue;
      const low = this.paged.guestMemory.read32(table * PAGE + index * 8);
      if (!(low & PRESENT)) continue;
      const [below, page] = [low >>> 12, start + index * span];
      if (level > 1) found.push(...this.mappedPages(below, level - 1, page, tables));
      else {
        const high = this.paged.guestMemory.read32(table * PAGE + index * 8 + 4);
        const executable = (high & EXECUTE_DISABLE_HIGH) === 0;
        found.push({ page, frame: below, writable: (low & WRITABLE) !== 0, executable });
      }
    }
    return found;
  }

  /** The tables of a view are its own, and lead where those do that map its homes. */
  private checkView({ aliases, root, directory }: View, tables: Set<number>): void {
    const homeOf = (address: number): number => {
      const alias = aliases.find(({ window, size }) => address >= window && address < window + size);
      return alias ? address - alias.window + alias.home : address;
    };
    for (const table of directory === 0 ? [root] : [root, directory]) {
      expect(!tables.has(table / PAGE), `table ${table} of a view is named twice`);
      tables.add(table / PAGE);
    }
    const real = this.paged.pager.pageTable.root;
    for (let index = 0; index < 512; index++) {
      const [whole, part] = [homeOf(index * 2 ** 39), homeOf(index * 2 ** 30)];
      const isOwn = directory !== 0 && index === 0;
      const named = isOwn ? directory : this.tableOf(real + Math.floor(whole / 2 ** 39) * 8);
      expect(this.tableOf(root + index * 8) === named, `entry ${index} of a view does not name table ${named}`);
      if (directory === 0) continue;
      const above = this.tableOf(real + Math.floor(part / 2 ** 39) * 8);
      const below = above === 0 ? 0 : this.tableOf(above + (Math.floor(part / 2 ** 30) % 512) * 8);
      expect(this.tableOf(directory + index * 8) === below, `gigabyte ${index} of a view is not in table ${below}`);
    }
  }

  /** The table that an entry names; 0 for none. */
  private tableOf(entry: number): number {
    const low = this.paged.guestMemory.read32(entry);
    return low & PRESENT ? (low & -PAGE) >>> 0 : 0;
  }

  /** Every page that is mapped lies in a mapping, and threads may do with it no more than that allows. */
  private checkMapped({ page, writable, executable }: MappedPage): void {
    const mapping = this.paged.space.regionAt(page)?.mappingAt(page);
    expect(mapping !== undefined, `${page.toString(16)} is mapped to a frame, but to nothing by the kernel`);
    const { protection } = mapping!;
    expect(!writable || (protection & PROTECTION_WRITE) !== 0, `${page.toString(16)} can be written`);
    expect(executable === ((protection & PROTECTION_EXECUTE) !== 0), `${page.toString(16)} can be run, or cannot`);
  }

  private checkFrame(frame: number, users: readonly MappedPage[], tables: Set<number>): void {
    const { pool } = this.paged;
    const pages = users.map(({ page }) => page.toString(16)).join();
    expect(frame < this.paged.frames && !tables.has(frame), `${pages}: frame ${frame} is a table or none`);
    expect(pool.usersOf(frame) === users.length, `${pages}: frame ${frame} has ${pool.usersOf(frame)} users`);
    if (pool.isPrivate(frame)) {
      const known = this.paged.pager['privates'].pagesOf(frame);
      expect(isSameSet(known, users), `${pages}: frame ${frame} is known to be mapped at ${known.join()}`);
      for (const { page, writable } of users) {
        expect(this.changed(page) === 'private', `${pages}: a private frame of a page that is not changed`);
        expect(!writable || users.length === 1, `${pages}: private frame ${frame} is shared and can be written`);
      }
      return;
    }
    const leaf = flatLeaf(this.paged.guestMemory.ram.subarray(frame * PAGE, (frame + 1) * PAGE));
    expect(pool.codeIdentity(frame) === leaf, `${pages}: frame ${frame} does not hold what it is indexed by`);
    for (const { page, writable } of users) {
      const changed = this.changed(page);
      expect(!writable, `${pages}: clean frame ${frame} can be written`);
      expect(changed === undefined || changed === leaf, `${pages}: frame ${frame} is not what was written back`);
    }
  }

  /** The leaf of a page that was written back, 'private' for one that was changed besides. */
  private changed(page: number): string | undefined {
    const found = this.paged.space.regionAt(page)?.changed.within(page, page + PAGE)[0];
    return found && (found.content?.page(0).leaf ?? 'private');
  }

  private checkRegion(region: Region, mapped: readonly MappedPage[]): void {
    const resident = mapped.filter(({ page }) => page >= region.start && page < region.end);
    const shared = resident.filter(({ frame }) => !this.paged.pool.isPrivate(frame));
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
    const { inUse, clean, idle, private: privates, tables: tableCount } = this.paged.pool.counters;
    const privateFrames = [...byFrame.keys()].filter((frame) => this.paged.pool.isPrivate(frame)).length;
    const told = `${clean - idle} clean and mapped, ${privates} private, ${tableCount} tables`;
    const actual = `${byFrame.size - privateFrames} clean and mapped, ${privateFrames} private, ${tables.size} tables`;
    expect(told === actual, `the pool counts ${told}; there are ${actual}`);
    expect(inUse === clean + privates + tableCount && inUse <= this.paged.frames, `${inUse} frames in use`);
  }

  private checkWrittenBack(): void {
    const leaves = this.paged.space.regions
      .flatMap(({ changed, start, end }) => changed.within(start, end))
      .flatMap(({ content }) => (content ? [content.page(0).leaf] : []));
    const kept = new Set(leaves.filter((leaf) => leaf !== ZERO_LEAF)).size * PAGE;
    const { bytesKept } = this.paged.pager.writeBacks;
    expect(bytesKept === kept, `${bytesKept} bytes are said to be kept, ${kept} are`);
    expect(kept <= this.paged.writeBackBytes, `${kept} bytes are kept of at most ${this.paged.writeBackBytes}`);
  }
}

function isSameSet(known: readonly number[], users: readonly MappedPage[]): boolean {
  const pages = new Set(users.map(({ page }) => page));
  return known.length === pages.size && known.every((page) => pages.has(page));
}

function expect(holds: boolean, message: string): void {
  if (!holds) throw new Error(`* ${message}`);
}
