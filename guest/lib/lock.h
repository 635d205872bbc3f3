/* A lock of one word, for the library's own use: who finds it taken waits in the kernel. */
#ifndef BD0_LOCK_H
#define BD0_LOCK_H

#include <bd0.h>
#include <stdbool.h>

enum { LOCK_FREE, LOCK_TAKEN, LOCK_AWAITED /* and a thread may be waiting */ };

/** Takes a free lock; false if it is not. */
static inline bool bd0_try_lock(uint32_t *lock) {
  uint32_t seen = LOCK_FREE;
  return __atomic_compare_exchange_n(lock, &seen, LOCK_TAKEN, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/** Takes a lock, waiting for it until a deadline; false if that has come. */
static inline bool bd0_lock_until(uint32_t *lock, uint64_t deadline) {
  if (bd0_try_lock(lock)) return true;
  while (__atomic_exchange_n(lock, LOCK_AWAITED, __ATOMIC_ACQUIRE) != LOCK_FREE)
    if (bd0_wait_word(lock, LOCK_AWAITED, deadline) == -BD0_ETIMEDOUT) return false;
  return true;
}

static inline void bd0_lock(uint32_t *lock) {
  bd0_lock_until(lock, BD0_FOREVER);
}

static inline void bd0_unlock(uint32_t *lock) {
  if (__atomic_exchange_n(lock, LOCK_FREE, __ATOMIC_RELEASE) == LOCK_AWAITED) bd0_wake_word(lock, 1);
}

#endif
