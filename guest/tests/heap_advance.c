/* heap_advance: blocks, up to the stacks and not beyond. */
#include "process.h"

static uint64_t blocks[8][50];

static int advances(void *argument) {
  uint64_t *mine = argument;
  for (int i = 0; i < 50; i++) {
    mine[i] = (uint64_t)expect_value(bd0_heap_advance(24, 8));
    if (i % 7 == 0) bd0_yield();
  }
  return 0;
}

static void many_threads(void) {
  int64_t threads[8];
  for (int i = 0; i < 8; i++) threads[i] = spawn(advances, blocks[i]);
  for (int i = 0; i < 8; i++) bd0_thread_join(threads[i], BD0_FOREVER);
  uint64_t *all = blocks[0];
  for (int i = 0; i < 8 * 50; i++)
    for (int j = 0; j < i; j++)
      if (all[i] < all[j] + 24 && all[j] < all[i] + 24) expect_equal(all[i], 0);
}

static void fails(void) {
  struct bd0_heap_pair before = *heap_pair();
  static const uint64_t no_powers[] = {0, 3, 6, 4097, UINT64_MAX};
  for (int i = 0; i < 5; i++) expect_error(bd0_heap_advance(1, no_powers[i]), EINVAL);
  uint64_t room = before.stack_floor - before.heap_pointer;
  expect_error(bd0_heap_advance(room + 1, 1), ENOMEM);
  expect_error(bd0_heap_advance(UINT64_MAX, 1), ENOMEM);
  expect_error(bd0_heap_advance(-before.heap_pointer, 1), ENOMEM);
  expect_error(bd0_heap_advance(0, UINT64_C(1) << 63), ENOMEM);
  /* A pair that lies elsewhere has no room for anything. */
  heap_pair()->heap_pointer = 0;
  expect_error(bd0_heap_advance(1, 1), ENOMEM);
  *heap_pair() = (struct bd0_heap_pair){before.heap_pointer, conformance_header()->start + conformance_header()->size + 1};
  expect_error(bd0_heap_advance(1, 1), ENOMEM);
  *heap_pair() = (struct bd0_heap_pair){before.heap_pointer, UINT64_MAX};
  expect_error(bd0_heap_advance(1, 1), ENOMEM);
  heap_pair()->stack_floor = before.stack_floor;
  expect_equal(heap_pair()->heap_pointer, before.heap_pointer);
  /* All of it. */
  expect_equal(bd0_heap_advance(room, 1), before.heap_pointer);
  expect_equal(heap_pair()->heap_pointer, before.stack_floor);
  expect_equal(bd0_heap_advance(0, 1), before.stack_floor);
  expect_error(bd0_heap_advance(1, 1), ENOMEM);
}

int main(void) {
  uint64_t at = heap_pair()->heap_pointer;
  for (uint64_t align = 1; align <= MIB; align *= 2) {
    static const uint64_t sizes[] = {0, 1, 5, 4096, 100000};
    for (int i = 0; i < 5; i++) {
      uint64_t expected = (at + align - 1) & -align;
      uint8_t *block = (uint8_t *)bd0_heap_advance(sizes[i], align);
      expect_equal(block, expected);
      at = expected + sizes[i];
      expect_equal(heap_pair()->heap_pointer, at);
      if (sizes[i] > 0) expect(block[0] == 0 && block[sizes[i] - 1] == 0);
    }
  }
  many_threads();
  fails();
  return conformance_end();
}
