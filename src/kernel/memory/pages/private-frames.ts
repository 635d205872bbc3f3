import type { LinearAddress } from '../linear-address.js';
import { EverPrivate } from './ever-private.js';
import { kept, outside, schema, value } from '../../../state/schema.js';

/**
 * The private frames that pages are mapped to, each with its page, in a ring with the hand of CLOCK: as `ClockRing`, but in
 * arrays by frame, since every first write to a page comes here. After a fork, some have several pages.
 */
export class PrivateFrames {
  static readonly state = schema(
    'private frames',
    PrivateFrames,
    {
      ring: kept('hashed as far as it is used'),
      places: kept('the places of the ring'),
      pages: kept('known from the page tables'),
      spared: kept('hashed for the frames of the ring'),
      shared: value,
      count: value,
      hand: value,
      everPrivate: outside('holds for all pasts'),
    },
    {
      isPart: true,
      restored: (frames) => frames.forEachPage((page) => frames.everPrivate.addRestored(page)),
      computed: [
        { name: 'frames', read: (frames) => frames.ring.subarray(0, frames.count) },
        { name: 'sparedFrames', read: (frames) => frames.sparedInRing() },
      ],
    },
  );

  private readonly ring: Int32Array;
  /** By frame: its place in the ring. */
  private readonly places: Int32Array;
  /** By frame: its page; of those that have several, some page that it has had. */
  private readonly pages: Float64Array;
  /** By frame: 1 where it was not accessed between the last two visits of the hand. */
  private readonly spared: Uint8Array;
  /** The pages of each frame that has several. */
  private readonly shared = new Map<number, LinearAddress[]>();
  private count = 0;
  /** The place that the hand comes to next. */
  private hand = 0;

  /** The pages that have been here. */
  readonly everPrivate: EverPrivate;

  /** For frame numbers below `endFrame`. */
  constructor(endFrame: number, ticks: () => number = () => 0) {
    this.everPrivate = new EverPrivate(ticks);
    this.ring = new Int32Array(endFrame);
    this.places = new Int32Array(endFrame);
    this.pages = new Float64Array(endFrame);
    this.spared = new Uint8Array(endFrame);
  }

  get size(): number {
    return this.count;
  }

  /** `spared` of the frames of the ring, in its order. */
  private sparedInRing(): Uint8Array {
    const { ring, count, spared } = this;
    const found = new Uint8Array(count);
    for (let place = 0; place < count; place++) found[place] = spared[ring[place]!]!;
    return found;
  }

  /** Takes in a frame that is not there, which a page is mapped to. */
  add(frame: number, page: LinearAddress): void {
    this.places[frame] = this.count;
    this.ring[this.count++] = frame;
    this.pages[frame] = page;
    this.spared[frame] = 0;
    this.everPrivate.add(page);
  }

  /** Adds another page to a frame that is there. */
  share(frame: number, page: LinearAddress): void {
    const pages = this.shared.get(frame);
    if (pages) pages.push(page);
    else this.shared.set(frame, [this.pages[frame]!, page]);
    this.everPrivate.add(page);
  }

  /** Puts another page in the place of one of a frame that is there. */
  movePage(frame: number, page: LinearAddress, to: LinearAddress): void {
    const pages = this.shared.get(frame);
    if (pages) pages[pages.indexOf(page)] = to;
    else this.pages[frame] = to;
    this.everPrivate.add(to);
  }

  /** Takes out a page of a frame that is there; the frame goes with the last one. Returns how many it has left. */
  deletePage(frame: number, page: LinearAddress): number {
    const pages = this.shared.get(frame);
    if (!pages) {
      this.delete(frame);
      return 0;
    }
    pages.splice(pages.indexOf(page), 1);
    if (pages.length > 1) return pages.length;
    this.pages[frame] = pages[0]!;
    this.shared.delete(frame);
    return 1;
  }

  /** Takes out a frame that is there, with all its pages. */
  delete(frame: number): void {
    this.shared.delete(frame);
    const place = this.places[frame]!;
    const last = this.ring[--this.count]!;
    this.ring[place] = last;
    this.places[last] = place;
    // The hand has not seen the frame that took the place of the one it saw last.
    if (place === this.hand - 1) this.hand = place;
  }

  /** The pages that are mapped to a frame that is there. */
  pagesOf(frame: number): readonly LinearAddress[] {
    return this.shared.get(frame) ?? [this.pages[frame]!];
  }

  /** Calls `visit` for each page. */
  forEachPage(visit: (page: LinearAddress) => void): void {
    for (const frame of this.ring.subarray(0, this.count)) this.pagesOf(frame).forEach(visit);
  }

  /** Advances the hand. Returns the frame that it reaches; undefined if there is none. */
  advance(): number | undefined {
    if (this.hand >= this.count) this.hand = 0;
    return this.count === 0 ? undefined : this.ring[this.hand++];
  }

  /** Records whether a visited frame was accessed. Returns true if it was unaccessed on two visits in a row. */
  visit(frame: number, isAccessed: boolean): boolean {
    const isUnused = !isAccessed && this.spared[frame] === 1;
    this.spared[frame] = isAccessed ? 0 : 1;
    return isUnused;
  }
}
