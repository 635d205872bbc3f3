/** Index of the first of `length` items for which `isBefore` is false, where it is true for all items before that one. */
export function partitionPoint(length: number, isBefore: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the last range that starts at or below `at`, in ranges sorted by their start; -1 for none. */
export function findLast(ranges: readonly { readonly start: number }[], at: number): number {
  return partitionPoint(ranges.length, (index) => ranges[index]!.start <= at) - 1;
}
