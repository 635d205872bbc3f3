/* qsort [N]: sorts N pseudo-random numbers, by a quicksort that calls a function to compare. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef int comparison(const uint64_t *left, const uint64_t *right);

static int ascending(const uint64_t *left, const uint64_t *right) {
  return (*left > *right) - (*left < *right);
}

static int by_low_half_descending(const uint64_t *left, const uint64_t *right) {
  uint32_t l = (uint32_t)*left, r = (uint32_t)*right;
  return l != r ? (l < r) - (l > r) : ascending(left, right);
}

static void swap(uint64_t *left, uint64_t *right) {
  uint64_t kept = *left;
  *left = *right;
  *right = kept;
}

static void insertion_sort(uint64_t *items, size_t count, comparison *compare) {
  for (size_t i = 1; i < count; i++)
    for (size_t j = i; j > 0 && compare(&items[j - 1], &items[j]) > 0; j--) swap(&items[j - 1], &items[j]);
}

/** Moves the median of the first, middle and last item to the front. */
static void choose_pivot(uint64_t *items, size_t count, comparison *compare) {
  uint64_t *middle = &items[count / 2], *last = &items[count - 1];
  if (compare(middle, last) > 0) swap(middle, last);
  if (compare(items, last) > 0) swap(items, last);
  if (compare(middle, items) > 0) swap(middle, items);
}

/** Recurses into the smaller part and loops over the larger: the stack holds log2(count) frames at most. */
static void quicksort(uint64_t *items, size_t count, comparison *compare) {
  while (count > 16) {
    choose_pivot(items, count, compare);
    uint64_t pivot = items[0];
    size_t low = 0, high = count;
    for (;;) {
      while (compare(&items[++low], &pivot) < 0 && low < count - 1)
        ;
      while (compare(&items[--high], &pivot) > 0)
        ;
      if (low >= high) break;
      swap(&items[low], &items[high]);
    }
    swap(&items[0], &items[high]);
    size_t above = count - high - 1;
    if (high < above) {
      quicksort(items, high, compare);
      items += high + 1;
      count = above;
    } else {
      quicksort(items + high + 1, above, compare);
      count = high;
    }
  }
  insertion_sort(items, count, compare);
}

/** A sum that depends on the place of every item. */
static uint64_t checksum(const uint64_t *items, size_t count) {
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++) sum = sum * 0x100000001b3 + items[i];
  return sum;
}

static void report(const char *order, const uint64_t *items, size_t count, comparison *compare) {
  size_t wrong = 0;
  for (size_t i = 1; i < count; i++) wrong += compare(&items[i - 1], &items[i]) > 0;
  printf("%s: %zu out of order, checksum %016llx\n", order, wrong, (unsigned long long)checksum(items, count));
}

int main(int argc, char **argv) {
  size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
  uint64_t *items = malloc(count * sizeof *items);
  if (items == NULL) {
    fprintf(stderr, "qsort: no room for %zu numbers\n", count);
    return 1;
  }
  uint64_t state = 0x9e3779b97f4a7c15;
  for (size_t i = 0; i < count; i++) {
    state = state * 6364136223846793005 + 1442695040888963407;
    items[i] = state >> 20;
  }

  quicksort(items, count, ascending);
  report("ascending", items, count, ascending);
  quicksort(items, count, by_low_half_descending);
  report("by low half, descending", items, count, by_low_half_descending);
  free(items);
  return 0;
}
