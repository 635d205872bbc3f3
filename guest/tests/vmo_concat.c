/* vmo_concat: VMOs one after another. */
#include "vmo.h"

enum { MOST = 65536 };

static int64_t handles[MOST + 1];

int main(void) {
  fill(pages[0], 2 * PAGE);
  int64_t whole = expect_value(bd0_vmo_create(pages[0], 2 * PAGE));
  int64_t parts[] = {bd0_vmo_slice(whole, 0, 10), bd0_vmo_slice(whole, 10, PAGE), bd0_vmo_zeros(0),
                     bd0_vmo_slice(whole, PAGE + 10, PAGE - 10)};
  expect_content(bd0_vmo_concat(parts, 4), pages[0], 2 * PAGE);
  expect_content(bd0_vmo_concat(parts, 1), pages[0], 10);
  expect_content(bd0_vmo_concat(parts, 0), "", 0);
  expect_content(bd0_vmo_concat(CONFORMANCE_NOWHERE, 0), "", 0);
  int64_t twice[] = {parts[0], parts[0]};
  memcpy(pages[4], pages[0], 10);
  memcpy(pages[4] + 10, pages[0], 10);
  expect_content(bd0_vmo_concat(twice, 2), pages[4], 20);

  int64_t bad[] = {whole, NO_HANDLE, whole, -1};
  expect_error(bd0_vmo_concat(bad, 2), EBADF);
  expect_error(bd0_vmo_concat(bad + 2, 2), EBADF);
  expect_equal(bd0_vmo_close(parts[2]), 0);
  expect_error(bd0_vmo_concat(parts, 4), EBADF);

  struct bd0_header *header = conformance_header();
  uint8_t *end = (uint8_t *)(header->start + header->size);
  expect_error(bd0_vmo_concat(CONFORMANCE_NOWHERE, 1), EFAULT);
  expect_error(bd0_vmo_concat((int64_t *)(end - 8), 2), EFAULT);
  expect_error(bd0_vmo_concat(parts, UINT64_C(1) << 61), EFAULT);
  expect_error(bd0_vmo_concat(parts, UINT64_MAX), EFAULT);

  int64_t half = expect_value(bd0_vmo_zeros(VMO_MAX / 2));
  int64_t most[] = {half, half, bd0_vmo_zeros(1)};
  expect_equal(bd0_vmo_length(expect_value(bd0_vmo_concat(most, 2))), VMO_MAX);
  expect_error(bd0_vmo_concat(most, 3), ERANGE);
  handles[0] = parts[0];
  for (int n = 1; n < MOST; n *= 2) memcpy(handles + n, handles, n * sizeof *handles);
  handles[MOST] = parts[0];
  expect_equal(bd0_vmo_length(expect_value(bd0_vmo_concat(handles, MOST))), 10 * MOST);
  expect_error(bd0_vmo_concat(handles, MOST + 1), ERANGE);

  take_handles(0);
  expect_error(bd0_vmo_concat(parts, 1), ENOMEM);
  return conformance_end();
}
