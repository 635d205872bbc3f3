/* <threads.h>: locks, conditions, and what is done once. */
#include <bd0.h>
#include <threads.h>

#include "lock.h"

enum { NS_PER_SECOND = 1000000000 };

static uint64_t ticks_of(const struct timespec *time) {
  return (uint64_t)time->tv_sec * NS_PER_SECOND + (uint64_t)time->tv_nsec;
}

int mtx_init(mtx_t *lock, int type) {
  *lock = (mtx_t){.type = type};
  return thrd_success;
}

void mtx_destroy(mtx_t *lock) {
  (void)lock;
}

/** True if the caller has a recursive lock already; it then has it once more. */
static bool takes_again(mtx_t *lock) {
  if (!(lock->type & mtx_recursive)) return false;
  if (__atomic_load_n(&lock->owner, __ATOMIC_RELAXED) != thrd_current()) return false;
  lock->depth++;
  return true;
}

static int taken(mtx_t *lock) {
  if (lock->type & mtx_recursive) __atomic_store_n(&lock->owner, thrd_current(), __ATOMIC_RELAXED);
  return thrd_success;
}

static int lock_until(mtx_t *lock, uint64_t deadline) {
  if (takes_again(lock)) return thrd_success;
  return bd0_lock_until(&lock->word, deadline) ? taken(lock) : thrd_timedout;
}

int mtx_lock(mtx_t *lock) {
  return lock_until(lock, BD0_FOREVER);
}

int mtx_timedlock(mtx_t *restrict lock, const struct timespec *restrict deadline) {
  return lock_until(lock, ticks_of(deadline));
}

int mtx_trylock(mtx_t *lock) {
  if (takes_again(lock)) return thrd_success;
  return bd0_try_lock(&lock->word) ? taken(lock) : thrd_busy;
}

int mtx_unlock(mtx_t *lock) {
  if (lock->depth > 0) {
    lock->depth--;
    return thrd_success;
  }
  __atomic_store_n(&lock->owner, 0, __ATOMIC_RELAXED);
  bd0_unlock(&lock->word);
  return thrd_success;
}

int cnd_init(cnd_t *condition) {
  *condition = (cnd_t){0};
  return thrd_success;
}

void cnd_destroy(cnd_t *condition) {
  (void)condition;
}

/** A signal after the lock is given up changes the count, so that the wait does not begin, or wakes the thread. */
static int wait_until(cnd_t *condition, mtx_t *lock, uint64_t deadline) {
  uint32_t seen = __atomic_load_n(&condition->signals, __ATOMIC_ACQUIRE);
  mtx_unlock(lock);
  int64_t result = bd0_wait_word(&condition->signals, seen, deadline);
  mtx_lock(lock);
  return result == -BD0_ETIMEDOUT ? thrd_timedout : thrd_success;
}

int cnd_wait(cnd_t *condition, mtx_t *lock) {
  return wait_until(condition, lock, BD0_FOREVER);
}

int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict lock, const struct timespec *restrict deadline) {
  return wait_until(condition, lock, ticks_of(deadline));
}

static int signal(cnd_t *condition, uint64_t threads) {
  __atomic_add_fetch(&condition->signals, 1, __ATOMIC_RELEASE);
  bd0_wake_word(&condition->signals, threads);
  return thrd_success;
}

int cnd_signal(cnd_t *condition) {
  return signal(condition, 1);
}

int cnd_broadcast(cnd_t *condition) {
  return signal(condition, UINT64_MAX);
}

void call_once(once_flag *flag, void (*function)(void)) {
  enum { NOT_YET, BEGUN, DONE };
  uint32_t seen = NOT_YET;
  if (__atomic_load_n(flag, __ATOMIC_ACQUIRE) == DONE) return;
  if (__atomic_compare_exchange_n(flag, &seen, BEGUN, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
    function();
    __atomic_store_n(flag, DONE, __ATOMIC_RELEASE);
    bd0_wake_word(flag, UINT64_MAX);
  }
  while (__atomic_load_n(flag, __ATOMIC_ACQUIRE) != DONE) bd0_wait_word(flag, BEGUN, BD0_FOREVER);
}
