/* vmo_length: bytes of a VMO. */
#include "vmo.h"

int main(void) {
  static const uint64_t lengths[] = {0, 1, PAGE, PAGE + 1, UINT64_C(1) << 32, VMO_MAX - 1, VMO_MAX};
  for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++)
    expect_equal(bd0_vmo_length(expect_value(bd0_vmo_zeros(lengths[i]))), lengths[i]);
  int64_t vmo = expect_value(bd0_vmo_create("four", 4));
  expect_equal(bd0_vmo_length(vmo), 4);
  expect_equal(bd0_vmo_close(vmo), 0);
  expect_error(bd0_vmo_length(vmo), EBADF);
  expect_error(bd0_vmo_length(NO_HANDLE), EBADF);
  expect_error(bd0_vmo_length(-1), EBADF);
  expect_error(bd0_vmo_length(INT64_MIN), EBADF);
  return conformance_end();
}
