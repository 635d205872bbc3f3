/* console_mode: how the input of a terminal arrives. Here the console is not a terminal: both modes read the same. */
#include "conformance.h"

int main(void) {
  char line[16];
  expect_equal(bd0_console_mode(BD0_RAW), BD0_LINES);
  expect_equal(bd0_console_mode(BD0_RAW), BD0_RAW);
  expect_equal(bd0_console_read(line, sizeof line, BD0_FOREVER), 7);
  expect_bytes(line, "raw\x7f\x15\x03\n", 7);

  expect_error(bd0_console_mode(2), EINVAL);
  expect_error(bd0_console_mode(1ull << 32), EINVAL);
  expect_error(bd0_console_mode(UINT64_MAX), EINVAL);
  expect_equal(bd0_console_mode(BD0_LINES), BD0_RAW);
  expect_equal(bd0_console_mode(BD0_LINES), BD0_LINES);
  expect_equal(bd0_console_read(line, sizeof line, BD0_FOREVER), 7);
  expect_bytes(line, "lin\x7f\x15\x03\n", 7);
  return conformance_end();
}
