/* vmo_close: handles are small integers, the lowest free one first. */
#include "vmo.h"

int main(void) {
  for (int i = 0; i < 5; i++) expect_equal(bd0_vmo_zeros((uint64_t)i), i);
  expect_equal(bd0_vmo_close(3), 0);
  expect_equal(bd0_vmo_close(1), 0);
  expect_error(bd0_vmo_close(1), EBADF);
  expect_error(bd0_vmo_length(1), EBADF);
  expect_equal(bd0_vmo_zeros(11), 1);
  expect_equal(bd0_vmo_zeros(13), 3);
  expect_equal(bd0_vmo_zeros(15), 5);
  for (int i = 0; i <= 5; i++) expect_equal(bd0_vmo_length(i), i % 2 == 0 ? i : i + 10);
  expect_error(bd0_vmo_close(6), EBADF);
  expect_error(bd0_vmo_close(-1), EBADF);
  expect_error(bd0_vmo_close(INT64_MIN), EBADF);
  expect_error(bd0_vmo_close((INT64_C(1) << 32) + 1), EBADF);

  /* Maps stay. */
  fill(pages[0], PAGE);
  int64_t vmo = expect_value(bd0_vmo_create(pages[0], PAGE));
  int64_t map = expect_value(bd0_vmo_map(vmo, 0, NULL, PAGE, BD0_READ));
  expect_equal(bd0_vmo_close(vmo), 0);
  expect_bytes((void *)map, pages[0], PAGE);
  return conformance_end();
}
