/* debug_allow: what a thread in debug mode may write besides its process's memory. */
#include "debug.h"

int main(int argc, char **argv) {
  if (argc > 1) return be_neighbour();
  uint8_t *theirs = start_neighbour(argv[0]);

  expect_error(bd0_debug_allow(NO_THREAD, theirs, 8), ESRCH);
  expect_error(bd0_debug_allow(UINT64_MAX, theirs, 8), ESRCH);
  /* Ranges that wrap around, or lie in the canonical hole or across it. */
  expect_error(bd0_debug_allow(0, (void *)0x0000800000000000, 0), EINVAL);
  expect_error(bd0_debug_allow(0, (void *)0xffff7fffffffffff, 1), EINVAL);
  expect_error(bd0_debug_allow(0, (void *)0x00007fffffffffff, 2), EINVAL);
  expect_error(bd0_debug_allow(0, (void *)0x00007fffffffffff, 0xffff000000000002), EINVAL);
  expect_error(bd0_debug_allow(0, (void *)UINT64_MAX, 2), EINVAL);
  expect_error(bd0_debug_allow(0, theirs, UINT64_MAX), EINVAL);
  expect_error(bd0_debug_allow(0, NULL, UINT64_MAX), EINVAL);
  expect_equal(bd0_debug_allow(0, (void *)UINT64_MAX, 1), 0);
  expect_equal(bd0_debug_allow(0, (void *)0x00007fffffffffff, 1), 0);
  expect_equal(bd0_debug_allow(0, theirs, 0), 0);

  /* Two ranges that touch, in a thread that names itself and in one that says 0. */
  expect_equal(bd0_debug_allow((uint64_t)bd0_thread_self(), theirs + 3, 5), 0);
  expect_equal(bd0_debug_allow(0, theirs + 8, 4096), 0);
  expect_equal(bd0_debug_mode(0, 1), 0);
  theirs[3] = 1;
  *(volatile uint64_t *)(theirs + 4) = 0x1122334455667788;
  memset(theirs + 12, 0xaa, 4092);
  /* The kernel's stores count as the thread's. */
  expect_equal(bd0_process_info(BD0_SELF, (struct bd0_process_info *)(theirs + 64)), 0);
  /* What is its own needs no grant. */
  static volatile char own;
  own = 1;
  expect_equal(bd0_debug_mode(0, 0), 1);
  expect_equal(theirs[3], 1);
  expect_equal(*(uint64_t *)(theirs + 4), 0x1122334455667788);
  expect_equal(theirs[4103], 0xaa);
  expect_equal(theirs[4104], 0);

  /* Ranges that do not touch: there may be 256. Four there are. */
  for (unsigned i = 0; i < 253; i++) expect_equal(bd0_debug_allow(0, theirs + 8192 + 2 * i, 1), 0);
  expect_error(bd0_debug_allow(0, theirs + 8192 + 2 * 253, 1), EINVAL);
  expect_equal(bd0_debug_allow(0, theirs + 8192 + 1, 1), 0);
  expect_equal(bd0_debug_allow(0, theirs + 8192 + 2 * 253, 1), 0);

  expect_equal(bd0_debug_allow(0, theirs, 3 * 4096), 0); /* all of them are one now */
  fill_host_memory();
  expect_error(bd0_debug_allow(0, theirs - 8192, 1), ENOMEM);
  empty_host_memory();
  expect_equal(bd0_debug_allow(0, theirs - 8192, 1), 0);
  end_neighbour();
  return conformance_end();
}
