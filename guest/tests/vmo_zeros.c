/* vmo_zeros: any number of zeros, up to 2^48. */
#include "vmo.h"

int main(void) {
  expect_content(bd0_vmo_zeros(0), "", 0);
  expect_content(bd0_vmo_zeros(1), pages, 1);
  expect_content(bd0_vmo_zeros(PAGE + 1), pages, PAGE + 1);

  int64_t most = expect_value(bd0_vmo_zeros(VMO_MAX));
  expect_equal(bd0_vmo_length(most), VMO_MAX);
  uint8_t byte = 7;
  expect_equal(bd0_vmo_read(most, VMO_MAX - 1, &byte, 1), 1);
  expect_equal(byte, 0);
  expect_error(bd0_vmo_zeros(VMO_MAX + 1), ERANGE);
  expect_error(bd0_vmo_zeros((UINT64_C(1) << 53) + 1), ERANGE);
  expect_error(bd0_vmo_zeros(UINT64_MAX), ERANGE);

  /* The identity of 2^47 zeros: design/vmo.md "Test vectors". */
  static const uint8_t known[4] = {0x34, 0x6d, 0x92, 0xea};
  uint8_t id[32];
  expect_equal(bd0_vmo_hash(expect_value(bd0_vmo_zeros(VMO_MAX / 2)), id), 0);
  expect_bytes(id, known, sizeof known);

  take_handles(0);
  expect_error(bd0_vmo_zeros(0), ENOMEM);
  expect_error(bd0_vmo_zeros(VMO_MAX + 1), ERANGE);
  return conformance_end();
}
