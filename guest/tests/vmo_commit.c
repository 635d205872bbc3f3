/* vmo_commit: memory as it is becomes a VMO, and goes on. */
#include "vmo.h"

int main(void) {
  fill(pages[0], 4 * PAGE);
  uint8_t copy[4 * PAGE];
  memcpy(copy, pages[0], sizeof copy);
  struct bd0_process_info before, after;
  expect_equal(bd0_process_info(BD0_SELF, &after), 0);
  bd0_process_info(BD0_SELF, &before);
  int64_t snapshot = expect_value(bd0_vmo_commit(pages[0], 4 * PAGE));
  bd0_process_info(BD0_SELF, &after);
  expect_equal(after.resident_frames, before.resident_frames);
  expect_equal(after.shared_frames, before.shared_frames + 4);
  expect_bytes(pages[0], copy, sizeof copy);
  pages[1][3] = 0;
  memcpy(pages[3], "changed", 7);
  expect_bytes(pages[3], "changed", 7);

  /* Its identity is that of the bytes; and the committed VMO may be mapped next to the memory that has changed since. */
  uint8_t id[32], expected[32];
  expect_equal(bd0_vmo_hash(snapshot, id), 0);
  expect_equal(bd0_vmo_hash(bd0_vmo_create(copy, sizeof copy), expected), 0);
  expect_bytes(id, expected, 32);
  uint8_t *map = (uint8_t *)expect_value(bd0_vmo_map(snapshot, 0, NULL, sizeof copy, BD0_READ));
  expect_bytes(map, copy, sizeof copy);
  expect_content(bd0_vmo_commit(map, 2 * PAGE), copy, 2 * PAGE);
  expect_content(snapshot, copy, sizeof copy);

  /* Header page, image and heap, untouched memory and all. */
  struct bd0_header *header = conformance_header();
  uint8_t *start = (uint8_t *)header, *end = start + header->size;
  uint64_t below_stacks = header->heap.stack_floor - header->start;
  int64_t whole = expect_value(bd0_vmo_commit(start, below_stacks));
  expect_equal(bd0_vmo_length(whole), below_stacks);
  expect_bytes(pages[3], "changed", 7);
  expect_content(bd0_vmo_commit(end - PAGE, PAGE), end - PAGE, PAGE);

  expect_error(bd0_vmo_commit(start, header->size + PAGE), EFAULT);
  expect_error(bd0_vmo_commit(start - PAGE, PAGE), EFAULT);
  expect_error(bd0_vmo_commit(CONFORMANCE_NOWHERE, 1), EFAULT);
  expect_error(bd0_vmo_commit((void *)-(uint64_t)PAGE, 2 * PAGE), EFAULT);
  int64_t zeros = bd0_vmo_zeros(PAGE);
  map = (uint8_t *)expect_value(bd0_vmo_map(zeros, 0, NULL, PAGE, BD0_READ));
  expect_equal(bd0_vmo_map(zeros, 0, NULL, PAGE, BD0_READ), (int64_t)(map + PAGE));
  expect_content(bd0_vmo_commit(map, PAGE), map, PAGE);
  expect_error(bd0_vmo_commit(map, 2 * PAGE), EFAULT);
  map = (uint8_t *)expect_value(bd0_vmo_map(zeros, 0, NULL, PAGE, 0));
  expect_error(bd0_vmo_commit(map, PAGE), EFAULT);
  expect_error(bd0_vmo_commit(pages[0] + 1, PAGE), EINVAL);
  expect_error(bd0_vmo_commit(pages[0], PAGE - 1), EINVAL);
  expect_error(bd0_vmo_commit(pages[0], PAGE + 1), EINVAL);
  expect_error(bd0_vmo_commit(pages[0], 0), EINVAL);
  expect_error(bd0_vmo_commit(CONFORMANCE_NOWHERE, 0), EINVAL);

  take_handles(0);
  expect_error(bd0_vmo_commit(pages[0], PAGE), ENOMEM);
  return conformance_end();
}
