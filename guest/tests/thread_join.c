/* thread_join: codes before and after the end, deadlines, and waits that would never end. */
#include "process.h"

enum { KEPT = 4096 };

static uint32_t go;
static int64_t tids[3], results[3];

static int returns(void *code) {
  return (int)(uint64_t)code;
}

static int sleeps(void *argument) {
  bd0_sleep(UINT64_MAX);
  return 0;
}

static int joins(void *tid) {
  return (int)bd0_thread_join((uint64_t)tid, BD0_FOREVER);
}

static int waits_for_go(void *argument) {
  while (go == 0) bd0_wait_word(&go, 0, BD0_FOREVER);
  return 17;
}

/** Waits for a thread of its parent, and ends with its code. */
static int stranger(char **argv) {
  uint64_t *parcel = (uint64_t *)number_of(argv);
  uint32_t *told = (uint32_t *)parcel[1];
  *told = 1;
  bd0_wake_word(told, 1);
  return (int)bd0_thread_join(parcel[0], BD0_FOREVER);
}

/** Waits for the next one of three, in a circle. */
static int joins_next(void *argument) {
  uint64_t index = (uint64_t)argument;
  bd0_wait_word(&go, 0, BD0_FOREVER);
  results[index] = bd0_thread_join(tids[(index + 1) % 3], BD0_FOREVER);
  return (int)(20 + index);
}

/** Tells its parent which thread it is, and ends when it is woken. */
static int child(char **argv) {
  uint32_t *word = (uint32_t *)number_of(argv);
  *word = (uint32_t)bd0_thread_self();
  bd0_wake_word(word, 1);
  bd0_sleep(1000000);
  return 0x1ff;
}

static void codes(void) {
  int64_t tid = spawn(returns, (void *)-1);
  expect_equal(bd0_thread_join(tid, BD0_FOREVER), UINT32_MAX);
  expect_error(bd0_thread_join(tid, BD0_FOREVER), ESRCH);
  tid = spawn(returns, (void *)5);
  bd0_yield();
  expect_equal(bd0_thread_join(tid, BD0_NO_WAIT), 5);
  expect_error(bd0_thread_join(tid, BD0_NO_WAIT), ESRCH);
  /* Several wait for one. */
  int64_t threads[3];
  tid = spawn(returns, (void *)9);
  for (int i = 0; i < 3; i++) threads[i] = spawn(joins, (void *)tid);
  for (int i = 0; i < 3; i++) bd0_thread_join(threads[i], BD0_FOREVER);
  /* That of another process. */
  static uint32_t word;
  start_with("thread_join", "child", (uint64_t)&word);
  while (word == 0) bd0_wait_word(&word, 0, BD0_FOREVER);
  expect_equal(bd0_thread_join(word, BD0_FOREVER), 0xff);
  expect_error(bd0_thread_join(word, BD0_FOREVER), ESRCH);
}

/** A code is kept for the threads of the own process, though a thread of another one was told. */
static void kept_though_told(void) {
  static uint32_t told;
  int64_t tid = spawn(waits_for_go, NULL);
  go = 0;
  static uint64_t parcel[2];
  parcel[0] = (uint64_t)tid;
  parcel[1] = (uint64_t)&told;
  int64_t pid = start_with("thread_join", "stranger", (uint64_t)parcel);
  while (told == 0) bd0_wait_word(&told, 0, BD0_FOREVER);
  bd0_sleep(1000000);
  go = 1;
  bd0_wake_word(&go, 1);
  expect_equal(bd0_process_wait(pid, BD0_FOREVER), 17);
  expect_equal(bd0_thread_join(tid, BD0_NO_WAIT), 17);
  expect_error(bd0_thread_join(tid, BD0_NO_WAIT), ESRCH);
  go = 0;
}

static void deadlines(void) {
  int64_t tid = spawn(sleeps, NULL);
  expect_error(bd0_thread_join(tid, BD0_NO_WAIT), ETIMEDOUT);
  expect_error(bd0_thread_join(tid, bd0_clock()), ETIMEDOUT);
  for (int64_t ns = 1; ns <= 1000000000; ns *= 1000) {
    int64_t deadline = bd0_clock() + ns;
    expect_error(bd0_thread_join(tid, deadline), ETIMEDOUT);
    expect(bd0_clock() >= deadline);
  }
}

static void circles(void) {
  expect_error(bd0_thread_join(bd0_thread_self(), BD0_FOREVER), EDEADLK);
  expect_error(bd0_thread_join(bd0_thread_self(), BD0_NO_WAIT), EDEADLK);
  for (uint64_t i = 0; i < 3; i++) tids[i] = spawn(joins_next, (void *)i);
  bd0_yield();
  expect_equal(bd0_wake_word(&go, 3), 3);
  expect_equal(bd0_thread_join(tids[0], BD0_FOREVER), 20);
  expect_equal(results[0], 21);
  expect_equal(results[1], 22);
  expect_equal(results[2], -BD0_EDEADLK);
}

/** The codes of the last 4096 threads are kept. */
static void kept(void) {
  int64_t first = 0, last = 0;
  for (int i = 0; i < KEPT + 1; i++) {
    last = bd0_thread_spawn(returns, (void *)3, PAGE);
    if (i == 0) first = last;
    bd0_yield();
  }
  expect_equal(last, first + KEPT);
  expect_error(bd0_thread_join(first, BD0_FOREVER), ESRCH);
  expect_equal(bd0_thread_join(first + 1, BD0_FOREVER), 3);
  expect_equal(bd0_thread_join(last, BD0_FOREVER), 3);
}

int main(int argc, char **argv) {
  if (has_role(argc, argv, "stranger")) return stranger(argv);
  if (argc > 1) return child(argv);
  codes();
  kept_though_told();
  circles();
  kept();
  deadlines();
  static const uint64_t nobody[] = {0, NOBODY, UINT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 53};
  for (unsigned i = 0; i < sizeof nobody / sizeof *nobody; i++)
    expect_error(bd0_thread_join(nobody[i], BD0_FOREVER), ESRCH);
  return conformance_end();
}
