/* sleep: never early, and other threads run during it. */
#include "process.h"

static char order[8];
static unsigned woken;

static int sleeps(void *argument) {
  uint64_t ms = (uint64_t)argument;
  bd0_sleep(ms * 1000000);
  order[__atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST)] = (char)('0' + ms);
  return 0;
}

static int runs(void *counter) {
  for (;;) ++*(volatile uint64_t *)counter;
  return 0;
}

static int for_ever(void *argument) {
  bd0_sleep((uint64_t)argument);
  return 1;
}

int main(void) {
  expect_equal(bd0_sleep(0), 0);
  static const int64_t times[] = {1, 2, 10, 999, 1000, 1000000, 1000000000, 86400000000000};
  for (unsigned i = 0; i < sizeof times / sizeof *times; i++) {
    int64_t before = bd0_clock();
    expect_equal(bd0_sleep(times[i]), 0);
    int64_t slept = bd0_clock() - before;
    expect(slept >= times[i] && slept < times[i] + 1000); /* the machine is idle: the clock jumps there */
  }
  /* Those that sleep shorter wake first. */
  int64_t threads[5];
  static const uint64_t ms[] = {5, 1, 4, 2, 3};
  for (int i = 0; i < 5; i++) threads[i] = spawn(sleeps, (void *)ms[i]);
  for (int i = 0; i < 5; i++) bd0_thread_join(threads[i], BD0_FOREVER);
  expect_bytes(order, "12345", 5);
  /* What ends later than any clock that there is. */
  static const uint64_t ends[] = {UINT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 52};
  for (unsigned i = 0; i < 3; i++)
    expect_error(bd0_thread_join(spawn(for_ever, (void *)ends[i]), bd0_clock() + 1000000000), ETIMEDOUT);
  /* Others have the time. */
  static volatile uint64_t counter;
  spawn(runs, (void *)&counter);
  int64_t before = bd0_clock();
  bd0_sleep(10000);
  expect(bd0_clock() >= before + 10000);
  expect(counter > 1000);
  return conformance_end();
}
