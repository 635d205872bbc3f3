import { slotOf, slotsOf, windowIn, type Alias, type SlotChange } from '../../mmu/alias.js';
import type { DecodedPage } from './decoded-page.js';

/** Pages by their linear addresses. */
type Pages = Map<bigint, DecodedPage>;

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

  /** A page is live now. */
  enter(page: DecodedPage): void {
    if (this.live.size > 0) this.live.get(slotAt(page.linear))?.set(page.linear, page);
  }

  /** A page is no longer live. */
  leave({ linear }: DecodedPage): void {
    if (this.live.size > 0) this.live.get(slotAt(linear))?.delete(linear);
  }

  /** Returns what was live in a slot, and what was when the home was seen that is seen now. `all` are all live pages. */
  switch(
    { slot, from, to }: SlotChange,
    all: Iterable<DecodedPage>,
  ): { readonly before: Pages; readonly after: Pages } {
    const before = this.live.get(slot) ?? pagesIn(slot, all);
    const after = this.kept.get(keyOf(slot, to))?.pages ?? new Map<bigint, DecodedPage>();
    this.kept.delete(keyOf(slot, to));
    this.kept.set(keyOf(slot, from), { slot, home: from, pages: before });
    this.live.set(slot, after);
    return { before, after };
  }

  homeChanged(address: number): void {
    for (const { slot, home, pages } of this.kept.values()) {
      const window = windowIn(slot, home, address);
      if (window !== undefined) pages.delete(BigInt.asUintN(64, BigInt.asIntN(48, BigInt(window))));
    }
  }

  forget(aliases: readonly Alias[]): void {
    for (const [slot, home] of slotsOf(aliases)) this.kept.delete(keyOf(slot, home));
  }

  /** Those that were live at an address. */
  at(linear: bigint): DecodedPage[] {
    return [...this.kept.values()].flatMap(({ pages }) => pages.get(linear) ?? []);
  }

  /** The addresses of those. */
  addresses(): bigint[] {
    return [...this.kept.values()].flatMap(({ pages }) => [...pages.keys()]);
  }

  clear(): void {
    this.live.clear();
    this.kept.clear();
  }
}

function pagesIn(slot: number, all: Iterable<DecodedPage>): Pages {
  const pages: Pages = new Map();
  for (const page of all) if (slotAt(page.linear) === slot) pages.set(page.linear, page);
  return pages;
}

function slotAt(linear: bigint): number {
  return slotOf(Number(linear >> 32n));
}

function keyOf(slot: number, home: number): string {
  return `${slot} ${home}`;
}
