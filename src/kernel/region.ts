import { PAGE_SIZE, hex } from '../bits.js';
import type { StateWriter } from '../state-writer.js';
import { toLinear, type LinearAddress } from './linear-address.js';
import type { Mapping } from './mapping.js';
import { findLast } from './sorted.js';

/**
 * A contiguous, page-aligned part of the address space that belongs to a process, and the mappings in it. Where there is
 * no mapping, an access traps.
 */
export class Region {
  /** One past the last byte. */
  readonly end: LinearAddress;
  /** Pages of it that are mapped to a frame. */
  residentPages = 0;
  /** Those among them that are mapped to a clean frame, which everybody shares who maps the same bytes. */
  sharedPages = 0;
  /** Ascending and disjoint. */
  private readonly sorted: Mapping[] = [];

  /** `start` and `size` in bytes, multiples of 4096. */
  constructor(
    readonly start: LinearAddress,
    readonly size: number,
  ) {
    this.end = start + size;
  }

  get mappings(): readonly Mapping[] {
    return this.sorted;
  }

  /** The mapping that an address lies in. */
  mappingAt(address: LinearAddress): Mapping | undefined {
    const found = this.sorted[findLast(this.sorted, address)];
    return found !== undefined && address < found.end ? found : undefined;
  }

  /** Throws RangeError where the mapping is not made of whole pages of this region, or some page is mapped already. */
  add(mapping: Mapping): void {
    const { start, end } = mapping;
    const index = findLast(this.sorted, start);
    const before = this.sorted[index];
    const after = this.sorted[index + 1];
    const name = `mapping ${hex(toLinear(start))} to ${hex(toLinear(end - 1))}`;
    if (start % PAGE_SIZE !== 0 || end % PAGE_SIZE !== 0 || start >= end)
      throw new RangeError(`${name} is not made of whole pages`);
    if (start < this.start || end > this.end) throw new RangeError(`${name} lies outside its region`);
    if ((before && before.end > start) || (after && after.start < end))
      throw new RangeError(`${name} lies over another one`);
    this.sorted.splice(index + 1, 0, mapping);
  }

  /** Where it lies and what is mapped in it. A VMO is its identity: one that was never asked for it is hashed now. */
  writeState(out: StateWriter): void {
    out.numbers([this.start, this.size, this.residentPages, this.sharedPages, this.sorted.length]);
    for (const { start, end, protection, backing } of this.sorted)
      out.numbers([start, end, protection, backing?.offset ?? -1]).text(backing?.vmo.id ?? '');
  }
}
