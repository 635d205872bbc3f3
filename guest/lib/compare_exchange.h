/* Compare and exchange of a pair of words: what all lock-free code of this library stands on. */
#ifndef BD0_COMPARE_EXCHANGE_H
#define BD0_COMPARE_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

struct word_pair {
  uint64_t low;
  uint64_t high;
} __attribute__((aligned(16), may_alias));

/** The two words, each read whole but one after the other: a torn pair fails the exchange that follows. */
static inline struct word_pair read_pair(const struct word_pair *pair) {
  return (struct word_pair){
      __atomic_load_n(&pair->low, __ATOMIC_ACQUIRE),
      __atomic_load_n(&pair->high, __ATOMIC_ACQUIRE),
  };
}

/** Stores `desired` if the pair equals `*expected`, else reads it into `*expected`. SDM Vol. 2A "CMPXCHG8B/CMPXCHG16B"
    */
static inline bool compare_exchange_pair(struct word_pair *pair, struct word_pair *expected, struct word_pair desired) {
  bool equal;
  __asm__ volatile("lock cmpxchg16b %1"
                   : "=@ccz"(equal), "+m"(*pair), "+a"(expected->low), "+d"(expected->high)
                   : "b"(desired.low), "c"(desired.high)
                   : "memory");
  return equal;
}

#endif
