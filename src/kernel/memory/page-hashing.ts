import { PAGE_SIZE } from '../../bits.js';
import type { VmoHandle } from '../../vmo/handle.js';
import type { LinearAddress } from './linear-address.js';
import type { ContentSource } from './memory-content.js';
import { schema, value, type Schema } from '../../state/schema.js';

/** Pages that are hashed in a part of the work. */
const PAGES_IN_PART = 64;

/**
 * Hashes the written pages of a range, in parts, so that a commit finds their hashes and has little to do between two
 * instructions, however many pages there are. Pages written during the hashing are hashed again.
 */
export class PageHashing {
  static readonly state: Schema = schema('page hashing', PageHashing, { hashed: value, at: value, end: value });

  /** Keep the hashes known. */
  private readonly hashed: VmoHandle[] = [];

  constructor(
    private at: LinearAddress,
    private readonly end: LinearAddress,
  ) {}

  /** Hashes the next pages. Answers how many there were; none: all are done. */
  takePart({ space, store, pager, guestMemory }: ContentSource): number {
    const changed = space.regionAt(this.at)?.changed.within(this.at, this.end, PAGES_IN_PART) ?? [];
    for (const { page, content } of changed) {
      this.at = page + PAGE_SIZE;
      if (content) continue;
      const physical = (pager.pageTable.entry(page) >>> 12) * PAGE_SIZE;
      const bytes = store.page(guestMemory.ram.subarray(physical, physical + PAGE_SIZE));
      this.hashed.push(bytes);
      void bytes.page(0).leaf;
    }
    return changed.length;
  }

  close(): void {
    for (const bytes of this.hashed.splice(0)) bytes.close();
  }
}
