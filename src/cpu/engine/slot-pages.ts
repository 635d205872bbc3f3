import { slotOf, slotsOf, windowIn, type Alias, type SlotChange } from '../../mmu/alias.js';
import type { DecodedPage } from './decoded-page.js';

/** One in so many times that a home is seen again, only pages that run are found again, so that unused ones stay aside. */
const TIMES_TO_SIEVE = 64;

/** Maximum number of pairs of homes that are known to show the same pages. */
const MOST_PAIRS = 4096;

/** Pages by their linear addresses. */
class Pages {
  readonly all = new Map<bigint, DecodedPage>();
  /** Number of changes. */
  version = 0;
  /** How often they have been seen again. */
  times = 0;
}

/** Pages that are no longer live, and pages that are again. */
export interface SwitchedPages {
  readonly leaving: readonly DecodedPage[];
  readonly entering: readonly DecodedPage[];
}

const NONE: SwitchedPages = { leaving: [], entering: [] };

/** What was live in a slot when it showed a home. */
interface Kept {
  readonly slot: number;
  readonly home: number;
  readonly pages: Pages;
}

/** The live pages of the slots that show one home or another, for each home that they have shown. */
export class SlotPages {
  /** By slot: those that are live now. */
  private readonly live = new Map<number, Pages>();
  private readonly kept = new Map<string, Kept>();
  /** By slot and homes: versions of pages between which there was no difference. */
  private readonly same = new Map<string, { readonly before: number; readonly after: number }>();

  /** A page is live now. */
  enter(page: DecodedPage): void {
    const pages = this.live.size > 0 ? this.live.get(slotAt(page.linear)) : undefined;
    if (!pages) return;
    pages.all.set(page.linear, page);
    pages.version++;
  }

  /** A page is no longer live. */
  leave({ linear }: DecodedPage): void {
    const pages = this.live.size > 0 ? this.live.get(slotAt(linear)) : undefined;
    if (pages?.all.delete(linear)) pages.version++;
  }

  /**
   * Something else is seen in a slot. Returns the pages that must leave it, and those that were live when the same was seen
   * last and can be again; pages that are live in both cases are in neither list. `all` are all live pages.
   */
  switch({ slot, from, to }: SlotChange, all: Iterable<DecodedPage>): SwitchedPages {
    const before = this.live.get(slot) ?? pagesIn(slot, all);
    const after = this.kept.get(keyOf(slot, to))?.pages ?? new Pages();
    this.kept.delete(keyOf(slot, to));
    this.kept.set(keyOf(slot, from), { slot, home: from, pages: before });
    this.live.set(slot, after);
    const same = this.same.get(keyOf(slot, from, to));
    if (same && same.before === before.version && same.after === after.version) return NONE;
    if (after.times++ % TIMES_TO_SIEVE === 0) keepOnly(after, before);
    const leaving = difference(before, after);
    const entering = difference(after, before).filter((page) => !page.isGone || !after.all.delete(page.linear));
    if (this.same.size >= MOST_PAIRS) this.same.clear();
    if (leaving.length + entering.length === 0)
      this.same.set(keyOf(slot, from, to), { before: before.version, after: after.version });
    return { leaving, entering };
  }

  homeChanged(address: number): void {
    for (const { slot, home, pages } of this.kept.values()) {
      const window = windowIn(slot, home, address);
      if (window === undefined) continue;
      if (pages.all.delete(BigInt.asUintN(64, BigInt.asIntN(48, BigInt(window))))) pages.version++;
    }
  }

  forget(aliases: readonly Alias[]): void {
    for (const [slot, home] of slotsOf(aliases)) this.kept.delete(keyOf(slot, home));
    this.same.clear();
  }

  /** Those that were live at an address. */
  at(linear: bigint): DecodedPage[] {
    return [...this.kept.values()].flatMap(({ pages }) => pages.all.get(linear) ?? []);
  }

  /** The addresses of those. */
  addresses(): bigint[] {
    return [...this.kept.values()].flatMap(({ pages }) => [...pages.all.keys()]);
  }

  clear(): void {
    for (const map of [this.live, this.kept, this.same]) map.clear();
  }
}

/** The pages of some that are not among others. */
function difference(these: Pages, others: Pages): DecodedPage[] {
  return [...these.all.values()].filter((page) => others.all.get(page.linear) !== page);
}

function keepOnly(these: Pages, others: Pages): void {
  for (const page of difference(these, others)) these.all.delete(page.linear);
  these.version++;
}

function pagesIn(slot: number, all: Iterable<DecodedPage>): Pages {
  const pages = new Pages();
  for (const page of all) if (slotAt(page.linear) === slot) pages.all.set(page.linear, page);
  return pages;
}

function slotAt(linear: bigint): number {
  return slotOf(Number(linear >> 32n));
}

function keyOf(...numbers: readonly number[]): string {
  return numbers.join(' ');
}
