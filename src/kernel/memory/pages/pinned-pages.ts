import type { LinearAddress } from '../linear-address.js';
import { derived, schema } from '../../../state/schema.js';

/** The few pages that an instruction or a kernel-call needs at once. All of them come and go with each fault: no garbage. */
export class PinnedPages {
  static readonly state = schema(
    'pinned pages',
    PinnedPages,
    {
      pages: derived('as many as `count` of them are in use'),
      count: derived('from the pages'),
    },
    {
      isPart: true,
      computed: [
        {
          name: 'inUse',
          read: ({ pages, count }) => pages.slice(0, count),
          write: (pinned, pages) => pinned.refill(pages),
        },
      ],
    },
  );

  /** Those that are there are the first `count`. */
  private readonly pages: LinearAddress[] = [];
  private count = 0;

  /** Takes a page in; no effect where it is there already. */
  add(page: LinearAddress): void {
    if (!this.has(page)) this.pages[this.count++] = page;
  }

  has(page: LinearAddress): boolean {
    for (let i = 0; i < this.count; i++) if (this.pages[i] === page) return true;
    return false;
  }

  private refill(pages: readonly LinearAddress[]): void {
    this.clear();
    for (const page of pages) this.add(page);
  }

  clear(): void {
    this.count = 0;
  }
}
