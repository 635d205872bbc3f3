import { PAGE_SIZE, hex, roundUp } from '../../bits.js';
import { Errno, KernelError } from '../errors.js';
import { HostMemory } from '../host-memory.js';
import { WorkMeter } from '../work-meter.js';
import { UPPER_HALF, toLinear, type LinearAddress } from './linear-address.js';
import { allows, reachableEnd, type MemoryAccess } from './mapping.js';
import { PAGE_TABLE_WINDOW } from './page-table.js';
import { Region } from './region.js';
import { findLast } from '../../sorted.js';
import { outside, schema, value } from '../../state/schema.js';

/*
 * The address space (design/bd0-os.md):
 *
 *     0000_0000_0000_0000  never mapped
 *     0000_0000_0040_0000  images linked at fixed addresses, one at a time
 *     0000_0001_0000_0000  regions, ascending ...
 *     0000_7FFF_FFFF_F000  ... to the canonical hole, whose last page is left out: an instruction at its end would
 *                          go on at an address that is not canonical
 *     FFFF_8000_0000_0000  ... and on, ascending
 *     FFFF_FF00_0000_0000  the kernel's own: 2 MiB for what the kernel shows of itself ...
 *     FFFF_FF00_0020_0000  ... and the maps of VMOs that have no place in a region, first fit
 *     FFFF_FF80_0000_0000  all page-table entries, read-only (page-table.ts)
 */
export const FIXED_IMAGES_START: LinearAddress = 0x40_0000;
export const REGIONS_START: LinearAddress = 0x1_0000_0000;
export const LOWER_REGIONS_END: LinearAddress = UPPER_HALF - PAGE_SIZE;
export const KERNEL_START: LinearAddress = 0xff00_0000_0000;
export const MAPS_START: LinearAddress = KERNEL_START + 0x20_0000;

/** What a look at a mapping, which has to be found, and at a region takes the host: units of effort. */
const MAPPING_EFFORT = 0.05;
const REGION_EFFORT = 0.01;

interface Place {
  readonly start: LinearAddress;
  readonly end: LinearAddress;
}

/** Where regions are placed; none spans two of these. */
const PLACES: readonly Place[] = [
  { start: REGIONS_START, end: LOWER_REGIONS_END },
  { start: UPPER_HALF, end: KERNEL_START },
];
/** The size of the largest region that an empty address space has room for, in bytes. */
export const LARGEST_REGION_BYTES = Math.max(...PLACES.map(({ start, end }) => end - start));

const PLACE_OF_MAPS = { start: MAPS_START, end: PAGE_TABLE_WINDOW };

/** Which region lies where. There is one address space, and every thread lives in it. */
export class AddressSpace {
  static readonly state = schema(
    'address space',
    AddressSpace,
    {
      sorted: value,
      hostMemory: outside('described by the kernel'),
      work: outside('of the host'),
    },
    { isPart: true },
  );

  /** Ascending and disjoint. */
  private readonly sorted: Region[] = [];

  constructor(
    private readonly hostMemory = new HostMemory(),
    private readonly work = new WorkMeter(),
  ) {}

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
    return this.insert(this.firstPlace(size), roundUp(size, PAGE_SIZE));
  }

  /** As `place`, at the lowest multiple of `alignment`, which is one of 4096, where it fits. */
  placeAligned(size: number, alignment: number): Region {
    return this.insert(this.firstPlace(size, alignment), roundUp(size, PAGE_SIZE));
  }

  /**
   * As `placeAligned`, preferably where it can grow: at the first free one of the places that lie `distance` bytes, a multiple
   * of `alignment`, from one another in the lower half.
   */
  placeApart(size: number, alignment: number, distance: number): Region {
    for (let start = roundUp(REGIONS_START, alignment); start + size <= LOWER_REGIONS_END; start += distance)
      if (this.isFree(start, start + size)) return this.insert(start, size);
    return this.placeAligned(size, alignment);
  }

  /** Makes a region larger. False, with nothing changed, where something follows it too closely. */
  grow(region: Region, size: number): boolean {
    const end = region.start + size;
    const place = PLACES.find((place) => region.start >= place.start && region.end <= place.end);
    if (!place || end > place.end || !this.isFree(region.end, end)) return false;
    region.size = size;
    return true;
  }

  /** Whether no region lies in a range. */
  private isFree(start: LinearAddress, end: LinearAddress): boolean {
    const before = this.sorted[findLast(this.sorted, end - 1)];
    return before === undefined || before.end <= start;
  }

  /** Where `place` would put a region, or `placeAligned`. */
  firstPlace(size: number, alignment = PAGE_SIZE): LinearAddress {
    const rounded = roundUp(size, PAGE_SIZE);
    for (const place of PLACES) {
      const start = this.firstFit(place, rounded, alignment);
      if (start !== undefined) return start;
    }
    throw new KernelError(Errno.ENOSPC, `no part of the address space has ${rounded} bytes left for a region`);
  }

  /** A new region for the map of a VMO, of whole pages, in the kernel's part; undefined where it fits nowhere. */
  placeMap(size: number): Region | undefined {
    const start = this.firstFit(PLACE_OF_MAPS, size);
    return start === undefined ? undefined : this.insert(start, size);
  }

  /** A new region at a fixed place among the images below 4 GiB. ENOSPC where there is one already. */
  placeImage(start: LinearAddress, size: number): Region {
    const other = this.sorted[0];
    if (other && other.start < REGIONS_START)
      throw new KernelError(
        Errno.ENOSPC,
        `an image at a fixed address, ${hex(toLinear(other.start))}, runs already: one at a time`,
      );
    return this.insert(start, size);
  }

  /** A new region at a free place. Throws RangeError if it is taken. */
  placeAt(start: LinearAddress, size: number): Region {
    if (!this.isFree(start, start + size)) throw new RangeError(`there is a region at ${hex(toLinear(start))} already`);
    return this.insert(start, size);
  }

  remove(region: Region): void {
    const index = findLast(this.sorted, region.start);
    if (this.sorted[index] !== region) throw new RangeError(`no region starts at ${hex(toLinear(region.start))}`);
    this.sorted.splice(index, 1);
    region.giveUp();
  }

  /** True where every byte from `start` to `end` lies in a mapping that allows the access. */
  permits(start: LinearAddress, end: LinearAddress, access: MemoryAccess): boolean {
    let address = start;
    while (address < end) {
      const mapping = this.regionAt(address)?.mappingAt(address);
      this.work.add(MAPPING_EFFORT);
      if (!mapping || !allows(mapping.protection, access)) return false;
      const end = reachableEnd(mapping);
      if (end <= address) return false;
      address = end;
    }
    return true;
  }

  /** Whether an access that its mapping allows lies behind the end of the file that is mapped there. */
  isBeyondEnd(address: LinearAddress, access: MemoryAccess): boolean {
    const mapping = this.regionAt(address)?.mappingAt(address);
    return mapping !== undefined && allows(mapping.protection, access) && address >= reachableEnd(mapping);
  }

  /** The lowest multiple of `alignment` in a place from which so many bytes are free. */
  private firstFit(place: Place, size: number, alignment = PAGE_SIZE): LinearAddress | undefined {
    let start = roundUp(place.start, alignment);
    for (let index = Math.max(0, findLast(this.sorted, start)); index < this.sorted.length; index++) {
      const region = this.sorted[index]!;
      this.work.add(REGION_EFFORT);
      if (region.end <= start) continue;
      if (region.start >= place.end || region.start - start >= size) break;
      start = roundUp(region.end, alignment);
    }
    return place.end - start >= size ? start : undefined;
  }

  private insert(start: LinearAddress, size: number): Region {
    const region = new Region(start, size, this.hostMemory);
    this.sorted.splice(findLast(this.sorted, region.start) + 1, 0, region);
    return region;
  }
}
