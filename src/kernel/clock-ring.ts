import type { StateWriter } from '../state-writer.js';
import type { LinearAddress } from './linear-address.js';

/**
 * Pages in a ring, and the hand of CLOCK that goes round it. Every step is O(1), and the order is a function of the steps
 * made before: a page comes in at the end, and when one leaves, the last one takes its place.
 */
export class ClockRing {
  private readonly pages: LinearAddress[] = [];
  private readonly places = new Map<LinearAddress, number>();
  /** The place that the hand comes to next. */
  private hand = 0;

  get size(): number {
    return this.pages.length;
  }

  /** Takes a page in; no effect where it is there already. */
  add(page: LinearAddress): void {
    if (this.places.has(page)) return;
    this.places.set(page, this.pages.length);
    this.pages.push(page);
  }

  /** Takes a page out; no effect where it is not there. */
  delete(page: LinearAddress): void {
    const place = this.places.get(page);
    if (place === undefined) return;
    const last = this.pages.pop()!;
    this.places.delete(page);
    if (last !== page) {
      this.pages[place] = last;
      this.places.set(last, place);
    }
    // The hand has not seen the page that took the place of the one it saw last.
    if (place === this.hand - 1) this.hand = place;
  }

  /** Moves the hand on. Answers the page that it comes to; undefined where there is none. */
  advance(): LinearAddress | undefined {
    if (this.hand >= this.pages.length) this.hand = 0;
    return this.pages[this.hand++];
  }

  /** The ring, and where the hand stands. */
  writeState(out: StateWriter): void {
    out.numbers(this.pages).number(this.hand);
  }
}
