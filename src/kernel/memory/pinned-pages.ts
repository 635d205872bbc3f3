import type { StateWriter } from '../../state/state-writer.js';
import type { LinearAddress } from './linear-address.js';

/** The few pages that an instruction or a kernel-call needs at once. All of them come and go with each fault: no garbage. */
export class PinnedPages {
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

  clear(): void {
    this.count = 0;
  }

  /** In the order in which they came in. */
  writeState(out: StateWriter): void {
    out.numbers(this.pages.slice(0, this.count));
  }
}
