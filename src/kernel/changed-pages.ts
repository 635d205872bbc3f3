import { PAGE_SIZE } from '../bits.js';
import type { VmoHandle } from '../vmo/handle.js';
import type { LinearAddress } from './linear-address.js';

/** Pages that one page table maps are kept together. */
const PAGES_IN_BLOCK = 512;
const BLOCK_BYTES = PAGES_IN_BLOCK * PAGE_SIZE;

/** A page that was written since its mapping got its backing, and where its bytes are. */
export interface ChangedPage {
  readonly page: LinearAddress;
  /** A VMO of its 4096 bytes, where it was written back; undefined: a private frame alone has them. */
  readonly content: VmoHandle | undefined;
}

/** The bytes of a page, as a VMO of 4096. */
export interface PageContent {
  readonly page: LinearAddress;
  readonly content: VmoHandle;
}

/** The changed pages of a block, by their number in it. */
interface Block {
  /** One byte a page: 1 for one in a private frame. */
  readonly isPrivate: Uint8Array;
  readonly writtenBack: Map<number, VmoHandle>;
  /** Pages of both kinds. */
  count: number;
}

/**
 * The pages of a region that are not what their mappings would fill them with, by address, so that those of a range are
 * found at the cost of what is found. A write fault enters its page here: no hashing, no garbage.
 */
export class ChangedPages {
  /** By address / BLOCK_BYTES; none is empty. */
  private readonly blocks = new Map<number, Block>();
  /** The block that was asked for last, and its number. */
  private lastBlock: Block | undefined;
  private lastIndex = -1;

  /** The bytes of a page that was written back. */
  contentOf(page: LinearAddress): VmoHandle | undefined {
    const block = this.blockAt(page);
    return block && block.writtenBack.size > 0 ? block.writtenBack.get(placeOf(page)) : undefined;
  }

  /** Notes that a private frame alone has the bytes of a page. Answers what `contentOf` would have before. */
  setPrivate(page: LinearAddress): VmoHandle | undefined {
    const block = this.blockAt(page) ?? this.addBlock(page);
    const place = placeOf(page);
    const before = block.writtenBack.size > 0 ? block.writtenBack.get(place) : undefined;
    if (before) block.writtenBack.delete(place);
    else if (!block.isPrivate[place]) block.count++;
    block.isPrivate[place] = 1;
    return before;
  }

  /** Notes that a page that was in a private frame was written back. */
  setWrittenBack(page: LinearAddress, content: VmoHandle): void {
    const block = this.blockAt(page)!;
    block.isPrivate[placeOf(page)] = 0;
    block.writtenBack.set(placeOf(page), content);
  }

  /** Notes that a page is what its mapping would fill it with. */
  delete(page: LinearAddress): void {
    const block = this.blockAt(page);
    if (!block) return;
    const place = placeOf(page);
    if (block.isPrivate[place] || block.writtenBack.has(place)) block.count--;
    block.isPrivate[place] = 0;
    block.writtenBack.delete(place);
    if (block.count > 0) return;
    this.blocks.delete(this.lastIndex);
    this.lastIndex = -1;
  }

  /**
   * Those from `start` to `end`, ascending, the first `max` of them. Costs no more than the blocks that there are and those
   * of the range.
   */
  within(start: LinearAddress, end: LinearAddress, max = Infinity): ChangedPage[] {
    const found: ChangedPage[] = [];
    for (const index of this.blocksWithin(start, end)) {
      if (found.length >= max) break;
      const block = this.blocks.get(index);
      if (!block) continue;
      for (let place = 0; place < PAGES_IN_BLOCK; place++) {
        const content = block.writtenBack.get(place);
        if (!content && !block.isPrivate[place]) continue;
        const page = index * BLOCK_BYTES + place * PAGE_SIZE;
        if (page >= start && page < end && found.length < max) found.push({ page, content });
      }
    }
    return found;
  }

  /** Forgets all pages. Answers the bytes of those that were written back. */
  clear(): VmoHandle[] {
    const contents = [...this.blocks.values()].flatMap(({ writtenBack }) => [...writtenBack.values()]);
    this.blocks.clear();
    this.lastIndex = -1;
    return contents;
  }

  private blockAt(page: LinearAddress): Block | undefined {
    const index = Math.floor(page / BLOCK_BYTES);
    if (index === this.lastIndex) return this.lastBlock;
    const block = this.blocks.get(index);
    if (!block) return undefined;
    this.lastBlock = block;
    this.lastIndex = index;
    return block;
  }

  private addBlock(page: LinearAddress): Block {
    const block = { isPrivate: new Uint8Array(PAGES_IN_BLOCK), writtenBack: new Map<number, VmoHandle>(), count: 0 };
    this.lastBlock = block;
    this.lastIndex = Math.floor(page / BLOCK_BYTES);
    this.blocks.set(this.lastIndex, block);
    return block;
  }

  private blocksWithin(start: LinearAddress, end: LinearAddress): number[] {
    const first = Math.floor(start / BLOCK_BYTES);
    const last = Math.floor((end - 1) / BLOCK_BYTES);
    if (last - first < this.blocks.size) return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    return [...this.blocks.keys()].filter((index) => index >= first && index <= last).sort((a, b) => a - b);
  }
}

function placeOf(page: LinearAddress): number {
  return (page / PAGE_SIZE) & (PAGES_IN_BLOCK - 1);
}
