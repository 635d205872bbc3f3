/*
 * heap_threads [N]: eight threads take N blocks each (1000 if not told) off the heap of the process at once, and two more
 * begin and end further threads, whose stacks come down towards them. No lock is involved, and in the end no two
 * blocks overlap.
 */
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

enum { TAKERS = 8, SPAWNERS = 2, SPAWNED = 20 };

#ifdef __bd0__

#include <bd0.h>

static void *take(size_t size, size_t align) {
  return bd0_heap_alloc(size, align);
}

#else

/** The same rule on memory of its own: a pointer that is moved by compare and exchange. */
static void *take(size_t size, size_t align) {
  static uint8_t memory[64 << 20];
  static _Atomic uintptr_t next;
  uintptr_t seen = next, block;
  do {
    if (seen == 0) atomic_compare_exchange_strong(&next, &seen, (uintptr_t)memory), seen = next;
    block = (seen + align - 1) & -align;
    if (size > (uintptr_t)memory + sizeof memory - block) return NULL;
  } while (!atomic_compare_exchange_weak(&next, &seen, block + size));
  return (void *)block;
}

#endif

struct block {
  uint8_t *address;
  size_t size;
};

static struct block *blocks;
static unsigned each;

static int takes(void *argument) {
  unsigned thread = (unsigned)(uintptr_t)argument, failed = 0;
  for (unsigned i = 0; i < each; i++) {
    size_t size = 1 + (thread * 37 + i * 11) % 200, align = (size_t)1 << i % 7;
    uint8_t *address = take(size, align);
    if (address == NULL || (uintptr_t)address % align != 0) {
      failed++;
      size = 0;
    } else {
      memset(address, (int)thread + 1, size);
    }
    blocks[thread * each + i] = (struct block){address, size};
  }
  return (int)failed;
}

static int returns(void *argument) {
  return (int)(uintptr_t)argument;
}

static int spawns(void *argument) {
  (void)argument;
  unsigned failed = 0;
  for (int i = 0; i < SPAWNED; i++) {
    thrd_t thread;
    int result = 0;
    if (thrd_create(&thread, returns, (void *)7) != thrd_success) failed++;
    else if (thrd_join(thread, &result) != thrd_success || result != 7) failed++;
  }
  return (int)failed;
}

static int by_address(const void *left, const void *right) {
  const struct block *l = left, *r = right;
  return (l->address > r->address) - (l->address < r->address);
}

/** Blocks that overlap the one before, and bytes that are not what their thread has written. */
static unsigned wrong_blocks(unsigned count) {
  unsigned wrong = 0;
  for (unsigned i = 0; i < count; i++)
    for (size_t at = 0; at < blocks[i].size; at++) wrong += blocks[i].address[at] != i / each + 1;
  qsort(blocks, count, sizeof blocks[0], by_address);
  for (unsigned i = 1; i < count; i++) wrong += blocks[i].address < blocks[i - 1].address + blocks[i - 1].size;
  return wrong;
}

int main(int argc, char **argv) {
  each = argc > 1 ? (unsigned)atoi(argv[1]) : 1000;
  blocks = calloc(TAKERS * each, sizeof blocks[0]);
  thrd_t threads[TAKERS + SPAWNERS];
  int failed = 0;
  for (uintptr_t i = 0; i < TAKERS + SPAWNERS; i++)
    if (thrd_create(&threads[i], i < TAKERS ? takes : spawns, (void *)i) != thrd_success) return 1;
  for (int i = 0; i < TAKERS + SPAWNERS; i++) {
    int result;
    thrd_join(threads[i], &result);
    failed += result;
  }
  printf("%u blocks by %d threads, %d failed, %u wrong\n", TAKERS * each, TAKERS, failed, wrong_blocks(TAKERS * each));
  return 0;
}
