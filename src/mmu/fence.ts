import { findLast } from '../sorted.js';

/** The bytes from `start` to `end` (exclusive): linear addresses as numbers (`addressOf`). */
export interface AddressRange {
  readonly start: number;
  readonly end: number;
}

/** The low 48 bits of a canonical linear address, given in two halves, as a number that identifies it. */
export function addressOf(linearHigh: number, linearLow: number): number {
  return (linearHigh & 0xffff) * 0x1_0000_0000 + (linearLow >>> 0);
}

/**
 * The memory that a thread in debug mode may write: bytes that it owns, and bytes that were granted to it. Stores to
 * owned bytes are as fast as without a fence. All other stores are executed by the evaluator, which reports each one
 * that is made.
 */
export class WriteFence {
  /** Owned ranges, ascending, disjoint and not adjacent. */
  readonly owned: readonly AddressRange[];
  readonly granted: readonly AddressRange[];
  /** A key that is equal for fences that own the same ranges. */
  readonly key: string;

  constructor(owned: readonly AddressRange[], granted: readonly AddressRange[] = []) {
    this.owned = unionOf(owned);
    this.granted = unionOf(granted);
    this.key = this.owned.map(({ start, end }) => `${start}-${end}`).join();
  }

  /** Whether the thread owns all bytes of a range. */
  owns(start: number, end: number): boolean {
    const range = this.owned[findLast(this.owned, start)];
    return range !== undefined && end <= range.end;
  }

  /** The parts of a range that the thread does not own, in ascending order. */
  foreign(range: AddressRange): AddressRange[] {
    return without([range], this.owned);
  }

  /** The parts of a range that the thread may not write, in ascending order. */
  refused(range: AddressRange): AddressRange[] {
    return without(this.foreign(range), this.granted);
  }
}

/** Sorts ranges, merges those that touch or overlap, and omits empty ones. */
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

/** Subtracts the ranges `others` from `ranges`; both are ascending and disjoint. */
export function without(ranges: readonly AddressRange[], others: readonly AddressRange[]): AddressRange[] {
  const left: AddressRange[] = [];
  for (const { start, end } of ranges) {
    let at = start;
    for (let index = Math.max(0, findLast(others, start)); index < others.length; index++) {
      const other = others[index]!;
      if (other.start >= end) break;
      if (other.end <= at) continue;
      if (other.start > at) left.push({ start: at, end: other.start });
      at = other.end;
    }
    if (at < end) left.push({ start: at, end });
  }
  return left;
}
