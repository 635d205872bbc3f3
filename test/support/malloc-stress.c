/*
 * The guest's malloc under the host's threads, which run at once on its cores: eight of them take blocks, fill them, hand
 * them to others and give them back. Prints how many bytes were not what had been written to them, and how far the heap
 * grew. guest/lib/malloc.c is compiled with guest_ before the names of its functions, and finds its heap here.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

void *guest_malloc(size_t size);
void *guest_realloc(void *block, size_t size);
void *guest_aligned_alloc(size_t align, size_t size);
void guest_free(void *block);

enum { THREADS = 8, SLOTS = 64, ROUNDS = 40000 };

#define HEAP_BYTES ((size_t)1 << 32)

static _Atomic(uintptr_t) next;
static uintptr_t end;

void *bd0_heap_alloc(size_t size, size_t align) {
  uintptr_t seen = next, block;
  do {
    block = (seen + align - 1) & -align;
    if (size > end - block) return NULL;
  } while (!atomic_compare_exchange_weak(&next, &seen, block + size));
  return (void *)block;
}

int64_t bd0_yield(void) {
  return sched_yield(); /* what the library's is, for the threads of the host */
}

struct block {
  uint32_t size;
  uint8_t fill;
  uint8_t bytes[];
};

/** Where blocks lie that the next thread which comes by takes. */
static _Atomic(struct block *) slots[SLOTS];
static atomic_ulong torn;

static void check(const struct block *block) {
  for (uint32_t at = 0; at < block->size; at++) torn += block->bytes[at] != block->fill;
}

static void *run(void *argument) {
  uint64_t state = (uintptr_t)argument + 1;
  for (int i = 0; i < ROUNDS; i++) {
    state = state * 6364136223846793005 + 1442695040888963407;
    uint32_t random = (uint32_t)(state >> 32), size = random >> 8 & (random >> 28 == 0 ? 16383 : 63);
    size_t total = sizeof(struct block) + size;
    struct block *block = random & 16 ? guest_malloc(total) : guest_aligned_alloc(64, total);
    block->size = size / 2;
    block->fill = (uint8_t)random;
    memset(block->bytes, block->fill, block->size);
    if (random & 32) {
      block = guest_realloc(block, total + 40);
      check(block);
    }
    block->size = size;
    memset(block->bytes, block->fill, size);
    block = atomic_exchange(&slots[random >> 2 & (SLOTS - 1)], block);
    if (block == NULL) continue;
    check(block);
    guest_free(block);
  }
  return NULL;
}

int main(void) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  uintptr_t begin = (uintptr_t)mmap(NULL, HEAP_BYTES, PROT_READ | PROT_WRITE, flags, -1, 0);
  next = begin;
  end = begin + HEAP_BYTES;
  pthread_t threads[THREADS];
  for (uintptr_t i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, run, (void *)i);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  printf("%lu torn, %lu KiB\n", (unsigned long)torn, (unsigned long)((next - begin) >> 10));
  return torn != 0;
}
