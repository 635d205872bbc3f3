import type { LinearAddress } from '../linear-address.js';
import { PageBlocks } from './page-blocks.js';
import { derived, schema, value } from '../../../state/schema.js';

/** Pages whose places are kept together: few enough that a page that stands alone costs little. */
const PAGES_IN_BLOCK = 16;

/** The places of the pages of a block, by their number in it: one more than the place, 0 for a page that is not there. */
interface Block {
  readonly places: number[];
  /** Pages of it that are there. */
  count: number;
}

/**
 * Pages in a ring, and the hand of CLOCK that goes round it. Every step is O(1), and the order is a function of the steps
 * made before: a page comes in at the end, and when one leaves, the last one takes its place.
 */
export class ClockRing {
  static readonly state = schema(
    'clock ring',
    ClockRing,
    {
      pages: value,
      blocks: derived('the places of the pages', () => emptyBlocks()),
      hand: value,
    },
    { isPart: true, restored: (ring) => ring.pages.forEach((page, place) => ring.enter(page, place)) },
  );

  private readonly pages: LinearAddress[] = [];
  /** None is empty. */
  private readonly blocks = emptyBlocks();
  /** The place that the hand comes to next. */
  private hand = 0;

  get size(): number {
    return this.pages.length;
  }

  /** Takes a page in; no effect where it is there already. */
  add(page: LinearAddress): void {
    if (this.enter(page, this.pages.length)) this.pages.push(page);
  }

  /** Notes the place of a page. Returns false, with nothing changed, if it has one already. */
  private enter(page: LinearAddress, place: number): boolean {
    const block = this.blocks.ofOrNew(page);
    const number = this.blocks.placeOf(page);
    if (block.places[number] !== 0) return false;
    block.places[number] = place + 1;
    block.count++;
    return true;
  }

  /** Takes a page out; no effect where it is not there. */
  delete(page: LinearAddress): void {
    const block = this.blocks.of(page);
    const number = this.blocks.placeOf(page);
    const place = (block?.places[number] ?? 0) - 1;
    if (!block || place < 0) return;
    block.places[number] = 0;
    if (--block.count === 0) this.blocks.delete(page);
    const last = this.pages.pop()!;
    if (last !== page) {
      this.pages[place] = last;
      this.blocks.of(last)!.places[this.blocks.placeOf(last)] = place + 1;
    }
    // The hand has not seen the page that took the place of the one it saw last.
    if (place === this.hand - 1) this.hand = place;
  }

  /** Advances the hand. Returns the page that it reaches; undefined if there is none. */
  advance(): LinearAddress | undefined {
    if (this.hand >= this.pages.length) this.hand = 0;
    return this.pages[this.hand++];
  }
}

function emptyBlocks(): PageBlocks<Block> {
  return new PageBlocks(PAGES_IN_BLOCK, () => ({ places: new Array<number>(PAGES_IN_BLOCK).fill(0), count: 0 }));
}
