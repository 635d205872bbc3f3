import { PAGE_SIZE } from '../../../bits.js';
import type { AddressRange } from '../../../mmu/fence.js';
import { isAffectedBy, type RegionExtent } from './region-table.js';

/** A region whose code is being compiled in the background. */
export interface PendingRegion extends RegionExtent {
  readonly base: bigint;
}

/**
 * The regions that are being compiled in the background. One that is not here any more when its code is ready, since its
 * bytes have been stored to or mappings have changed, is not to be entered.
 */
export class PendingRegions {
  private readonly all = new Set<PendingRegion>();

  add(region: PendingRegion): void {
    this.all.add(region);
  }

  /** Takes a region out; whether it was still there. */
  take(region: PendingRegion): boolean {
    return this.all.delete(region);
  }

  /** Whether a region of the page is being compiled: another one has to wait. */
  isBusy(base: bigint): boolean {
    for (const region of this.all) if (region.base === base) return true;
    return false;
  }

  /** Whether some region's code lies in a frame. */
  holds(frame: number): boolean {
    for (const region of this.all) if (liesIn(region, frame)) return true;
    return false;
  }

  deleteFrame(frame: number): void {
    for (const region of this.all) if (liesIn(region, frame)) this.all.delete(region);
  }

  deletePage(linear: bigint): void {
    for (const region of this.all) if (region.pages.some((page) => page.linear === linear)) this.all.delete(region);
  }

  /** Deletes the regions that are affected by code stops in a range. */
  deleteAffected(range: AddressRange): void {
    for (const region of this.all) if (isAffectedBy(region, range)) this.all.delete(region);
  }

  clear(): void {
    this.all.clear();
  }
}

function liesIn({ pages }: PendingRegion, frame: number): boolean {
  return pages.some(({ physical }) => physical / PAGE_SIZE === frame);
}
