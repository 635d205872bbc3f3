/* vmo_map: a part of a VMO becomes memory, where the kernel chooses or in the caller's own region. */
#include "vmo.h"

enum { N = 3 * PAGE };

/** Start of the maps outside of regions, and the number of bytes that fit there. */
#define MAPS_START UINT64_C(0xffffff0000200000)
#define MAPS_SIZE ((UINT64_C(1) << 39) - 0x200000)

static int can_read(const void *address, uint64_t n) {
  int64_t vmo = bd0_vmo_create(address, n);
  if (bd0_is_error(vmo)) return 0;
  bd0_vmo_close(vmo);
  return 1;
}

/** Whether memory may be written. It is not changed. */
static int can_write(void *address, int64_t vmo) {
  return bd0_vmo_read(vmo, 0, address, 1) == 1;
}

static void chosen(int64_t vmo) {
  int64_t first = expect_value(bd0_vmo_map(vmo, 0, NULL, N, BD0_READ));
  expect_equal(first, MAPS_START);
  expect_bytes((void *)first, pages[0], N);
  int64_t second = expect_value(bd0_vmo_map(vmo, PAGE, NULL, 1, BD0_READ));
  expect_equal(second, first + N);
  expect_bytes((void *)second, pages[1], PAGE);
  int64_t third = expect_value(bd0_vmo_map(vmo, 2 * PAGE, NULL, PAGE, BD0_READ));
  expect_equal(third, second + PAGE);
  /* The first gap that is large enough. */
  expect_equal(bd0_vmo_unmap((void *)second, PAGE), 0);
  expect_equal(expect_value(bd0_vmo_map(vmo, 0, NULL, 2 * PAGE, BD0_READ)), third + PAGE);
  expect_equal(expect_value(bd0_vmo_map(vmo, 0, NULL, PAGE, BD0_READ)), second);
}

/** What a map allows, and what it does not. */
static void protected(int64_t vmo) {
  int64_t byte = bd0_vmo_create("x", 1);
  for (uint64_t protection = 0; protection < 8; protection++) {
    uint8_t *map = (uint8_t *)expect_value(bd0_vmo_map(vmo, 0, NULL, N, protection));
    expect_equal(can_read(map, N), protection != 0);
    expect_equal(can_write(map + 7, byte), (protection & BD0_WRITE) != 0);
    expect_equal(can_read(map + N, 1), 0);
  }
  expect_content(bd0_vmo_slice(vmo, 0, N), pages[0], N);

  static const uint8_t code[] = {0xb8, 42, 0, 0, 0, 0xc3}; /* mov eax, 42; ret */
  int64_t program = expect_value(bd0_vmo_create(code, sizeof code));
  int (*function)(void) = (int (*)(void))expect_value(bd0_vmo_map(program, 0, NULL, sizeof code, BD0_EXECUTE));
  expect_equal(function(), 42);
}

static void copied_on_write(int64_t vmo) {
  uint8_t *one = (uint8_t *)expect_value(bd0_vmo_map(vmo, 0, NULL, N, BD0_READ | BD0_WRITE));
  uint8_t *other = (uint8_t *)expect_value(bd0_vmo_map(vmo, 0, NULL, N, BD0_READ | BD0_WRITE));
  one[PAGE] = 1;
  other[PAGE] = 2;
  expect_equal(one[PAGE], 1);
  expect_equal(other[PAGE], 2);
  expect_content(bd0_vmo_slice(vmo, 0, N), pages[0], N);
}

/** The VMO ends in the middle of a page, or of one of its own parts. */
static void cut(int64_t vmo) {
  int64_t part = expect_value(bd0_vmo_slice(vmo, 5, PAGE + 10));
  uint8_t *map = (uint8_t *)expect_value(bd0_vmo_map(part, 0, NULL, PAGE + 10, BD0_READ));
  expect_bytes(map, pages[0] + 5, PAGE + 10);
  int others = 0;
  for (int i = PAGE + 10; i < 2 * PAGE; i++) others += map[i] != 0;
  expect_equal(others, 0);
  expect_error(bd0_vmo_map(part, 0, NULL, PAGE + 11, BD0_READ), ERANGE);
}

/** In the own region a map takes the place of what is there, on the heap, on a stack, and of parts of other maps. */
static void placed(int64_t vmo) {
  uint8_t *block = bd0_heap_alloc(8 * PAGE, PAGE);
  memset(block, 0xee, 8 * PAGE);
  expect_equal(bd0_vmo_map(vmo, 0, block + 2 * PAGE, N, BD0_READ | BD0_WRITE), (int64_t)(block + 2 * PAGE));
  expect_equal(block[2 * PAGE - 1], 0xee);
  expect_bytes(block + 2 * PAGE, pages[0], N);
  expect_equal(block[5 * PAGE], 0xee);
  block[3 * PAGE] = 0x11;
  expect_equal(bd0_vmo_map(vmo, 2 * PAGE, block + 3 * PAGE, PAGE, BD0_READ), (int64_t)(block + 3 * PAGE));
  expect_bytes(block + 2 * PAGE, pages[0], PAGE);
  expect_bytes(block + 3 * PAGE, pages[2], PAGE);
  expect_bytes(block + 4 * PAGE, pages[2], PAGE);
  int64_t zeros = bd0_vmo_zeros(8 * PAGE);
  expect_equal(bd0_vmo_map(zeros, 0, block, 8 * PAGE, BD0_READ | BD0_WRITE), (int64_t)block);
  uint64_t others = 0;
  for (int i = 0; i < 8 * PAGE; i++) others += block[i] != 0;
  expect_equal(others, 0);
  block[0] = 1;

  struct bd0_header *header = conformance_header();
  uint8_t *end = (uint8_t *)(header->start + header->size);
  uint8_t *floor = (uint8_t *)header->heap.stack_floor;
  expect_equal(bd0_vmo_map(vmo, 0, floor, PAGE, BD0_READ), (int64_t)floor);
  expect_bytes(floor, pages[0], PAGE);

  expect_error(bd0_vmo_map(vmo, 0, header, PAGE, BD0_READ), EEXIST);
  expect_error(bd0_vmo_map(vmo, 0, end - PAGE, 2 * PAGE, BD0_READ), EEXIST);
  expect_error(bd0_vmo_map(vmo, 0, end, PAGE, BD0_READ), EEXIST);
  expect_error(bd0_vmo_map(vmo, 0, (uint8_t *)header - PAGE, PAGE, BD0_READ), EEXIST);
  expect_error(bd0_vmo_map(vmo, 0, (void *)MAPS_START, PAGE, BD0_READ), EEXIST);
  expect_error(bd0_vmo_map(vmo, 0, (void *)(UINT64_C(1) << 47), PAGE, BD0_READ), EEXIST);
  expect_error(bd0_vmo_map(vmo, 0, (void *)-(uint64_t)PAGE, PAGE, BD0_READ), EEXIST);
  expect_equal(header->start, bd0_process_start(BD0_SELF));
}

static void fails(int64_t vmo) {
  expect_error(bd0_vmo_map(NO_HANDLE, 0, NULL, PAGE, BD0_READ), EBADF);
  expect_error(bd0_vmo_map(-1, 1, NULL, 0, 99), EBADF);
  expect_error(bd0_vmo_map(vmo, 1, NULL, PAGE, BD0_READ), EINVAL);
  expect_error(bd0_vmo_map(vmo, PAGE - 1, NULL, PAGE, BD0_READ), EINVAL);
  expect_error(bd0_vmo_map(vmo, 0, pages[0] + 1, PAGE, BD0_READ), EINVAL);
  expect_error(bd0_vmo_map(vmo, 0, NULL, 0, BD0_READ), EINVAL);
  expect_error(bd0_vmo_map(vmo, 0, NULL, PAGE, 8), EINVAL);
  expect_error(bd0_vmo_map(vmo, 0, NULL, PAGE, UINT64_C(1) << 32 | BD0_READ), EINVAL);
  expect_error(bd0_vmo_map(vmo, 0, NULL, N + 1, BD0_READ), ERANGE);
  expect_error(bd0_vmo_map(vmo, N, NULL, 1, BD0_READ), ERANGE);
  expect_error(bd0_vmo_map(vmo, -(uint64_t)PAGE, NULL, 2 * PAGE, BD0_READ), ERANGE);
  expect_error(bd0_vmo_map(vmo, PAGE, NULL, UINT64_MAX, BD0_READ), ERANGE);
  int64_t most = expect_value(bd0_vmo_zeros(VMO_MAX));
  expect_error(bd0_vmo_map(most, 0, NULL, VMO_MAX, BD0_READ), ENOMEM);
  expect_error(bd0_vmo_map(most, 0, NULL, MAPS_SIZE + 1, BD0_READ), ENOMEM);
  expect_error(bd0_vmo_map(most, 0, NULL, MAPS_SIZE, BD0_READ), ENOMEM);
}

/** All of the place for maps, while there is no other map, with the last page of the longest VMO at its end. */
static void fills(void) {
  int64_t most = expect_value(bd0_vmo_zeros(VMO_MAX));
  struct bd0_patch patch = {VMO_MAX - 1, (uint64_t) "e", 1};
  int64_t vmo = expect_value(bd0_vmo_delta(most, &patch, 1));
  uint8_t *map = (uint8_t *)expect_value(bd0_vmo_map(vmo, VMO_MAX - MAPS_SIZE, NULL, MAPS_SIZE, BD0_READ | BD0_WRITE));
  expect_equal(map, MAPS_START);
  expect_equal(map[0], 0);
  expect_equal(map[MAPS_SIZE - 1], 'e');
  map[MAPS_SIZE / 2] = 3;
  expect_equal(map[MAPS_SIZE / 2], 3);
  expect_error(bd0_vmo_map(vmo, 0, NULL, 1, BD0_READ), ENOMEM);
  expect_equal(bd0_vmo_unmap(map, MAPS_SIZE), 0);
}

int main(void) {
  fill(pages[0], N);
  int64_t vmo = expect_value(bd0_vmo_create(pages[0], N));
  fills();
  chosen(vmo);
  protected(vmo);
  copied_on_write(vmo);
  cut(vmo);
  placed(vmo);
  fails(vmo);
  return conformance_end();
}
