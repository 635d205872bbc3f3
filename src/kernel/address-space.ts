import { PAGE_SIZE, hex, roundUp } from '../bits.js';
import type { StateWriter } from '../state-writer.js';
import { Errno, KernelError } from './errors.js';
import { UPPER_HALF, toLinear, type LinearAddress } from './linear-address.js';
import { allows, type MemoryAccess } from './mapping.js';
import { Region } from './region.js';
import { findLast } from './sorted.js';

/*
 * The address space (design/bd0-os.md):
 *
 *     0000_0000_0000_0000  never mapped
 *     0000_0000_0040_0000  images linked at fixed addresses, one at a time
 *     0000_0001_0000_0000  regions, ascending ...
 *     0000_7FFF_FFFF_F000  ... to the canonical hole, whose last page is left out: an instruction at its end would
 *                          go on at an address that is not canonical
 *     FFFF_8000_0000_0000  ... and on, ascending
 *     FFFF_FF00_0000_0000  the kernel's own
 *     FFFF_FF80_0000_0000  all page-table entries, read-only (page-table.ts)
 */
export const FIXED_IMAGES_START: LinearAddress = 0x40_0000;
export const REGIONS_START: LinearAddress = 0x1_0000_0000;
export const LOWER_REGIONS_END: LinearAddress = UPPER_HALF - PAGE_SIZE;
export const KERNEL_START: LinearAddress = 0xff00_0000_0000;

/** Where regions are placed; none spans two of these. */
const PLACES = [
  { start: REGIONS_START, end: LOWER_REGIONS_END },
  { start: UPPER_HALF, end: KERNEL_START },
];

/** Which region lies where. There is one address space, and every thread lives in it. */
export class AddressSpace {
  /** Ascending and disjoint. */
  private readonly sorted: Region[] = [];

  get regions(): readonly Region[] {
    return this.sorted;
  }

  /** The region that an address lies in. */
  regionAt(address: LinearAddress): Region | undefined {
    const found = this.sorted[findLast(this.sorted, address)];
    return found !== undefined && address < found.end ? found : undefined;
  }

  /**
   * A new region of `size` bytes, rounded up to whole pages, at the lowest address where it fits. ENOSPC where it fits
   * nowhere. The same calls in the same order give the same addresses.
   */
  place(size: number): Region {
    const rounded = roundUp(size, PAGE_SIZE);
    for (const place of PLACES) {
      let start = place.start;
      for (const region of this.sorted) {
        if (region.end <= start) continue;
        if (region.start >= place.end || region.start - start >= rounded) break;
        start = region.end;
      }
      if (place.end - start >= rounded) return this.insert(new Region(start, rounded));
    }
    throw new KernelError(Errno.ENOSPC, `no part of the address space has ${rounded} bytes left for a region`);
  }

  /** A new region at a fixed place among the images below 4 GiB. ENOSPC where there is one already. */
  placeImage(start: LinearAddress, size: number): Region {
    const other = this.sorted[0];
    if (other && other.start < REGIONS_START)
      throw new KernelError(
        Errno.ENOSPC,
        `an image at a fixed address, ${hex(toLinear(other.start))}, runs already: one at a time`,
      );
    return this.insert(new Region(start, size));
  }

  remove(region: Region): void {
    const index = findLast(this.sorted, region.start);
    if (this.sorted[index] !== region) throw new RangeError(`no region starts at ${hex(toLinear(region.start))}`);
    this.sorted.splice(index, 1);
  }

  /** True where every byte from `start` to `end` lies in a mapping that allows the access. */
  permits(start: LinearAddress, end: LinearAddress, access: MemoryAccess): boolean {
    let address = start;
    while (address < end) {
      const mapping = this.regionAt(address)?.mappingAt(address);
      if (!mapping || !allows(mapping.protection, access)) return false;
      address = mapping.end;
    }
    return true;
  }

  /** All regions, ascending. */
  writeState(out: StateWriter): void {
    out.number(this.sorted.length);
    for (const region of this.sorted) region.writeState(out);
  }

  private insert(region: Region): Region {
    this.sorted.splice(findLast(this.sorted, region.start) + 1, 0, region);
    return region;
  }
}
