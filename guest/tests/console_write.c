/* console_write: all of a range, or nothing. */
#include "process.h"

enum { LONG = 70000 };

int main(void) {
  static char text[LONG];
  memset(text, '-', LONG);
  for (int i = 99; i < LONG; i += 100) text[i] = '\n';
  expect_equal(bd0_console_write(text, LONG), LONG); /* more than one part */
  expect_equal(bd0_console_write("\n", 1), 1);
  expect_equal(bd0_console_write(text, 0), 0);
  expect_equal(bd0_console_write(CONFORMANCE_NOWHERE, 0), 0);
  expect_equal(bd0_console_write(HOLE, 0), 0);
  char *page = lone_page();
  page[PAGE - 1] = '\n';
  expect_equal(bd0_console_write(page + PAGE - 1, 1), 1);
  expect_error(bd0_console_write(page + PAGE - 1, 2), EFAULT);
  expect_error(bd0_console_write(page, PAGE + 1), EFAULT);
  expect_error(bd0_console_write(CONFORMANCE_NOWHERE, 1), EFAULT);
  expect_error(bd0_console_write(HOLE, 1), EFAULT);
  expect_error(bd0_console_write(text, UINT64_MAX), EFAULT);
  expect_error(bd0_console_write(text, -(uint64_t)text), EFAULT);
  expect_error(bd0_console_write((void *)-1, 1), EFAULT);
  expect_error(bd0_console_write((void *)-1, 2), EFAULT);
  expect_error(bd0_console_write(text, UINT64_C(1) << 48), EFAULT);
  return conformance_end();
}
