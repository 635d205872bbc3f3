/* console_read: lines that come when all wait for them, deadlines, and the end. */
#include "process.h"

static char lines[2][16];

static int reads(void *line) {
  return (int)bd0_console_read(line, 16, BD0_FOREVER);
}

static void deadlines(char *line) {
  expect_error(bd0_console_read(line, 100, BD0_NO_WAIT), ETIMEDOUT);
  expect_error(bd0_console_read(line, 100, 1), ETIMEDOUT);
  for (int64_t ns = 1; ns <= 1000000000; ns *= 1000) {
    int64_t deadline = bd0_clock() + ns;
    expect_error(bd0_console_read(line, 100, deadline), ETIMEDOUT);
    expect(bd0_clock() >= deadline);
  }
  expect_equal(line[0], 0x77);
}

static void fails(char *page, uint64_t n) {
  expect_error(bd0_console_read(page + 1, PAGE, n), EFAULT);
  expect_error(bd0_console_read(CONFORMANCE_NOWHERE, 1, n), EFAULT);
  expect_error(bd0_console_read((void *)constants, 1, n), EFAULT);
  expect_error(bd0_console_read(HOLE, 1, n), EFAULT);
  expect_error(bd0_console_read(page, UINT64_MAX, n), EFAULT);
  expect_error(bd0_console_read((void *)-1, 2, n), EFAULT);
}

int main(void) {
  char *page = lone_page();
  memset(page, 0x77, PAGE);
  expect_equal(bd0_console_read(page, 0, BD0_FOREVER), 0);
  expect_equal(bd0_console_read(CONFORMANCE_NOWHERE, 0, BD0_FOREVER), 0);
  deadlines(page);
  fails(page, BD0_NO_WAIT);
  /* The first line, in pieces; what is wrong takes nothing of it. */
  expect_equal(bd0_console_read(page, 3, BD0_FOREVER), 3);
  expect_bytes(page, "fir\x77", 4);
  fails(page, BD0_FOREVER);
  expect_equal(bd0_console_read(page + 3, 1, BD0_NO_WAIT), 1);
  expect_equal(bd0_console_read(page + PAGE - 2, 2, BD0_NO_WAIT), 2);
  expect_bytes(page + PAGE - 2, "t\n", 2);
  expect_bytes(page, "firs\x77", 5);
  /* The next two, for two threads in the order in which they began to wait. */
  int64_t first = spawn(reads, lines[0]), second = spawn(reads, lines[1]);
  expect_equal(bd0_thread_join(first, BD0_FOREVER), 7);
  expect_equal(bd0_thread_join(second, BD0_FOREVER), 6);
  expect_bytes(lines[0], "second\n", 8);
  expect_bytes(lines[1], "third\n", 7);
  expect_equal(bd0_console_read(page, PAGE, BD0_FOREVER), 4); /* has no end */
  expect_bytes(page, "last", 4);
  expect_equal(bd0_console_read(page, PAGE, BD0_FOREVER), 0);
  expect_equal(bd0_console_read(page, PAGE, BD0_NO_WAIT), 0);
  expect_error(bd0_console_read(CONFORMANCE_NOWHERE, 1, BD0_NO_WAIT), EFAULT);
  return conformance_end();
}
