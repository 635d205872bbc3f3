/* qsort and bsearch. */
#include <stdlib.h>
#include <string.h>

/** What is sorted: a heap in which no item is less than those below it, item 2i + 1 and 2i + 2 below item i. */
struct items {
  char *first;
  size_t size;
  bd0_comparison *compare;
};

static void exchange(char *left, char *right, size_t size) {
  char part[64];
  for (size_t at = 0; at < size; at += sizeof part) {
    size_t n = size - at < sizeof part ? size - at : sizeof part;
    memcpy(part, left + at, n);
    memcpy(left + at, right + at, n);
    memcpy(right + at, part, n);
  }
}

/** Lets the item at `at` sink to its place in a heap of `count` items whose other items are in theirs. */
static void sink(const struct items *items, size_t at, size_t count) {
  size_t size = items->size;
  for (size_t below; (below = 2 * at + 1) < count; at = below) {
    char *child = items->first + below * size;
    if (below + 1 < count && items->compare(child, child + size) < 0) below++, child += size;
    char *parent = items->first + at * size;
    if (items->compare(parent, child) >= 0) return;
    exchange(parent, child, size);
  }
}

void qsort(void *first, size_t count, size_t size, bd0_comparison *compare) {
  struct items items = {first, size, compare};
  for (size_t at = count / 2; at > 0; at--) sink(&items, at - 1, count);
  for (size_t left = count; left > 1; left--) {
    exchange(items.first, items.first + (left - 1) * size, size);
    sink(&items, 0, left - 1);
  }
}

void *bsearch(const void *key, const void *items, size_t count, size_t size, bd0_comparison *compare) {
  const char *first = items;
  while (count > 0) {
    const char *middle = first + count / 2 * size;
    int order = compare(key, middle);
    if (order == 0) return (void *)middle;
    if (order > 0) first = middle + size, count -= count / 2 + 1;
    else count /= 2;
  }
  return NULL;
}
