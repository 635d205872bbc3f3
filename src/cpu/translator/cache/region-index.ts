import { PAGE_SIZE } from '../../../bits.js';
import type { CodeView } from '../../engine/code-view.js';
import type { CodePage } from '../compile/code-reader.js';

interface Indexed {
  readonly pages: readonly CodePage[];
  readonly view: CodeView;
}

/** Regions, found by view and linear page, and by the frames in which their code lies; in the order in which they were put in. */
export class RegionIndex<R extends Indexed> {
  private readonly none: ReadonlySet<R> = new Set();
  private readonly all = new Set<R>();
  private readonly byPage = new Map<bigint, Set<R>>();
  private readonly byFrame = new Map<number, Set<R>>();

  get size(): number {
    return this.all.size;
  }
  has(region: R): boolean {
    return this.all.has(region);
  }
  [Symbol.iterator](): IterableIterator<R> {
    return this.all.values();
  }

  /** Those with code in the linear page that begins at an address, as their view has it. */
  inPage(page: bigint): ReadonlySet<R> {
    return this.byPage.get(page) ?? this.none;
  }
  /** Those with code in a frame. */
  inFrame(frame: number): R[] {
    return [...(this.byFrame.get(frame) ?? [])];
  }
  /** Whether some region's code lies in a frame. */
  holds(frame: number): boolean {
    return this.byFrame.has(frame);
  }

  add(region: R): void {
    this.all.add(region);
    for (const { linear, physical } of region.pages) {
      addTo(this.byPage, linear ^ region.view, region);
      addTo(this.byFrame, physical / PAGE_SIZE, region);
    }
  }

  /** Takes a region out; whether it was there. */
  delete(region: R): boolean {
    if (!this.all.delete(region)) return false;
    for (const { linear, physical } of region.pages) {
      deleteFrom(this.byPage, linear ^ region.view, region);
      deleteFrom(this.byFrame, physical / PAGE_SIZE, region);
    }
    return true;
  }

  clear(): void {
    for (const map of [this.all, this.byPage, this.byFrame]) map.clear();
  }
}

function addTo<K, R>(map: Map<K, Set<R>>, key: K, region: R): void {
  const set = map.get(key);
  if (set) set.add(region);
  else map.set(key, new Set([region]));
}

function deleteFrom<K, R>(map: Map<K, Set<R>>, key: K, region: R): void {
  const set = map.get(key);
  set?.delete(region);
  if (set?.size === 0) map.delete(key);
}
