import { PAGE_SIZE } from '../../../bits.js';
import type { LinearAddress } from '../linear-address.js';

/** Pages that are remembered together: those that a table of level 1 maps, 2 MiB. */
const PAGES_IN_BLOCK = 512;
/** At most so many blocks, 16 MB in all: a guest may touch single pages all over the address space. */
const MOST_BLOCKS = 8192;
/** Ticks are remembered as multiples of this. */
const TICKS_IN_UNIT = 65536;
const NEVER = 2 ** 32 - 1;

/**
 * Since when pages have been mapped to private frames, for the first time: nothing was stored to them before. It is not part of the
 * machine's state: going back in time takes nothing out, so it holds for all pasts.
 */
export class EverPrivate {
  private readonly blocks = new Map<number, Uint32Array>();

  constructor(
    private readonly ticks: () => number,
    private readonly blocksMax = MOST_BLOCKS,
  ) {}

  /** Notes that a page is mapped to a private frame now. */
  add(address: LinearAddress): void {
    this.addSince(address, this.ticks());
  }

  /** Notes that a page is mapped to a private frame since an unknown tick. */
  addRestored(address: LinearAddress): void {
    if (this.since(address) === Infinity) this.addSince(address, 0);
  }

  /** A tick before which nothing was stored to a page, not necessarily the latest. Infinity if nothing was ever stored to it. */
  since(address: LinearAddress): number {
    const page = Math.floor(address / PAGE_SIZE);
    const block = this.blocks.get(Math.floor(page / PAGES_IN_BLOCK));
    const isForgotten = !block && this.blocks.size === this.blocksMax;
    const units = block?.[page % PAGES_IN_BLOCK] ?? (isForgotten ? 0 : NEVER);
    return units === NEVER ? Infinity : units * TICKS_IN_UNIT;
  }

  private addSince(address: LinearAddress, tick: number): void {
    const page = Math.floor(address / PAGE_SIZE);
    const block = this.block(Math.floor(page / PAGES_IN_BLOCK));
    const at = page % PAGES_IN_BLOCK;
    const units = Math.min(Math.floor(tick / TICKS_IN_UNIT), NEVER - 1);
    if (block && units < block[at]!) block[at] = units;
  }

  /** Undefined if there are too many already. */
  private block(number: number): Uint32Array | undefined {
    const known = this.blocks.get(number);
    if (known || this.blocks.size === this.blocksMax) return known;
    const added = new Uint32Array(PAGES_IN_BLOCK).fill(NEVER);
    this.blocks.set(number, added);
    return added;
  }
}
