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
  /** Where in physical memory it goes on: the start of a page. */
  readonly second: number;
  /** Whether it has been put aside, since the next page, or its own, may be mapped elsewhere; its first word, if so. */
  aside: number | undefined;
}

/** What is decoded of a linear page as long as it is mapped to one frame. */
export class DecodedPage {
  /** Records by offset in the page. */
  readonly records = new Map<number, number>();
  /** Those among them that cross into the next page, and those put aside, which are not among them, by offset. */
  readonly crossings = new Map<number, Crossing>();
  /** Records that others than those of this page lead to. */
  readonly entries = new Set<number>();
  /** Those that indirect branches lead to. */
  readonly indirectTargets = new Set<number>();
  /** Where it is kept: its entries, each followed by its first word, in whose place they say RESOLVE. */
  aside: number[] | undefined;

  /** `linear` is the address of its first byte. */
  constructor(
    readonly linear: bigint,
    readonly frame: number,
  ) {}

  /** Whether nothing is decoded of it, any more or yet. */
  get isEmpty(): boolean {
    return this.records.size === 0 && this.crossings.size === 0;
  }
}

/** Pages of one linear address that are kept while others are mapped there, at most. */
const MOST_KEPT = 4;

/**
 * The decoded pages: one at most of each linear page is live, and can be run; others are kept, since what was mapped there
 * once is often mapped there again: the program that is started after another has ended, or a page whose A bit was cleared.
 */
export class DecodedPages {
  private readonly live = new Map<bigint, DecodedPage>();
  private readonly kept = new Map<bigint, DecodedPage[]>();

  /** The live page that begins at an address. */
  at(linear: bigint): DecodedPage | undefined {
    return this.live.get(linear);
  }

  /** Makes a page live that was not; it must have no other in its place. */
  enter(page: DecodedPage): void {
    this.live.set(page.linear, page);
  }

  /** Keeps a page that was live, unless it is empty: there is no end to linear pages. */
  keep(page: DecodedPage): void {
    this.live.delete(page.linear);
    if (page.isEmpty) return;
    const kept = this.kept.get(page.linear);
    if (!kept) this.kept.set(page.linear, [page]);
    else if (kept.push(page) > MOST_KEPT) kept.shift();
  }

  /** Takes out the page that was kept of a linear page while that was mapped to a frame. */
  takeKept(linear: bigint, frame: number): DecodedPage | undefined {
    return this.takeOut(linear, (page) => page.frame === frame);
  }

  /** Gives up the page among those that are kept which has `record` at an offset. */
  giveUp(linear: bigint, offset: number, record: number): void {
    const has = ({ records, crossings }: DecodedPage): boolean =>
      records.get(offset) === record || crossings.get(offset)?.record === record;
    this.takeOut(linear, has);
  }

  /** Gives up a page if it is kept. */
  drop(page: DecodedPage): void {
    this.takeOut(page.linear, (kept) => kept === page);
  }

  clear(): void {
    this.live.clear();
    this.kept.clear();
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
