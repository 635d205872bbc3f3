/* The heap of a process: a pointer that moves up, never down, by compare and exchange. */
#include <bd0.h>

#include "compare_exchange.h"

_Static_assert(sizeof(struct word_pair) == sizeof(struct bd0_heap_pair), "the heap pair is a pair of words");

/** The pair of the process whose heap this is. In a shared region it is not that of the nearest header page, so the
    kernel is asked, once; threads that ask at the same time get the same answer. */
static struct word_pair *heap_pair(void) {
  static struct word_pair *known;
  struct word_pair *pair = __atomic_load_n(&known, __ATOMIC_RELAXED);
  if (pair == NULL) {
    pair = (struct word_pair *)bd0_heap_pointer(BD0_SELF);
    __atomic_store_n(&known, pair, __ATOMIC_RELAXED);
  }
  return pair;
}

void *bd0_heap_alloc(size_t size, size_t align) {
  if (align == 0 || (align & (align - 1)) != 0) return NULL;
  struct word_pair *pair = heap_pair();
  struct word_pair seen = read_pair(pair);
  for (;;) {
    uint64_t heap_pointer = seen.low, stack_floor = seen.high;
    uint64_t block = (heap_pointer + align - 1) & -align;
    if (block < heap_pointer || block > stack_floor || size > stack_floor - block) return NULL;
    if (compare_exchange_pair(pair, &seen, (struct word_pair){block + size, stack_floor})) return (void *)block;
  }
}
