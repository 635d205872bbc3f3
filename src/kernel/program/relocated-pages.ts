import { PAGE_SIZE } from '../../bits.js';
import type { VmoHandle } from '../../vmo/handle.js';
import type { Patch } from '../../vmo/store.js';

/** Pages in hand at most; a word may end in one more. */
const MOST_PAGES = 64;

/** Copies of some pages of a VMO that words are written to. */
export class RelocatedPages {
  private readonly pages = new Map<number, Uint8Array>();
  /** Pages that were read so far. */
  read = 0;

  get isFull(): boolean {
    return this.pages.size >= MOST_PAGES;
  }

  /** Writes bytes, at most a page, at an offset in `content`. */
  write(content: VmoHandle, offset: number, bytes: Uint8Array): void {
    const inPage = offset % PAGE_SIZE;
    const page = (offset - inPage) / PAGE_SIZE;
    const before = Math.min(bytes.length, PAGE_SIZE - inPage);
    this.pageOf(content, page).set(before < bytes.length ? bytes.subarray(0, before) : bytes, inPage);
    if (before < bytes.length) this.pageOf(content, page + 1).set(bytes.subarray(before));
  }

  /** The pages as patches, one for each run of pages that follow one another; none is in hand afterwards. */
  takeAll(): Patch[] {
    const patches: Patch[] = [];
    let run: Uint8Array[] = [];
    const sorted = [...this.pages.keys()].sort((a, b) => a - b);
    sorted.forEach((page, index) => {
      run.push(this.pages.get(page)!);
      if (sorted[index + 1] === page + 1) return;
      patches.push({ offset: (page + 1 - run.length) * PAGE_SIZE, bytes: joined(run) });
      run = [];
    });
    this.pages.clear();
    return patches;
  }

  private pageOf(content: VmoHandle, page: number): Uint8Array {
    const known = this.pages.get(page);
    if (known) return known;
    const bytes = content.read(page * PAGE_SIZE, Math.min(PAGE_SIZE, content.length - page * PAGE_SIZE));
    this.pages.set(page, bytes);
    this.read++;
    return bytes;
  }
}

/** The bytes of pages that follow one another, of which the last one may be shorter. */
function joined(pages: readonly Uint8Array[]): Uint8Array {
  if (pages.length === 1) return pages[0]!;
  const bytes = new Uint8Array((pages.length - 1) * PAGE_SIZE + pages.at(-1)!.length);
  pages.forEach((page, index) => bytes.set(page, index * PAGE_SIZE));
  return bytes;
}
