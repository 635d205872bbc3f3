/* vmo_read: bytes of a VMO into memory. */
#include "vmo.h"

enum { N = 3 * PAGE, LONG = 70 * PAGE };

static uint8_t target[N + 2];

/** More than one part of work. */
static void is_long(void) {
  int64_t parts[] = {bd0_vmo_create("begin", 5), bd0_vmo_zeros(LONG - 8), bd0_vmo_create("end", 3)};
  int64_t vmo = expect_value(bd0_vmo_concat(parts, 3));
  uint8_t *block = bd0_heap_alloc(LONG, 1);
  memset(block, 0xff, LONG);
  expect_equal(bd0_vmo_read(vmo, 0, block, LONG), LONG);
  expect_bytes(block, "begin", 6);
  expect_bytes(block + LONG - 4, "\0end", 4);
  uint64_t others = 0;
  for (int i = 5; i < LONG - 3; i++) others += block[i] != 0;
  expect_equal(others, 0);
}

int main(void) {
  fill(pages[0], N);
  int64_t vmo = expect_value(bd0_vmo_create(pages[0], N));
  static const uint64_t offsets[] = {0, 1, PAGE - 1, PAGE, N - 1, N};
  for (unsigned i = 0; i < sizeof offsets / sizeof *offsets; i++)
    for (unsigned j = i; j < sizeof offsets / sizeof *offsets; j++) {
      uint64_t n = offsets[j] - offsets[i];
      memset(target, 0xa5, sizeof target);
      expect_equal(bd0_vmo_read(vmo, offsets[i], target + 1, n), n);
      expect_bytes(target + 1, pages[0] + offsets[i], n);
      expect_equal(target[0], 0xa5);
      expect_equal(target[n + 1], 0xa5);
    }
  expect_equal(bd0_vmo_read(vmo, N, CONFORMANCE_NOWHERE, 0), 0);
  is_long();

  memset(target, 0xa5, sizeof target);
  expect_error(bd0_vmo_read(vmo, 0, target, N + 1), ERANGE);
  expect_error(bd0_vmo_read(vmo, N, target, 1), ERANGE);
  expect_error(bd0_vmo_read(vmo, N + 1, target, 0), ERANGE);
  expect_error(bd0_vmo_read(vmo, UINT64_MAX, target, 1), ERANGE);
  expect_error(bd0_vmo_read(vmo, (UINT64_C(1) << 53) + 1, target, 1), ERANGE);
  expect_error(bd0_vmo_read(NO_HANDLE, 0, target, 1), EBADF);
  expect_error(bd0_vmo_read(-1, 0, target, 1), EBADF);

  struct bd0_header *header = conformance_header();
  uint8_t *end = (uint8_t *)(header->start + header->size);
  expect_error(bd0_vmo_read(vmo, 0, CONFORMANCE_NOWHERE, 1), EFAULT);
  expect_error(bd0_vmo_read(vmo, 0, (void *)constants, 1), EFAULT);
  expect_error(bd0_vmo_read(vmo, 0, end - 1, 2), EFAULT);
  expect_error(bd0_vmo_read(vmo, 0, target, UINT64_MAX), EFAULT);
  expect_error(bd0_vmo_read(NO_HANDLE, 0, CONFORMANCE_NOWHERE, 1), EFAULT);
  for (unsigned i = 0; i < sizeof target; i++)
    if (target[i] != 0xa5) expect_equal(i, -1);
  return conformance_end();
}
