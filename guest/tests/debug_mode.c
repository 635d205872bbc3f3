/* debug_mode: a thread's own property, which the threads that it spawns begin with. */
#include "debug.h"

static volatile uint32_t go;

/** Answers whether its thread is in debug mode. */
static int tell(void *argument) {
  (void)argument;
  while (!go) bd0_yield();
  return (int)bd0_debug_mode(0, 0);
}

static int64_t spawn(void) {
  return expect_value(bd0_thread_spawn(tell, NULL, 65536));
}

int main(int argc, char **argv) {
  if (argc > 1) return (int)bd0_debug_mode(0, 0);
  expect_error(bd0_debug_mode(NO_THREAD, 1), ESRCH);
  expect_error(bd0_debug_mode(UINT64_MAX, 1), ESRCH);
  expect_error(bd0_debug_mode(0, 2), EINVAL);
  expect_error(bd0_debug_mode(0, UINT64_MAX), EINVAL);

  uint64_t self = (uint64_t)bd0_thread_self();
  expect_equal(bd0_debug_mode(0, 1), 0);
  expect_equal(bd0_debug_mode(self, 1), 1);
  int64_t inherits = spawn();
  expect_equal(bd0_debug_mode(self, 0), 1);
  expect_equal(bd0_debug_mode(0, 0), 0);
  int64_t is_plain = spawn();
  int64_t is_put = spawn();
  expect_equal(bd0_debug_mode((uint64_t)is_put, 1), 0);
  go = 1;
  expect_equal(bd0_thread_join((uint64_t)inherits, BD0_FOREVER), 1);
  expect_equal(bd0_thread_join((uint64_t)is_plain, BD0_FOREVER), 0);
  expect_equal(bd0_thread_join((uint64_t)is_put, BD0_FOREVER), 1);
  expect_error(bd0_debug_mode((uint64_t)inherits, 1), ESRCH);

  /* The first thread of a process has what `start` says. */
  for (uint64_t flags = 0; flags <= BD0_START_DEBUG; flags++) {
    char *words[] = {argv[0], "tell", NULL};
    int64_t pid = expect_value(bd0_start(argv[0], 1 << 20, words, flags, 0));
    expect_equal(bd0_process_wait((uint64_t)pid, BD0_FOREVER), (int64_t)flags);
  }
  return conformance_end();
}
