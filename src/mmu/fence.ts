/** Bytes from `start` up to `end`, which is not one of them: linear addresses as numbers (`addressOf`). */
export interface AddressRange {
  readonly start: number;
  readonly end: number;
}

/** The low 48 bits of a canonical linear address, given by its halves: all that tells it from others, as a number. */
export function addressOf(linearHigh: number, linearLow: number): number {
  return (linearHigh & 0xffff) * 0x1_0000_0000 + (linearLow >>> 0);
}

/**
 * What a thread in debug mode may write: bytes that are its own, and others that it was granted. Stores to its own are
 * as fast as without a fence. Those to others are all done by the evaluator, which tells of each that is made.
 */
export class WriteFence {
  /** Ascending and disjoint, with bytes of others between any two. */
  readonly owned: readonly AddressRange[];
  readonly granted: readonly AddressRange[];
  /** The same for fences that own the same. */
  readonly key: string;

  constructor(owned: readonly AddressRange[], granted: readonly AddressRange[] = []) {
    this.owned = unionOf(owned);
    this.granted = unionOf(granted);
    this.key = this.owned.map(({ start, end }) => `${start}-${end}`).join();
  }

  /** True where all bytes of a range are the thread's own. */
  owns(start: number, end: number): boolean {
    for (const range of this.owned) if (start >= range.start && end <= range.end) return true;
    return false;
  }

  /** The parts of a range that are not the thread's own, ascending. */
  foreign(range: AddressRange): AddressRange[] {
    return without([range], this.owned);
  }

  /** The parts of a range that the thread may not write, ascending. */
  refused(range: AddressRange): AddressRange[] {
    return without(this.foreign(range), this.granted);
  }
}

/** Ranges ascending, those that touch or overlap made one; empty ones are left out. */
export function unionOf(ranges: readonly AddressRange[]): AddressRange[] {
  const union: { start: number; end: number }[] = [];
  for (const { start, end } of [...ranges].sort((a, b) => a.start - b.start)) {
    const last = union.at(-1);
    if (start >= end) continue;
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else union.push({ start, end });
  }
  return union;
}

/** What is left of ranges without the bytes of others, both ascending and disjoint. */
export function without(ranges: readonly AddressRange[], others: readonly AddressRange[]): AddressRange[] {
  const left: AddressRange[] = [];
  for (const { start, end } of ranges) {
    let at = start;
    for (const other of others) {
      if (other.end <= at || other.start >= end) continue;
      if (other.start > at) left.push({ start: at, end: other.start });
      at = other.end;
    }
    if (at < end) left.push({ start: at, end });
  }
  return left;
}
