import { PAGE_SIZE } from '../bits.js';
import { HOST_LAYOUT, type GuestMemory } from '../memory.js';

/**
 * Translations of pages with data stops, which have no entries in the TLB: they hold for accesses that touch none of the bytes
 * between the first and the last stop of the page. The interpreter looks them up after a miss, so that a busy page is not slow
 * because some of its bytes are watched. A table in the shared memory:
 *
 *     +0   i32  address one past the last entry
 *     +16       entries of 32 bytes:
 *          +0   i64  tag: the linear address of the page
 *          +8   i32  0 for reads, 1 for writes
 *          +12  i32  addend, as in the TLB
 *          +16  i32  offsets in the page: of the first byte between the stops, and one past the last
 *          +20  i32
 */
export const PARTS = HOST_LAYOUT.partialEntries;
export const PARTS_START = PARTS + 16;
export const PART_BYTES = 32;
export const PART = { tag: 0, access: 8, addend: 12, low: 16, high: 20 } as const;
export const PART_WRITE = 1;

const MOST_PARTS = 8;

/** Bytes of a page, given as offsets in it. */
export interface PagePart {
  readonly low: number;
  readonly high: number;
}

export class PartialEntries {
  private readonly words: Int32Array;
  private count = 0;

  constructor({ host32 }: GuestMemory) {
    this.words = host32;
    this.setCount(0);
  }

  /** Enters the page of a linear address, which leads to a host address with an addend, without a part of it. */
  add(linearHigh: number, linearLow: number, isWrite: boolean, addend: number, { low, high }: PagePart): void {
    if (this.count === MOST_PARTS) this.count = 0;
    const word = (PARTS_START + this.count * PART_BYTES) >>> 2;
    const values = [linearLow & ~(PAGE_SIZE - 1), linearHigh, isWrite ? PART_WRITE : 0, addend, low, high];
    for (const [i, value] of values.entries()) this.words[word + i] = value;
    this.setCount(this.count + 1);
  }

  /** Called whenever any entry of the TLB is dropped: they are few, and soon made again. */
  clear(): void {
    if (this.count > 0) this.setCount(0);
  }

  private setCount(count: number): void {
    this.count = count;
    this.words[PARTS >>> 2] = PARTS_START + count * PART_BYTES;
  }
}
