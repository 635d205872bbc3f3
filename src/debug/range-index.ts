import { partitionPoint } from '../sorted.js';
import type { Steps } from '../vmo/steps.js';

/** Elements that a step of sorting moves, at least: a few milliseconds. */
const MOVED_IN_STEP = 2 ** 16;

/** Numbered ranges of addresses, found by an address that lies in them. Ranges may overlap: the one that starts last wins. */
export class RangeIndex {
  private constructor(
    private readonly starts: ArrayLike<number>,
    private readonly ends: ArrayLike<number>,
    /** Numbers of ranges, ascending by start, then by end. */
    private readonly order: Uint32Array,
  ) {}

  /** Range `i` reaches from `starts[i]` to before `ends[i]`. The arrays are kept, not copied. */
  static *of(starts: ArrayLike<number>, ends: ArrayLike<number>): Steps<RangeIndex> {
    const isBehind = (a: number, b: number): boolean =>
      starts[a]! > starts[b]! || (starts[a] === starts[b] && ends[a]! > ends[b]!);
    return new RangeIndex(starts, ends, yield* sortedNumbers(starts.length, isBehind));
  }

  /** The number of the range that an address lies in; undefined for none. */
  find(address: number): number | undefined {
    const { ends, order } = this;
    const found = order[this.placeOf(address)];
    return found !== undefined && address < ends[found]! ? found : undefined;
  }

  /** The numbers of all ranges that are the same as the one that `find` finds. */
  findEqual(address: number): number[] {
    const { starts, ends, order } = this;
    const last = this.find(address);
    if (last === undefined) return [];
    const equal: number[] = [];
    for (let place = this.placeOf(address); place >= 0; place--) {
      const number = order[place]!;
      if (starts[number] !== starts[last] || ends[number] !== ends[last]) break;
      equal.push(number);
    }
    return equal;
  }

  private placeOf(address: number): number {
    return partitionPoint(this.order.length, (place) => this.starts[this.order[place]!]! <= address) - 1;
  }
}

/** The numbers below `count` in order: a stable merge sort, from the bottom up, in steps. */
function* sortedNumbers(count: number, isBehind: (a: number, b: number) => boolean): Steps<Uint32Array> {
  let from = new Uint32Array(count);
  let to = new Uint32Array(count);
  for (let index = 0; index < count; index++) from[index] = index;
  let moved = 0;
  for (let width = 1; width < count; width *= 2) {
    for (let start = 0; start < count; start += 2 * width) {
      const middle = Math.min(start + width, count);
      const end = Math.min(middle + width, count);
      merge(from.subarray(start, middle), from.subarray(middle, end), to.subarray(start, end), isBehind);
      moved += end - start;
      if (moved < MOVED_IN_STEP) continue;
      moved = 0;
      yield;
    }
    [from, to] = [to, from];
  }
  return from;
}

function merge(
  left: Uint32Array,
  right: Uint32Array,
  merged: Uint32Array,
  isBehind: (a: number, b: number) => boolean,
): void {
  let l = 0;
  let r = 0;
  for (let at = 0; at < merged.length; at++) {
    const takesRight = l === left.length || (r < right.length && isBehind(left[l]!, right[r]!));
    merged[at] = takesRight ? right[r++]! : left[l++]!;
  }
}
