import type { LinearAddress } from './kernel/memory/linear-address.js';

/** Index of the last range that starts at or below `address`, in ranges sorted by their start; -1 for none. */
export function findLast(ranges: readonly { readonly start: LinearAddress }[], address: LinearAddress): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle]!.start <= address) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
