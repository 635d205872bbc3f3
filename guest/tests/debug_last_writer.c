/* debug_last_writer: who stored to a byte that is not its process's. */
#include "debug.h"

/** Stores a byte. */
__attribute__((noinline)) static void store(volatile uint8_t *at, uint8_t value) {
  *at = value;
}

static int poke(void *at) {
  store(at, 2);
  return (int)bd0_thread_self();
}

int main(int argc, char **argv) {
  if (argc > 1) return be_neighbour();
  uint8_t *theirs = start_neighbour(argv[0]);
  static uint8_t mine[8];
  struct bd0_last_writer writer = {1, 2, 3};

  expect_error(bd0_debug_last_writer(theirs, &writer), ENODATA);
  expect_error(bd0_debug_last_writer(NULL, &writer), ENODATA);
  expect_error(bd0_debug_last_writer((void *)0x800000000000, &writer), ENODATA);
  expect_equal(writer.tid, 1);
  expect_error(bd0_debug_last_writer(theirs, NULL), EFAULT);
  expect_error(bd0_debug_last_writer(theirs, CONFORMANCE_NOWHERE), EFAULT);
  expect_error(bd0_debug_last_writer(theirs, (void *)(UINT64_MAX - 7)), EFAULT);

  /* Stores of a thread that is not in debug mode are not noted, and those to its own memory never. */
  store(theirs, 1);
  expect_error(bd0_debug_last_writer(theirs, &writer), ENODATA);
  expect_equal(bd0_debug_allow(0, theirs, 4096), 0);
  expect_equal(bd0_debug_mode(0, 1), 0);
  store(mine, 1);
  int64_t before = bd0_clock();
  store(theirs + 1, 1);
  int64_t behind = bd0_clock();
  expect_error(bd0_debug_last_writer(mine, &writer), ENODATA);
  expect_error(bd0_debug_last_writer(theirs, &writer), ENODATA);
  expect_error(bd0_debug_last_writer(theirs + 2, &writer), ENODATA);
  expect_equal(bd0_debug_last_writer(theirs + 1, &writer), 0);
  expect_equal(writer.tid, bd0_thread_self());
  expect(writer.rip >= (uint64_t)store && writer.rip < (uint64_t)poke);
  expect((int64_t)writer.tick > before && (int64_t)writer.tick < behind);

  /* Another thread, which has begun with what this one may write. */
  int64_t tid = expect_value(bd0_thread_spawn(poke, theirs + 1, 65536));
  expect_equal(bd0_thread_join((uint64_t)tid, BD0_FOREVER), tid);
  expect_equal(bd0_debug_last_writer(theirs + 1, &writer), 0);
  expect_equal(writer.tid, tid);

  /* A store that straddles, and one that the kernel makes. */
  *(volatile uint64_t *)(theirs + 1) = 0;
  expect_equal(bd0_debug_last_writer(theirs + 8, &writer), 0);
  expect_equal(writer.tid, bd0_thread_self());
  expect_equal(bd0_debug_last_writer(theirs + 1, (struct bd0_last_writer *)(theirs + 64)), 0);
  expect_bytes(theirs + 64, &writer, sizeof writer);
  expect_equal(bd0_debug_last_writer(theirs + 64 + 23, &writer), 0);
  expect_error(bd0_debug_last_writer(theirs + 64 + 24, &writer), ENODATA);

  /* Unmapped memory has no writer. */
  end_neighbour();
  expect_error(bd0_debug_last_writer(theirs + 1, &writer), ENODATA);
  expect_equal(bd0_debug_mode(0, 0), 1);
  return conformance_end();
}
