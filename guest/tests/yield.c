/* yield: threads take turns. */
#include "process.h"

enum { TURNS = 10 };

static char log_of_turns[100];
static unsigned turns;

static int writes(void *letter) {
  for (int i = 0; i < TURNS; i++) {
    log_of_turns[turns++] = (char)(uintptr_t)letter;
    expect_equal(bd0_yield(), 0);
  }
  return 0;
}

static int sleeps(void *argument) {
  bd0_sleep(UINT64_MAX);
  return 0;
}

int main(void) {
  for (int i = 0; i < TURNS; i++) expect_equal(bd0_yield(), 0); /* alone */
  int64_t before = bd0_clock();
  bd0_yield();
  expect(bd0_clock() - before < 1000);
  spawn(sleeps, NULL);
  int64_t first = spawn(writes, (void *)'b'), second = spawn(writes, (void *)'c');
  writes((void *)'a');
  bd0_thread_join(first, BD0_FOREVER);
  bd0_thread_join(second, BD0_FOREVER);
  expect_equal(turns, 3 * TURNS);
  for (unsigned i = 0; i < turns; i++) expect_equal(log_of_turns[i], "abc"[i % 3]);
  return conformance_end();
}
