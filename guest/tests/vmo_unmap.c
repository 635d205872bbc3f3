/* vmo_unmap: removes pages of the caller's maps and of its own region. */
#include "vmo.h"

enum { MAPPINGS_MAX = 65536 };

/** Whether all of a range may be read. */
static int is_mapped(const void *address, uint64_t n) {
  int64_t vmo = bd0_vmo_create(address, n);
  if (bd0_is_error(vmo)) return 0;
  bd0_vmo_close(vmo);
  return 1;
}

static void maps(int64_t vmo) {
  uint8_t *map = (uint8_t *)expect_value(bd0_vmo_map(vmo, 0, NULL, 4 * PAGE, BD0_READ | BD0_WRITE));
  uint8_t *behind = (uint8_t *)expect_value(bd0_vmo_map(vmo, 0, NULL, PAGE, BD0_READ));
  map[0] = map[PAGE] = map[3 * PAGE] = 1;
  expect_equal(bd0_vmo_unmap(map + PAGE, PAGE + 1), 0);
  expect(is_mapped(map, PAGE));
  expect(!is_mapped(map + PAGE, 1));
  expect(!is_mapped(map + 3 * PAGE - 1, 1));
  expect(is_mapped(map + 3 * PAGE, PAGE));
  expect_equal(map[0], 1);
  expect_equal(map[3 * PAGE], 1);
  expect_bytes(map + 1, pages[0] + 1, PAGE - 1);
  /* Its place stays taken until all of it is gone. */
  expect_equal(bd0_vmo_map(vmo, 0, NULL, PAGE, BD0_READ), (int64_t)(behind + PAGE));
  expect_equal(bd0_vmo_unmap(map + PAGE, PAGE), 0);
  expect_equal(bd0_vmo_unmap(map, 4 * PAGE), 0);
  expect_error(bd0_vmo_unmap(map, PAGE), EINVAL);
  expect_equal(bd0_vmo_map(vmo, 0, NULL, 4 * PAGE, BD0_READ), (int64_t)map);
  expect_bytes(map, pages[0], PAGE);
}

static void own_region(int64_t vmo) {
  struct bd0_header *header = conformance_header();
  uint8_t *block = bd0_heap_alloc(4 * PAGE, PAGE);
  memset(block, 0x77, 4 * PAGE);
  struct bd0_process_info before, after;
  bd0_process_info(BD0_SELF, &before);
  expect_equal(bd0_vmo_unmap(block + PAGE, 2 * PAGE), 0);
  bd0_process_info(BD0_SELF, &after);
  expect_equal(after.resident_frames, before.resident_frames - 2);
  expect(is_mapped(block, PAGE));
  expect(!is_mapped(block + PAGE, 1));
  expect(!is_mapped(block + 2 * PAGE, PAGE));
  expect(is_mapped(block + 3 * PAGE, PAGE));
  expect_equal(bd0_vmo_unmap(block + PAGE, PAGE), 0);
  expect_equal(bd0_vmo_map(vmo, 0, block + PAGE, PAGE, BD0_READ), (int64_t)(block + PAGE));
  expect_bytes(block + PAGE, pages[0], PAGE);

  expect_error(bd0_vmo_unmap(header, PAGE), EINVAL);
  expect_error(bd0_vmo_unmap(header, 2 * PAGE), EINVAL);
  uint8_t *end = (uint8_t *)(header->start + header->size);
  expect_error(bd0_vmo_unmap(end - PAGE, 2 * PAGE), EINVAL);
  expect_error(bd0_vmo_unmap(end, PAGE), EINVAL);
}

static void fails(int64_t vmo) {
  uint8_t *map = (uint8_t *)expect_value(bd0_vmo_map(vmo, 0, NULL, PAGE, BD0_READ));
  expect_error(bd0_vmo_unmap(map + 1, PAGE), EINVAL);
  expect_error(bd0_vmo_unmap(map, 0), EINVAL);
  expect_error(bd0_vmo_unmap(map, PAGE + 1), EINVAL);
  expect_error(bd0_vmo_unmap(map, UINT64_MAX), EINVAL);
  expect_error(bd0_vmo_unmap(map, -(uint64_t)map), EINVAL);
  expect_error(bd0_vmo_unmap(NULL, PAGE), EINVAL);
  expect_error(bd0_vmo_unmap((void *)(UINT64_C(1) << 47), PAGE), EINVAL);
  expect_error(bd0_vmo_unmap((void *)-(uint64_t)PAGE, PAGE), EINVAL);
  expect_error(bd0_vmo_unmap((void *)UINT64_C(0xffffff8000000000), PAGE), EINVAL);
  expect(is_mapped(map, PAGE));
}

/** Most mappings of a region. */
static void divides(void) {
  uint8_t *block = bd0_heap_alloc((uint64_t)2 * MAPPINGS_MAX * PAGE, PAGE);
  int64_t result = 0;
  int i = 0;
  while (result == 0 && i < MAPPINGS_MAX) result = bd0_vmo_unmap(block + (uint64_t)2 * i++ * PAGE, PAGE);
  expect_equal(result, -BD0_ENOMEM);
  expect(i > MAPPINGS_MAX - 20);
  expect_error(bd0_vmo_map(bd0_vmo_zeros(1), 0, block, 1, BD0_READ), ENOMEM);
}

int main(void) {
  fill(pages[0], 4 * PAGE);
  int64_t vmo = expect_value(bd0_vmo_create(pages[0], 4 * PAGE));
  maps(vmo);
  own_region(vmo);
  fails(vmo);
  divides();
  return conformance_end();
}
