/* vmo_hash: the identity of the bytes, however they were put together. */
#include "vmo.h"

/** Expects the identity of a VMO, of which the first bytes are given. */
static void expect_id(int64_t handle, const char *start) {
  static const char digits[] = "0123456789abcdef";
  uint8_t id[32];
  char text[9] = {0};
  expect_equal(bd0_vmo_hash(handle, id), 0);
  for (int i = 0; i < 8; i++) text[i] = digits[id[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15];
  expect_bytes(text, start, 8);
}

int main(void) {
  /* design/vmo.md "Test vectors". */
  expect_id(expect_value(bd0_vmo_zeros(0)), "3b2c8717");
  expect_id(expect_value(bd0_vmo_create("AAAABBBB", 8)), "f21c1d5a");
  expect_id(expect_value(bd0_vmo_zeros(4097)), "0224c549");
  for (int i = 0; i < 12293; i++) pages[0][i] = (uint8_t)(7 * i + (i >> 8));
  int64_t whole = expect_value(bd0_vmo_create(pages[0], 12293));
  expect_id(whole, "3edaddb0");
  int64_t parts[] = {bd0_vmo_slice(whole, 0, 5), bd0_vmo_slice(whole, 5, 12288)};
  expect_id(expect_value(bd0_vmo_concat(parts, 2)), "3edaddb0");
  pages[0][77] ^= 1;
  int64_t other = expect_value(bd0_vmo_create(pages[0], 12293));
  pages[0][77] ^= 1;
  struct bd0_patch patch = {77, (uint64_t)&pages[0][77], 1};
  expect_id(expect_value(bd0_vmo_delta(other, &patch, 1)), "3edaddb0");

  uint8_t id[32];
  expect_error(bd0_vmo_hash(NO_HANDLE, id), EBADF);
  expect_error(bd0_vmo_hash(-1, id), EBADF);
  struct bd0_header *header = conformance_header();
  uint8_t *end = (uint8_t *)(header->start + header->size);
  expect_error(bd0_vmo_hash(whole, CONFORMANCE_NOWHERE), EFAULT);
  expect_error(bd0_vmo_hash(whole, end - 31), EFAULT);
  expect_error(bd0_vmo_hash(whole, (uint8_t *)constants), EFAULT);
  expect_error(bd0_vmo_hash(NO_HANDLE, (uint8_t *)constants), EFAULT);

  /* What is shifted by a byte has pages of its own, once it is hashed. */
  int64_t shifted = expect_value(bd0_vmo_slice(whole, 1, 12288));
  fill_host_memory();
  expect_error(bd0_vmo_hash(shifted, id), ENOMEM);
  expect_error(bd0_vmo_hash(shifted, id), ENOMEM);
  empty_host_memory();
  expect_equal(bd0_vmo_hash(shifted, id), 0);
  return conformance_end();
}
