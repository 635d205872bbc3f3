/* vmo_delta: patches over a VMO, the later one last. */
#include "vmo.h"

enum { N = 3 * PAGE, MOST = 65536 };

static struct bd0_patch many[MOST + 1];

static struct bd0_patch patch(uint64_t offset, const void *bytes, uint64_t length) {
  return (struct bd0_patch){offset, (uint64_t)bytes, length};
}

int main(void) {
  fill(pages[0], N);
  int64_t base = expect_value(bd0_vmo_create(pages[0], N));
  struct bd0_patch patches[] = {patch(0, "first", 5), patch(PAGE - 2, "across", 6), patch(N - 4, "last", 4),
                                patch(2, "RST", 3), patch(N, CONFORMANCE_NOWHERE, 0)};
  uint8_t expected[N];
  memcpy(expected, pages[0], N);
  memcpy(expected, "fiRST", 5);
  memcpy(expected + PAGE - 2, "across", 6);
  memcpy(expected + N - 4, "last", 4);
  expect_content(bd0_vmo_delta(base, patches, 5), expected, N);
  expect_content(bd0_vmo_delta(base, patches, 0), pages[0], N);
  expect_content(bd0_vmo_delta(base, CONFORMANCE_NOWHERE, 0), pages[0], N);
  struct bd0_patch all = patch(0, constants, sizeof constants);
  memcpy(expected, pages[0], N);
  memcpy(expected, constants, sizeof constants);
  expect_content(bd0_vmo_delta(base, &all, 1), expected, N);

  struct bd0_patch bad[] = {patch(0, "fine", 4), patch(N - 3, "late", 4)};
  expect_error(bd0_vmo_delta(base, bad, 2), ERANGE);
  bad[1] = patch(N + 1, CONFORMANCE_NOWHERE, 0);
  expect_error(bd0_vmo_delta(base, bad, 2), ERANGE);
  bad[1] = patch(UINT64_MAX - 1, "late", 4);
  expect_error(bd0_vmo_delta(base, bad, 2), ERANGE);
  for (int i = 0; i <= MOST; i++) many[i] = patch((uint64_t)i % N, "x", 1);
  memset(expected, 'x', N);
  expect_content(bd0_vmo_delta(base, many, MOST), expected, N);
  expect_error(bd0_vmo_delta(base, many, MOST + 1), ERANGE);

  struct bd0_header *header = conformance_header();
  uint8_t *end = (uint8_t *)(header->start + header->size);
  expect_error(bd0_vmo_delta(base, CONFORMANCE_NOWHERE, 1), EFAULT);
  expect_error(bd0_vmo_delta(base, (struct bd0_patch *)(end - 24), 2), EFAULT);
  expect_error(bd0_vmo_delta(base, patches, UINT64_MAX), EFAULT);
  expect_error(bd0_vmo_delta(base, patches, UINT64_C(1) << 61), EFAULT);
  bad[1] = patch(0, CONFORMANCE_NOWHERE, 1);
  expect_error(bd0_vmo_delta(base, bad, 2), EFAULT);
  bad[1] = patch(0, end - 1, 2);
  expect_error(bd0_vmo_delta(base, bad, 2), EFAULT);
  bad[1] = patch(0, pages, UINT64_MAX);
  expect_error(bd0_vmo_delta(base, bad, 2), EFAULT);

  expect_error(bd0_vmo_delta(NO_HANDLE, patches, 1), EBADF);
  expect_error(bd0_vmo_delta(-1, patches, 0), EBADF);
  expect_content(base, pages[0], N);

  int64_t most = expect_value(bd0_vmo_zeros(VMO_MAX));
  struct bd0_patch edge = patch(VMO_MAX - 1, "z", 1);
  int64_t patched = expect_value(bd0_vmo_delta(most, &edge, 1));
  uint8_t byte = 0;
  expect_equal(bd0_vmo_read(patched, VMO_MAX - 1, &byte, 1), 1);
  expect_equal(byte, 'z');

  take_handles(0);
  expect_error(bd0_vmo_delta(most, patches, 1), ENOMEM);
  return conformance_end();
}
