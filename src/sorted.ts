/** Index of the last range that starts at or below `at`, in ranges sorted by their start; -1 for none. */
export function findLast(ranges: readonly { readonly start: number }[], at: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle]!.start <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
