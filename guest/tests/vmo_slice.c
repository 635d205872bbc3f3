/* vmo_slice: a part of a VMO, within its ends. */
#include "vmo.h"

enum { N = 3 * PAGE };

int main(void) {
  fill(pages[0], N);
  int64_t base = expect_value(bd0_vmo_create(pages[0], N));
  static const uint64_t offsets[] = {0, 1, PAGE - 1, PAGE, PAGE + 1, N - 1, N};
  for (unsigned i = 0; i < sizeof offsets / sizeof *offsets; i++)
    for (unsigned j = i; j < sizeof offsets / sizeof *offsets; j++) {
      uint64_t n = offsets[j] - offsets[i];
      expect_content(bd0_vmo_slice(base, offsets[i], n), pages[0] + offsets[i], n);
    }
  int64_t part = expect_value(bd0_vmo_slice(base, 100, PAGE));
  expect_content(bd0_vmo_slice(part, 50, PAGE - 50), pages[0] + 150, PAGE - 50);

  expect_error(bd0_vmo_slice(base, 0, N + 1), ERANGE);
  expect_error(bd0_vmo_slice(base, N, 1), ERANGE);
  expect_error(bd0_vmo_slice(base, N + 1, 0), ERANGE);
  expect_error(bd0_vmo_slice(base, 1, UINT64_MAX), ERANGE);
  expect_error(bd0_vmo_slice(base, UINT64_MAX, 1), ERANGE);
  expect_error(bd0_vmo_slice(base, (UINT64_C(1) << 53) + 1, 0), ERANGE);
  int64_t most = expect_value(bd0_vmo_zeros(VMO_MAX));
  expect_equal(bd0_vmo_length(expect_value(bd0_vmo_slice(most, 1, VMO_MAX - 1))), VMO_MAX - 1);
  expect_error(bd0_vmo_slice(most, 1, VMO_MAX), ERANGE);

  expect_error(bd0_vmo_slice(NO_HANDLE, 0, 0), EBADF);
  expect_error(bd0_vmo_slice(-1, 0, 0), EBADF);
  expect_error(bd0_vmo_slice(NO_HANDLE, N, N), EBADF);
  /* The base may go, the part stays. */
  int64_t kept = expect_value(bd0_vmo_slice(base, 1, 2));
  expect_equal(bd0_vmo_close(base), 0);
  expect_error(bd0_vmo_slice(base, 0, 0), EBADF);
  expect_content(kept, pages[0] + 1, 2);

  take_handles(0);
  expect_error(bd0_vmo_slice(part, 0, 0), ENOMEM);
  return conformance_end();
}
