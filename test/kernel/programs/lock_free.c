/*
 * Two threads that advance the heap while a third spawns a thread. test/kernel/lock-free.test.ts explores every order in
 * which that can happen.
 *
 * COLD: no thread has asked yet where the heap pointer lies: they may ask at the same time.
 * TIGHT: there is room for a block or for the stack, not for all of them.
 * SPLIT_WRITES: the heap is advanced wrongly, by a store after a look at it.
 */
#include <bd0.h>

#define STACK_BYTES 4096
#define GUARD_BYTES 4096
#define CONTROL_BYTES 4096 /* of the control block above the stack, in whole pages */

static const size_t sizes[2] = {48, 80};

/** What threads publish: 1 stands for nothing yet. */
static struct {
  void *volatile blocks[2];
  volatile int64_t spawned;
} shared = {{(void *)1, (void *)1}, 1};

#ifdef SPLIT_WRITES
static void *allocate(size_t size) {
  volatile struct bd0_heap_pair *pair = (volatile struct bd0_heap_pair *)bd0_heap_pointer(BD0_SELF);
  uint64_t block = pair->heap_pointer, stack_floor = pair->stack_floor;
  if (size > stack_floor - block) return NULL;
  pair->heap_pointer = block + size;
  pair->stack_floor = stack_floor;
  return (void *)block;
}
#else
static void *allocate(size_t size) {
  return bd0_heap_alloc(size, 16);
}
#endif

/** What a thread does that is done: it goes round in a circle, in which nothing changes. */
__attribute__((noreturn)) static void rest(void) {
  for (;;) __asm__ volatile("");
}

static int advance(void *which) {
  shared.blocks[(size_t)which] = allocate(sizes[(size_t)which]);
  rest();
}

static int further(void *unused) {
  (void)unused;
  rest();
}

/** Brings in the pages that threads run: where they fault is not what is looked for. */
static void touch(const void *code) {
  (void)*(const volatile char *)code;
}

int main(void) {
  touch((const void *)advance);
  touch((const void *)bd0_heap_alloc);
  shared.spawned = 1;
#ifndef COLD
  allocate(16);
#endif
  bd0_thread_spawn(advance, (void *)0, STACK_BYTES);
  bd0_thread_spawn(advance, (void *)1, STACK_BYTES);
#ifdef TIGHT
  struct bd0_heap_pair *pair = (struct bd0_heap_pair *)bd0_heap_pointer(BD0_SELF);
  bd0_heap_advance(pair->stack_floor - pair->heap_pointer - STACK_BYTES - CONTROL_BYTES - GUARD_BYTES - 64, 16);
#endif
  bd0_vmcall(BD0_CALL_YIELD, (uint64_t)&shared, 0, 0, 0, 0, 0);
  shared.spawned = bd0_thread_spawn(further, NULL, STACK_BYTES);
  rest();
}
