/* <threads.h>: threads, and what they have to do when they end. */
#include <bd0.h>
#include <stdbool.h>
#include <stdlib.h>
#include <threads.h>

#include "exit.h"

enum { STACK_SIZE = 256 * 1024, NS_PER_SECOND = 1000000000 };

struct start {
  thrd_start_t function;
  void *argument;
  uint32_t is_told; /* the creator has the thread's number where it wants it: C17 7.26.5.1 */
};

/** Threads of thrd_create that have not ended, and the first one. */
static uint32_t running = 1;

static int begin(void *argument) {
  struct start *given = argument;
  while (!__atomic_load_n(&given->is_told, __ATOMIC_ACQUIRE)) bd0_yield();
  struct start start = *given;
  free(given);
  thrd_exit(start.function(start.argument));
}

int thrd_create(thrd_t *thread, thrd_start_t function, void *argument) {
  struct start *start = malloc(sizeof *start);
  if (start == NULL) return thrd_nomem;
  *start = (struct start){function, argument, false};
  __atomic_add_fetch(&running, 1, __ATOMIC_RELAXED);
  int64_t tid = bd0_thread_spawn(begin, start, STACK_SIZE);
  if (!bd0_is_error(tid)) {
    *thread = tid;
    __atomic_store_n(&start->is_told, true, __ATOMIC_RELEASE);
    return thrd_success;
  }
  __atomic_sub_fetch(&running, 1, __ATOMIC_RELAXED);
  free(start);
  return thrd_nomem;
}

void thrd_exit(int result) {
  if (bd0_end_objects != NULL) bd0_end_objects();
  if (bd0_end_values != NULL) bd0_end_values();
  if (__atomic_sub_fetch(&running, 1, __ATOMIC_ACQ_REL) == 0) exit(0);
  bd0_thread_exit((uint64_t)result);
}

int thrd_join(thrd_t thread, int *result) {
  int64_t code = bd0_thread_join((uint64_t)thread, BD0_FOREVER);
  if (bd0_is_error(code)) return thrd_error;
  if (result != NULL) *result = (int)code;
  return thrd_success;
}

int thrd_detach(thrd_t thread) {
  (void)thread;
  return thrd_success;
}

thrd_t thrd_current(void) {
  return bd0_thread_self();
}

int thrd_equal(thrd_t left, thrd_t right) {
  return left == right;
}

int thrd_sleep(const struct timespec *duration, struct timespec *remaining) {
  bd0_sleep((uint64_t)duration->tv_sec * NS_PER_SECOND + (uint64_t)duration->tv_nsec);
  if (remaining != NULL) *remaining = (struct timespec){0, 0};
  return 0;
}

void thrd_yield(void) {
  bd0_yield();
}
