/* vmo_create: bytes of memory become a VMO, whatever they are mapped to. */
#include "vmo.h"

static void copies(void) {
  fill(pages[0], 3 * PAGE);
  for (uint64_t n = 0; n <= 2 * PAGE + 1; n += n < 2 ? 1 : PAGE - 1) expect_content(bd0_vmo_create(pages[0], n), pages[0], n);
  expect_content(bd0_vmo_create(pages[0] + 1, 2 * PAGE), pages[0] + 1, 2 * PAGE);
  expect_content(bd0_vmo_create(pages[0] + PAGE - 1, 2), pages[0] + PAGE - 1, 2);
  expect_content(bd0_vmo_create(constants, sizeof constants), constants, sizeof constants);

  int64_t before = expect_value(bd0_vmo_create(pages[0], PAGE));
  uint8_t copy[PAGE];
  memcpy(copy, pages[0], PAGE);
  pages[0][17] ^= 1;
  expect_content(before, copy, PAGE);
  pages[0][17] ^= 1;
}

/** Untouched memory and mapped VMOs are captured as they are, whatever their length. */
static void shares(void) {
  struct bd0_header *header = conformance_header();
  uint8_t *untouched = (uint8_t *)((header->heap.heap_pointer + 64 * PAGE) & -(uint64_t)PAGE);
  uint64_t n = header->heap.stack_floor - (uint64_t)untouched;
  struct bd0_process_info before, after;
  bd0_process_info(BD0_SELF, &after);
  bd0_process_info(BD0_SELF, &before);
  int64_t zeros = expect_value(bd0_vmo_create(untouched, n));
  bd0_process_info(BD0_SELF, &after);
  expect_equal(after.resident_frames, before.resident_frames);
  int64_t others = bd0_vmo_zeros(n);
  uint8_t id[32], expected[32];
  expect_equal(bd0_vmo_hash(zeros, id), 0);
  expect_equal(bd0_vmo_hash(others, expected), 0);
  expect_bytes(id, expected, 32);

  int64_t pattern = bd0_vmo_create(pages[0], 3 * PAGE);
  int64_t map = expect_value(bd0_vmo_map(pattern, 0, NULL, 3 * PAGE, BD0_READ | BD0_WRITE));
  expect_content(bd0_vmo_create((void *)(map + 5), 3 * PAGE - 5), pages[0] + 5, 3 * PAGE - 5);
  ((uint8_t *)map)[PAGE] ^= 0xff;
  expect_content(bd0_vmo_create((void *)map, 3 * PAGE), (void *)map, 3 * PAGE);
  /* Across the end of one region and into the next. */
  int64_t next = expect_value(bd0_vmo_map(pattern, 0, NULL, PAGE, BD0_READ));
  expect_equal(next, map + 3 * PAGE);
  expect_content(bd0_vmo_create((void *)(map + 2 * PAGE), 2 * PAGE), (void *)(map + 2 * PAGE), 2 * PAGE);
}

/** More than one part of work. */
static void is_long(void) {
  enum { MANY = 200 };
  uint8_t *block = bd0_heap_alloc(MANY * PAGE, PAGE);
  for (int i = 0; i < MANY; i++) block[i * PAGE + i] = (uint8_t)(i + 1);
  int64_t vmo = expect_value(bd0_vmo_create(block, MANY * PAGE));
  expect_equal(bd0_vmo_length(vmo), MANY * PAGE);
  uint64_t differences = 0;
  for (int i = 0; i < MANY; i++) {
    uint8_t byte = 0;
    bd0_vmo_read(vmo, (uint64_t)(i * PAGE + i), &byte, 1);
    differences += byte != (uint8_t)(i + 1);
  }
  expect_equal(differences, 0);
  expect_equal(bd0_vmo_close(vmo), 0);
}

static void fails(void) {
  struct bd0_header *header = conformance_header();
  uint8_t *end = (uint8_t *)(header->start + header->size);
  expect_error(bd0_vmo_create(CONFORMANCE_NOWHERE, 1), EFAULT);
  expect_error(bd0_vmo_create(end - 1, 2), EFAULT);
  expect_content(bd0_vmo_create(end - 1, 1), end - 1, 1);
  expect_error(bd0_vmo_create((void *)-PAGE, PAGE + 1), EFAULT);
  expect_error(bd0_vmo_create(pages, UINT64_MAX), EFAULT);
  expect_error(bd0_vmo_create(pages, UINT64_MAX - (uint64_t)pages + 2), EFAULT);
  expect_error(bd0_vmo_create((void *)(UINT64_C(1) << 47), 1), EFAULT);
  expect_content(bd0_vmo_create(CONFORMANCE_NOWHERE, 0), "", 0);
  int64_t last = take_handles(1);
  expect_equal(bd0_vmo_create(pages, 1), last + 1);
  expect_error(bd0_vmo_create(pages, 1), ENOMEM);
  expect_error(bd0_vmo_create(CONFORMANCE_NOWHERE, 1), EFAULT);
}

int main(void) {
  expect_equal(bd0_vmo_create(pages, 1), 0);
  expect_equal(bd0_vmo_create(pages, 1), 1);
  copies();
  shares();
  is_long();
  fails();
  return conformance_end();
}
