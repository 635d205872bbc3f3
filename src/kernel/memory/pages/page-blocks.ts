import { PAGE_SIZE } from '../../../bits.js';
import { findLast } from '../../../sorted.js';
import type { LinearAddress } from '../linear-address.js';

/**
 * Something about pages, which lie in blocks of so many: neighbours come and go together, and an address, which is no small
 * integer, is a slow key; so the block that was asked for last is remembered.
 */
export class PageBlocks<Block> {
  private readonly bytes: number;
  private readonly byIndex = new Map<number, Block>();
  private lastBlock: Block | undefined;
  /** -1: none, or it is gone. */
  private lastIndex = -1;
  /** The numbers of all blocks, ascending, and of some that are gone; undefined: one has come that is not among them. */
  private ascending: { readonly start: number }[] | undefined;

  /** `pages`, a power of two, is how many a block has; `make` makes an empty one. */
  constructor(
    private readonly pages: number,
    private readonly make: () => Block,
  ) {
    this.bytes = pages * PAGE_SIZE;
  }

  /** The block of a page, if there is one. */
  of(page: LinearAddress): Block | undefined {
    const index = Math.floor(page / this.bytes);
    if (index === this.lastIndex) return this.lastBlock;
    const block = this.byIndex.get(index);
    if (!block) return undefined;
    this.lastBlock = block;
    this.lastIndex = index;
    return block;
  }

  /** The block of a page, created if needed. */
  ofOrNew(page: LinearAddress): Block {
    const known = this.of(page);
    if (known) return known;
    const block = this.make();
    this.lastBlock = block;
    this.lastIndex = Math.floor(page / this.bytes);
    this.byIndex.set(this.lastIndex, block);
    this.ascending = undefined;
    return block;
  }

  /** The number of a page in its block. */
  placeOf(page: LinearAddress): number {
    return (page / PAGE_SIZE) & (this.pages - 1);
  }

  /** Takes the block of a page out. */
  delete(page: LinearAddress): void {
    this.byIndex.delete(Math.floor(page / this.bytes));
    this.lastIndex = -1;
  }

  /** The blocks that have pages from `start` to `end`, ascending, each with its first page: at the cost of the fewer. */
  *within(start: LinearAddress, end: LinearAddress): Generator<readonly [LinearAddress, Block]> {
    const first = Math.floor(start / this.bytes);
    const last = Math.floor((end - 1) / this.bytes);
    if (last - first < this.byIndex.size) {
      for (let index = first; index <= last; index++) {
        const block = this.byIndex.get(index);
        if (block) yield [index * this.bytes, block];
      }
      return;
    }
    const indexes = (this.ascending ??= [...this.byIndex.keys()].map((start) => ({ start })).sort(byStart));
    for (let at = Math.max(0, findLast(indexes, first)); at < indexes.length; at++) {
      const index = indexes[at]!.start;
      if (index > last) return;
      const block = index < first ? undefined : this.byIndex.get(index);
      if (block) yield [index * this.bytes, block];
    }
  }
}

function byStart(a: { readonly start: number }, b: { readonly start: number }): number {
  return a.start - b.start;
}
