/*
 * malloc and its family against a model: a table of what every block is to hold. A random sequence, which argv[1] seeds,
 * takes, resizes and gives back blocks of sizes that change from phase to phase; after each phase all is given back. Prints
 * how often the library broke a rule, and the part of the heap that blocks took at most.
 */
#include <bd0.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 256, PHASES = 6, STEPS = 2500 };

struct block {
  unsigned char *bytes;
  size_t size;
  unsigned char fill; /* of byte i: fill + i */
};

static struct block blocks[SLOTS];
static uint64_t state;
static size_t live, live_max;
static unsigned overlaps, torn, misaligned, dirty, failed, small;

static uint64_t next_random(void) {
  state = state * 6364136223846793005 + 1442695040888963407;
  return state >> 33;
}

/** Sizes: small, page-like, large, mixed, ascending and all powers of two. */
static size_t any_size(int phase, int step) {
  switch (phase) {
    case 0: return next_random() % 200;
    case 1: return 3000 + next_random() % 3000;
    case 2: return next_random() % 200000;
    case 3: return next_random() % 8 == 0 ? next_random() % 100000 : next_random() % 100;
    case 4: return (size_t)step * 4 + next_random() % 64;
    default: return (size_t)1 << next_random() % 17;
  }
}

static void fill(struct block *block, size_t from) {
  for (size_t i = from; i < block->size; i++) block->bytes[i] = (unsigned char)(block->fill + i);
}

static void check(const struct block *block, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (block->bytes[i] != (unsigned char)(block->fill + i)) {
      torn++;
      return;
    }
}

/** A block that the library has given enters the model. */
static void enter(struct block *block, size_t align) {
  misaligned += (uintptr_t)block->bytes % align != 0;
  small += malloc_usable_size(block->bytes) < block->size;
  for (const struct block *other = blocks; other < blocks + SLOTS; other++)
    if (other != block && other->bytes != NULL && other->bytes < block->bytes + block->size &&
        block->bytes < other->bytes + other->size)
      overlaps++;
  live += block->size;
  if (live > live_max) live_max = live;
}

static void give_back(struct block *block) {
  check(block, block->size);
  live -= block->size;
  free(block->bytes);
  *block = (struct block){0};
}

static void take(struct block *block, size_t size) {
  size_t align = 16;
  switch (next_random() % 4) {
    case 0:
      block->bytes = calloc(1, size);
      for (size_t i = 0; block->bytes != NULL && i < size; i++) dirty += block->bytes[i] != 0;
      break;
    case 1:
      align = (size_t)1 << next_random() % 13;
      block->bytes = aligned_alloc(align, size);
      break;
    default: block->bytes = malloc(size);
  }
  failed += block->bytes == NULL;
  if (block->bytes == NULL) return;
  *block = (struct block){block->bytes, size, (unsigned char)next_random()};
  enter(block, align);
  fill(block, 0);
}

static void resize(struct block *block, size_t size) {
  size_t kept = size < block->size ? size : block->size;
  live -= block->size;
  unsigned char *bytes = realloc(block->bytes, size);
  failed += bytes == NULL;
  if (bytes != NULL) block->bytes = bytes;
  if (bytes != NULL) block->size = size;
  check(block, kept);
  enter(block, 16);
  fill(block, kept);
}

static uintptr_t heap_end(void) {
  return (uintptr_t)bd0_heap_alloc(0, 1);
}

int main(int argc, char **argv) {
  state = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
  uintptr_t heap_start = heap_end();
  for (int phase = 0; phase < PHASES; phase++) {
    for (int step = 0; step < STEPS; step++) {
      struct block *block = &blocks[next_random() % SLOTS];
      size_t size = 1 + any_size(phase, step);
      if (block->bytes == NULL) take(block, size);
      else if (next_random() % 3 == 0) resize(block, size);
      else give_back(block);
    }
    for (struct block *block = blocks; block < blocks + SLOTS; block++)
      if (block->bytes != NULL) give_back(block);
  }
  size_t heap = heap_end() - heap_start;
  printf("%u overlap, %u torn, %u misaligned, %u dirty, %u too small, %u failed\n", overlaps, torn, misaligned, dirty, small,
         failed);
  printf("%zu bytes of blocks at most in a heap of %zu\n", live_max, heap);
  /* All is free, and one block again but for what the library holds for itself. */
  void *whole = malloc(heap - heap / 8);
  printf("grown by %zu\n", heap_end() - heap_start - heap);
  free(whole);
  return 0;
}
