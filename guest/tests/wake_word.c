/* wake_word: those that wait for an address, the first one first. */
#include "process.h"

enum { THREADS = 6 };

static uint32_t word, other;
static char order[THREADS + 1];
static unsigned woken;

static int waits(void *letter) {
  bd0_wait_word(&word, 0, BD0_FOREVER);
  order[woken++] = (char)(uintptr_t)letter;
  return 0;
}

static void many(void) {
  int64_t threads[THREADS];
  for (uint64_t i = 0; i < THREADS; i++) threads[i] = spawn(waits, (void *)('a' + i));
  bd0_yield();
  expect_equal(bd0_wake_word(&word, 0), 0);
  expect_equal(bd0_wake_word(&other, UINT64_MAX), 0);
  expect_equal(bd0_wake_word(&word, 1), 1);
  bd0_yield();
  expect_bytes(order, "a", 2);
  expect_equal(bd0_wake_word(&word, 2), 2);
  expect_equal(woken, 1); /* they run when their turn comes */
  bd0_yield();
  expect_bytes(order, "abc", 4);
  expect_equal(bd0_wake_word(&word, UINT64_MAX), 3);
  expect_equal(bd0_wake_word(&word, UINT64_MAX), 0);
  for (int i = 0; i < THREADS; i++) expect_equal(bd0_thread_join(threads[i], BD0_FOREVER), 0);
  expect_bytes(order, "abcdef", 7);
}

int main(void) {
  expect_equal(bd0_wake_word(&word, UINT64_MAX), 0);
  many();
  expect_equal(word, 0);
  expect_equal(bd0_wake_word((const uint32_t *)constants, 1), 0);
  for (int i = 1; i < 4; i++) expect_error(bd0_wake_word((uint32_t *)((char *)&word + i), 1), EINVAL);
  expect_error(bd0_wake_word(CONFORMANCE_NOWHERE, 1), EFAULT);
  expect_error(bd0_wake_word(CONFORMANCE_NOWHERE, 0), EFAULT);
  expect_error(bd0_wake_word(HOLE, 1), EFAULT);
  expect_error(bd0_wake_word((uint32_t *)-4, 1), EFAULT);
  char *page = lone_page();
  expect_equal(bd0_wake_word((uint32_t *)(page + PAGE - 4), 1), 0);
  expect_error(bd0_wake_word((uint32_t *)(page + PAGE), 1), EFAULT);
  return conformance_end();
}
