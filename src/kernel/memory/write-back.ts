import { PAGE_SIZE } from '../../bits.js';
import { ZERO_LEAF } from '../../vmo/content/canonical-form.js';
import { HostMemory } from '../host-memory.js';
import { kept, outside, schema } from '../../state/schema.js';

/** What a page that is written back takes of the host's heap at most, its bytes left out: its place and a VMO of a page. */
const PAGE_HOST_BYTES = 2048;

/** What was written back because frames were short. */
export interface WriteBackCounters {
  /** Private frames that were given up, their bytes left to the store. */
  readonly count: number;
  /** Bytes of the distinct pages that the store keeps for it now. */
  readonly bytesKept: number;
}

/**
 * What written-back pages take of the store: a page for each content, however many pages have it, and none for zeros. A
 * content is given back when the last page that has it is written again, committed, or gone with its region.
 */
export class WriteBackQuota {
  static readonly state = schema(
    'write-back quota',
    WriteBackQuota,
    {
      pagesByLeaf: kept('known from the pages that were written back'),
      count: kept('a statistic'),
      quotaBytes: outside('set when the machine is made'),
      hostMemory: outside('described by the kernel'),
    },
    { isPart: true },
  );

  private readonly pagesByLeaf = new Map<string, number>();
  private count = 0;

  /** Throws RangeError for a quota that is not 0 bytes or more; Infinity is one. */
  constructor(
    private readonly quotaBytes: number,
    private readonly hostMemory = new HostMemory(),
  ) {
    if (!(quotaBytes >= 0)) throw new RangeError(`a write-back quota of ${quotaBytes} bytes is not 0 or more`);
  }

  get counters(): WriteBackCounters {
    return { count: this.count, bytesKept: this.bytesKept };
  }

  /** True where one more content would be kept. */
  get hasRoom(): boolean {
    return this.hasRoomFor(1);
  }

  /** True where one more content would be kept that so many pages have. */
  hasRoomFor(pages: number): boolean {
    return this.bytesKept + PAGE_SIZE <= this.quotaBytes && this.hostMemory.hasRoom(PAGE_HOST_BYTES * pages);
  }

  /** Counts a private frame that was given up. */
  wroteBack(): void {
    this.count++;
  }

  /** Takes up a page of this content. */
  take(leaf: string): void {
    this.hostMemory.charge('writtenBack');
    if (leaf !== ZERO_LEAF) this.pagesByLeaf.set(leaf, (this.pagesByLeaf.get(leaf) ?? 0) + 1);
  }

  /** Gives back a page of this content. */
  giveBack(leaf: string): void {
    this.hostMemory.release('writtenBack');
    if (leaf === ZERO_LEAF) return;
    const pages = this.pagesByLeaf.get(leaf);
    if (pages === undefined) throw new Error(`no page of leaf ${leaf} was written back`);
    if (pages === 1) this.pagesByLeaf.delete(leaf);
    else this.pagesByLeaf.set(leaf, pages - 1);
  }

  private get bytesKept(): number {
    return this.pagesByLeaf.size * PAGE_SIZE;
  }
}
