/*
 * heap [N]: takes N blocks off the heap without a lock, and checks that no two overlap. Blocks come in turn from this
 * program's own compare and exchange of the heap pair, from the library's, and from the kernel call that follows the
 * same rule. On Linux all three are the program's own, over a mapping that stands for the heap.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** The next free byte, and the address that no block may pass. */
struct pair {
  uint64_t pointer;
  uint64_t floor;
} __attribute__((aligned(16), may_alias));

struct block {
  uint8_t *address;
  size_t size;
  size_t align;
};

static struct pair *heap;

static struct pair read_heap(void) {
  return (struct pair){
      __atomic_load_n(&heap->pointer, __ATOMIC_ACQUIRE),
      __atomic_load_n(&heap->floor, __ATOMIC_ACQUIRE),
  };
}

/** Moves the heap from `*seen` to `next`; if another was faster, `*seen` is what it made. */
static bool exchange_heap(struct pair *seen, struct pair next) {
  bool equal;
  __asm__ volatile("lock cmpxchg16b %1"
                   : "=@ccz"(equal), "+m"(*heap), "+a"(seen->pointer), "+d"(seen->floor)
                   : "b"(next.pointer), "c"(next.floor)
                   : "memory");
  return equal;
}

static void *take(size_t size, size_t align) {
  struct pair seen = read_heap();
  for (;;) {
    uint64_t address = (seen.pointer + align - 1) & -align;
    if (address > seen.floor || size > seen.floor - address) return NULL;
    if (exchange_heap(&seen, (struct pair){address + size, seen.floor})) return (void *)address;
  }
}

#ifdef __bd0__

#include <bd0.h>

static void find_heap(void) {
  heap = (struct pair *)bd0_heap_pointer(BD0_SELF);
}

static void *take_by_library(size_t size, size_t align) {
  return bd0_heap_alloc(size, align);
}

static void *take_by_kernel(size_t size, size_t align) {
  int64_t result = bd0_heap_advance(size, align);
  return bd0_is_error(result) ? NULL : (void *)result;
}

#else

#include <sys/mman.h>

#define take_by_library take
#define take_by_kernel take

static void find_heap(void) {
  static struct pair pair;
  size_t size = (size_t)1 << 28;
  pair.pointer = (uint64_t)mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  pair.floor = pair.pointer + size;
  heap = &pair;
}

#endif

typedef void *taker(size_t size, size_t align);
static taker *const takers[] = {take, take_by_library, take_by_kernel};
enum { TAKERS = sizeof takers / sizeof takers[0] };

/** Takes all blocks and fills each with a byte of its own. */
static bool take_all(struct block *blocks, size_t count) {
  uint64_t state = 88172645463325252;
  for (size_t i = 0; i < count; i++) {
    state = state * 6364136223846793005 + 1442695040888963407;
    struct block *block = &blocks[i];
    block->size = 1 + (state >> 56);
    block->align = (size_t)1 << (state >> 40) % 8;
    block->address = takers[i % TAKERS](block->size, block->align);
    if (block->address == NULL) return false;
    memset(block->address, (int)(i & 0xff), block->size);
  }
  return true;
}

static void check(const struct block *blocks, size_t count) {
  size_t overlaps = 0, misaligned = 0, changed = 0;
  uint64_t bytes = 0, checksum = 0;
  for (size_t i = 0; i < count; i++) {
    const struct block *block = &blocks[i];
    overlaps += i > 0 && block->address < blocks[i - 1].address + blocks[i - 1].size;
    misaligned += (uint64_t)block->address % block->align != 0;
    bytes += block->size;
    for (size_t at = 0; at < block->size; at++) {
      changed += block->address[at] != (i & 0xff);
      checksum = checksum * 0x100000001b3 + block->address[at];
    }
  }
  printf("%zu blocks of %llu bytes: %zu overlap, %zu misaligned, %zu bytes changed, checksum %016llx\n", count,
         (unsigned long long)bytes, overlaps, misaligned, changed, (unsigned long long)checksum);
}

/** What another took between the reading of the pair and its exchange makes the exchange fail. */
static void lose_a_race(void) {
  for (size_t i = 0; i < TAKERS; i++) {
    struct pair stale = read_heap(), before = stale;
    void *taken = takers[i](16, 16);
    bool exchanged = exchange_heap(&stale, (struct pair){before.pointer + 64, before.floor});
    bool current = stale.pointer == (uint64_t)taken + 16 && stale.floor == before.floor;
    printf("race %zu: exchange %s, the pair read again is %s\n", i, exchanged ? "done" : "refused",
           current ? "right" : "wrong");
  }
}

/** The heap ends at the lowest stack, and a refused block leaves it as it was. */
static void reach_the_floor(void) {
  struct pair before = read_heap();
  for (size_t i = 0; i < TAKERS; i++)
    printf("one byte too many: %s\n", takers[i](before.floor - before.pointer + 1, 1) == NULL ? "refused" : "given");
  struct pair after = read_heap();
  printf("the heap %s\n", after.pointer == before.pointer && after.floor == before.floor ? "stands" : "has moved");
  printf("all the rest: %s\n", take(before.floor - before.pointer, 1) == (void *)before.pointer ? "given" : "refused");
  for (size_t i = 0; i < TAKERS; i++) printf("one byte more: %s\n", takers[i](1, 1) == NULL ? "refused" : "given");
}

int main(int argc, char **argv) {
  size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000;
  struct block *blocks = malloc(count * sizeof *blocks);
  find_heap();
  if (blocks == NULL || !take_all(blocks, count)) {
    fprintf(stderr, "heap: no room for %zu blocks\n", count);
    return 1;
  }
  check(blocks, count);
  lose_a_race();
  reach_the_floor();
  return 0;
}
