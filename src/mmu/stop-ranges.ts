import { PAGE_SIZE } from '../bits.js';
import { findLast } from '../sorted.js';
import { unionOf, type AddressRange } from './fence.js';

/** A collection of address ranges, in which equal ranges may occur several times, with fast tests against all of them. */
export class StopRanges {
  /** A field rather than a getter, since it is tested at every step of the engines. */
  isEmpty = true;
  private readonly counts = new Map<string, { readonly range: AddressRange; count: number }>();
  /** The union of all ranges, and of the whole pages that they touch; undefined after a change. */
  private unions: { readonly bytes: readonly AddressRange[]; readonly pages: readonly AddressRange[] } | undefined;

  add(range: AddressRange): void {
    const entry = this.counts.get(keyOf(range));
    if (entry) entry.count++;
    else this.counts.set(keyOf(range), { range, count: 1 });
    this.unions = undefined;
    this.isEmpty = false;
  }

  /** Removes a range once. Throws RangeError if it was not added. */
  delete(range: AddressRange): void {
    const entry = this.counts.get(keyOf(range));
    if (!entry) throw new RangeError(`no stop was added from ${range.start} to ${range.end}`);
    if (--entry.count > 0) return;
    this.counts.delete(keyOf(range));
    this.unions = undefined;
    this.isEmpty = this.counts.size === 0;
  }

  /** Whether any range contains an address. */
  has(address: number): boolean {
    if (this.isEmpty) return false;
    const range = this.bytes[findLast(this.bytes, address)];
    return range !== undefined && address < range.end;
  }

  /** Whether any range shares a byte with the page of an address. */
  touchesPage(address: number): boolean {
    if (this.isEmpty) return false;
    const { pages } = this.current;
    const range = pages[findLast(pages, address)];
    return range !== undefined && address < range.end;
  }

  /** The first part of a range that lies within the union of the ranges. */
  firstWithin({ start, end }: AddressRange): AddressRange | undefined {
    if (this.isEmpty) return undefined;
    for (let index = Math.max(0, findLast(this.bytes, start)); index < this.bytes.length; index++) {
      const range = this.bytes[index]!;
      if (range.start >= end) break;
      if (range.end > start) return { start: Math.max(start, range.start), end: Math.min(end, range.end) };
    }
    return undefined;
  }

  /** From the first to the last byte of any range within another one; undefined if there is none. */
  extentIn({ start, end }: AddressRange): AddressRange | undefined {
    const first = this.firstWithin({ start, end });
    const last = first && this.bytes[findLast(this.bytes, end - 1)];
    return last && { start: first.start, end: Math.min(end, last.end) };
  }

  private get bytes(): readonly AddressRange[] {
    return this.current.bytes;
  }

  private get current(): NonNullable<StopRanges['unions']> {
    if (this.unions) return this.unions;
    const ranges = Array.from(this.counts.values(), ({ range }) => range);
    const pages = ranges.map(({ start, end }) => ({ start: pageStart(start), end: pageStart(end - 1) + PAGE_SIZE }));
    return (this.unions = { bytes: unionOf(ranges), pages: unionOf(pages) });
  }
}

function keyOf({ start, end }: AddressRange): string {
  return `${start}-${end}`;
}

function pageStart(address: number): number {
  return address - (address % PAGE_SIZE);
}
