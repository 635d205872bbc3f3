import { PAGE_SIZE } from '../../../bits.js';
import type { VmoHandle } from '../../../vmo/handle.js';
import { ADDRESS_SPACE_END, type LinearAddress } from '../linear-address.js';
import { PageBlocks } from './page-blocks.js';
import { derived, schema } from '../../../state/schema.js';

/** Pages that are kept together: few enough that one that stands alone costs little. */
const PAGES_IN_BLOCK = 64;

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
  writtenBack: Map<number, VmoHandle> | undefined;
  /** Pages of both kinds. */
  count: number;
}

/**
 * The pages of a region that are not what their mappings would fill them with, by address, so that those of a range are
 * found at the cost of what is found. A write fault enters its page here: no hashing, no garbage.
 */
export class ChangedPages {
  static readonly state = schema(
    'changed pages',
    ChangedPages,
    {
      blocks: derived('from the pages that were written back, and the private frames', () => emptyBlocks()),
      writtenBackCount: derived('from the pages that were written back', () => 0),
    },
    {
      computed: [
        { name: 'writtenBack', read: (pages) => pages.writtenBack(), write: (pages, list) => pages.refill(list) },
      ],
    },
  );

  /** None is empty. */
  private readonly blocks = emptyBlocks();
  /** Pages that were written back: mostly none, and snapshots then do not look for them. */
  private writtenBackCount = 0;

  /** How many there are. */
  get size(): number {
    let size = 0;
    for (const [, { count }] of this.blocks.within(0, ADDRESS_SPACE_END)) size += count;
    return size;
  }

  /** The bytes of a page that was written back. */
  contentOf(page: LinearAddress): VmoHandle | undefined {
    const block = this.blocks.of(page);
    return block?.writtenBack?.get(this.blocks.placeOf(page));
  }

  /** Notes that a private frame alone has the bytes of a page. Answers what `contentOf` would have before. */
  setPrivate(page: LinearAddress): VmoHandle | undefined {
    const block = this.blocks.ofOrNew(page);
    const place = this.blocks.placeOf(page);
    const before = block.writtenBack?.get(place);
    if (before) this.forget(block, place);
    else if (!block.isPrivate[place]) block.count++;
    block.isPrivate[place] = 1;
    return before;
  }

  /** Notes that a page that was in a private frame was written back. */
  setWrittenBack(page: LinearAddress, content: VmoHandle): void {
    const block = this.blocks.of(page)!;
    const place = this.blocks.placeOf(page);
    block.isPrivate[place] = 0;
    if (!block.writtenBack?.has(place)) this.writtenBackCount++;
    (block.writtenBack ??= new Map()).set(place, content);
  }

  /** Forgets the content of a page of a block that was written back. */
  private forget(block: Block, place: number): void {
    if (block.writtenBack?.delete(place)) this.writtenBackCount--;
  }

  /** The pages that were written back, ascending. */
  private writtenBack(): PageContent[] {
    const found: PageContent[] = [];
    if (this.writtenBackCount === 0) return found;
    for (const [first, { writtenBack }] of this.blocks.within(0, ADDRESS_SPACE_END)) {
      if (!writtenBack) continue;
      const places = [...writtenBack].sort(([a], [b]) => a - b);
      for (const [place, content] of places) found.push({ page: first + place * PAGE_SIZE, content });
    }
    return found;
  }

  /** Starts again with pages that were written back alone; private ones are entered by the pager. */
  private refill(writtenBack: readonly PageContent[]): void {
    for (const { page, content } of writtenBack) {
      this.setPrivate(page);
      this.setWrittenBack(page, content);
    }
  }

  /** Notes that a page is what its mapping would fill it with. */
  delete(page: LinearAddress): void {
    const block = this.blocks.of(page);
    if (!block) return;
    const place = this.blocks.placeOf(page);
    if (block.isPrivate[place] || block.writtenBack?.has(place)) block.count--;
    block.isPrivate[place] = 0;
    this.forget(block, place);
    if (block.count > 0) return;
    this.blocks.delete(page);
  }

  /**
   * Those from `start` to `end`, ascending, the first `max` of them. Costs at most a look at each existing block and at each
   * block of the range.
   */
  within(start: LinearAddress, end: LinearAddress, max = Infinity): ChangedPage[] {
    const found: ChangedPage[] = [];
    this.visit(start, end, max, (page, content) => void found.push({ page, content }));
    return found;
  }

  /**
   * As `within`, for as many of them as make it `max` or a few more, without garbage. `visit` may change other pages than those.
   * Returns from where on there may be more; undefined for none.
   */
  visit(
    start: LinearAddress,
    end: LinearAddress,
    max: number,
    visit: (page: LinearAddress, content: VmoHandle | undefined) => void,
  ): LinearAddress | undefined {
    let left = max;
    for (const [first, block] of this.blocks.within(start, end)) {
      const from = Math.max(0, Math.ceil((start - first) / PAGE_SIZE));
      const to = Math.min(PAGES_IN_BLOCK, (end - first) / PAGE_SIZE);
      let unseen = block.count;
      for (let place = from; place < to && unseen > 0; place++) {
        // Visiting a page may write others back to make room: the block is looked up again for each.
        const content = block.writtenBack?.get(place);
        if (!content && !block.isPrivate[place]) continue;
        if (left-- === 0) return first + place * PAGE_SIZE;
        unseen--;
        visit(first + place * PAGE_SIZE, content);
      }
    }
    return undefined;
  }
}

function emptyBlocks(): PageBlocks<Block> {
  return new PageBlocks(PAGES_IN_BLOCK, () => ({
    isPrivate: new Uint8Array(PAGES_IN_BLOCK),
    writtenBack: undefined,
    count: 0,
  }));
}
