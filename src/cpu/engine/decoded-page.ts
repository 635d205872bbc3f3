import { PAGE_SIZE } from '../../bits.js';
import type { ChangedPages } from '../../mmu/derived-entries.js';
import type { Alias, SlotChange } from '../../mmu/alias.js';
import type { CodeView } from './code-view.js';
import { SlotPages, type SwitchedPages } from './slot-pages.js';

/** Records of consecutive instructions, and the bytes of physical memory that they were decoded from. */
export interface Run {
  /** The page in which they begin. */
  readonly page: DecodedPage;
  readonly firstRecord: number;
  readonly records: number;
  readonly physical: number;
  readonly lengthBytes: number;
}

/** An instruction that ends in the next linear page. */
export interface Crossing {
  readonly record: number;
  /** The physical address of its second part: the start of a page. */
  readonly second: number;
  /** Its first word, if it has been put aside because its own or the next page may be mapped elsewhere. */
  aside: number | undefined;
}

/** How far the next record is looked for, in bytes: as many as most runs have. */
const LONGEST_GAP = 128;

/** Addresses of records by the offsets of their instructions in a page. */
export class RecordsOfPage {
  private readonly addresses = new Int32Array(PAGE_SIZE);
  /** Number of records. */
  size = 0;

  get(offset: number): number | undefined {
    return this.addresses[offset] || undefined;
  }
  has(offset: number): boolean {
    return this.addresses[offset] !== 0;
  }
  /** An offset behind this one, before which there is no record; not far behind it, since looking takes time. */
  gapAfter(offset: number): number {
    const { addresses } = this;
    const end = Math.min(offset + LONGEST_GAP, PAGE_SIZE);
    let next = offset + 1;
    while (next < end && addresses[next] === 0) next++;
    return next;
  }
  set(offset: number, record: number): void {
    if (this.addresses[offset] === 0) this.size++;
    this.addresses[offset] = record;
  }
  delete(offset: number): void {
    if (this.addresses[offset] !== 0) this.size--;
    this.addresses[offset] = 0;
  }
}

/** Decoded records of a linear page while it is mapped to one frame. */
export class DecodedPage {
  /** Records by offset in the page. */
  readonly records = new RecordsOfPage();
  /** Records that cross into the next page, by offset, including those put aside. */
  readonly crossings = new Map<number, Crossing>();
  /** Records that are linked from other pages. */
  readonly entries = new Set<number>();
  /** Records that are targets of indirect branches. */
  readonly indirectTargets = new Set<number>();
  /**
   * While the page is kept but not live: its entries, each followed by its original first word, which RESOLVE replaces.
   */
  aside: number[] | undefined;
  /** Whether its records may no longer be used. */
  isGone = false;

  /** `linear` is the address of the page. */
  constructor(
    readonly linear: bigint,
    readonly frame: number,
    readonly view: CodeView,
  ) {}

  /** True if the page has no decoded records. */
  get isEmpty(): boolean {
    return this.records.size === 0 && this.crossings.size === 0;
  }
}

/** Maximum number of linear pages that are looked up individually. */
const MOST_LOOKED_UP = 64;

/** Maximum number of pages kept for one linear address while another is mapped there. */
const MOST_KEPT = 4;

const UPPER_HALF = 1n << 63n;

/** The address with these low 48 bits. */
function linearOf(low: number): bigint {
  return BigInt.asUintN(64, BigInt.asIntN(48, BigInt(low)));
}

/** Whether the low 48 bits of the address of a page are in a range. */
function isWithin(linear: bigint, start: number, end: number): boolean {
  const page = Number(BigInt.asUintN(48, linear));
  return page >= start && page < end;
}

/**
 * All decoded pages of a view. At most one for each linear page is live and can run. Others are kept, since earlier mappings
 * often return: a program is started again at the same address, or the A bit of a page was cleared.
 */
export class DecodedPages {
  private readonly live = new Map<bigint, DecodedPage>();
  private readonly kept = new Map<bigint, DecodedPage[]>();
  private readonly slots = new SlotPages();
  private readonly lowerHalf = new Set<DecodedPage>();

  constructor(readonly view: CodeView) {}

  /** The live page at an address. */
  at(linear: bigint): DecodedPage | undefined {
    return this.live.get(linear);
  }

  /** All pages, live or kept, at linear pages that touch a range; its bounds are the low 48 bits of addresses. */
  within(start: number, end: number): DecodedPage[] {
    const found: DecodedPage[] = [];
    const addAt = (linear: bigint): void => {
      const live = this.live.get(linear);
      const all = [...(live ? [live] : []), ...(this.kept.get(linear) ?? []), ...this.slots.at(linear)];
      found.push(...new Set(all));
    };
    const first = start - (start % PAGE_SIZE);
    if (end - first <= MOST_LOOKED_UP * PAGE_SIZE) {
      for (let page = first; page < end; page += PAGE_SIZE) addAt(linearOf(page));
      return found;
    }
    for (const linear of new Set([...this.live.keys(), ...this.kept.keys(), ...this.slots.addresses()]))
      if (isWithin(linear, first, end)) addAt(linear);
    return found;
  }

  /** Live pages: all, those in the lower half of the address space, or those in a range of the low 48 bits of addresses. */
  liveAt(which: ChangedPages): Iterable<DecodedPage> {
    if (which === 'all') return this.live.values();
    if (which === 'lower half') return this.lowerHalf;
    const { start, end } = which;
    if (end - start > MOST_LOOKED_UP * PAGE_SIZE)
      return [...this.live.values()].filter(({ linear }) => isWithin(linear, start, end));
    const found: DecodedPage[] = [];
    for (let page = start; page < end; page += PAGE_SIZE) {
      const live = this.live.get(linearOf(page));
      if (live) found.push(live);
    }
    return found;
  }

  /** Makes a page live; there must be no other live page at its address. */
  enter(page: DecodedPage): void {
    this.addLive(page);
    this.slots.enter(page);
  }

  /** Keeps a page that is no longer live, unless it is empty; the number of linear pages is unlimited. */
  keep(page: DecodedPage): void {
    this.deleteLive(page);
    this.slots.leave(page);
    if (!page.isEmpty) this.addKept(page);
  }

  private addLive(page: DecodedPage): void {
    this.live.set(page.linear, page);
    if (page.linear < UPPER_HALF) this.lowerHalf.add(page);
  }

  private deleteLive(page: DecodedPage): void {
    this.live.delete(page.linear);
    this.lowerHalf.delete(page);
  }

  private addKept(page: DecodedPage): void {
    const kept = this.kept.get(page.linear);
    if (!kept) this.kept.set(page.linear, [page]);
    else if (!kept.includes(page) && kept.push(page) > MOST_KEPT) kept.shift();
  }

  /**
   * Something else is seen in a slot. Returns the pages that are no longer live, which are kept, and those that were live when
   * the same was seen last, and are again; pages that are seen in both cases stay live.
   */
  switchSlot(change: SlotChange): SwitchedPages {
    const switched = this.slots.switch(change, this.live.values());
    for (const page of switched.leaving) {
      this.deleteLive(page);
      this.addKept(page);
    }
    for (const page of switched.entering) {
      this.takeOut(page.linear, (kept) => kept === page);
      this.addLive(page);
    }
    return switched;
  }

  /** What lies at a page has changed: it is not live in a window that shows it when that is seen again. */
  homeChanged(home: number): void {
    this.slots.homeChanged(home);
  }

  /** Forgets what was live in windows that will not be used again. */
  forgetWindows(aliases: readonly Alias[]): void {
    this.slots.forget(aliases);
  }

  /** Removes and returns the page kept for a linear page and a frame. */
  takeKept(linear: bigint, frame: number): DecodedPage | undefined {
    return this.takeOut(linear, (page) => page.frame === frame);
  }

  /** Discards the kept page that has `record` at an offset. */
  giveUp(linear: bigint, offset: number, record: number): void {
    const has = ({ records, crossings }: DecodedPage): boolean =>
      records.get(offset) === record || crossings.get(offset)?.record === record;
    for (const page of [this.takeOut(linear, has), ...this.slots.at(linear)]) if (page && has(page)) page.isGone = true;
  }

  /** Discards a page if it is kept. */
  drop(page: DecodedPage): void {
    this.takeOut(page.linear, (kept) => kept === page);
  }

  clear(): void {
    this.live.clear();
    this.lowerHalf.clear();
    this.kept.clear();
    this.slots.clear();
  }

  private takeOut(linear: bigint, isWanted: (page: DecodedPage) => boolean): DecodedPage | undefined {
    const kept = this.kept.get(linear);
    const index = kept?.findIndex(isWanted) ?? -1;
    if (index < 0) return undefined;
    const [page] = kept!.splice(index, 1);
    if (kept!.length === 0) this.kept.delete(linear);
    return page;
  }
}
