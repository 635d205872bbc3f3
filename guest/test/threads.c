/*
 * threads [N]: eight threads of C, locks, conditions and keys, and a heap that all of them use at once, N times each (300
 * if not told). What it prints does not depend on who runs when.
 */
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

enum { THREADS = 8, SLOTS = 16, QUEUE = 4 };

static unsigned rounds = 300;

/** Runs a function in all threads at once, and answers the sum of their results. */
static int in_all(thrd_start_t function) {
  thrd_t threads[THREADS];
  int sum = 0;
  for (uintptr_t i = 0; i < THREADS; i++)
    if (thrd_create(&threads[i], function, (void *)i) != thrd_success) abort();
  for (int i = 0; i < THREADS; i++) {
    int result;
    if (thrd_join(threads[i], &result) != thrd_success) abort();
    sum += result;
  }
  return sum;
}

static mtx_t plain, recursive, timed;
static unsigned counted[3];

static int counts(void *argument) {
  for (unsigned i = 0; i < rounds; i++) {
    mtx_lock(&plain);
    unsigned seen = *(volatile unsigned *)&counted[0];
    if (i % 16 == 0) thrd_yield();
    counted[0] = seen + 1;
    mtx_unlock(&plain);

    mtx_lock(&recursive);
    mtx_lock(&recursive);
    counted[1]++;
    mtx_unlock(&recursive);
    if (mtx_trylock(&recursive) == thrd_success) {
      counted[1]++;
      mtx_unlock(&recursive);
    }
    mtx_unlock(&recursive);

    while (mtx_trylock(&timed) != thrd_success) thrd_yield();
    counted[2]++;
    mtx_unlock(&timed);
  }
  return (int)(uintptr_t)argument;
}

static void print_locks(void) {
  mtx_init(&plain, mtx_plain);
  mtx_init(&recursive, mtx_plain | mtx_recursive);
  mtx_init(&timed, mtx_timed);
  int sum = in_all(counts);
  printf("counted %u %u %u, results %d\n", counted[0], counted[1], counted[2], sum);
}

/** A queue of a few numbers between four threads that put and four that take. */
static cnd_t has_room, has_number;
static unsigned queue[QUEUE], waiting, put_in;
static atomic_ulong taken_sum, taken_count;

static int queues(void *argument) {
  unsigned thread = (unsigned)(uintptr_t)argument;
  for (unsigned i = 0; i < rounds; i++) {
    mtx_lock(&plain);
    if (thread % 2 == 0) {
      while (waiting == QUEUE) cnd_wait(&has_room, &plain);
      queue[waiting++] = ++put_in;
      cnd_signal(&has_number);
    } else {
      while (waiting == 0) cnd_wait(&has_number, &plain);
      taken_sum += queue[--waiting];
      taken_count++;
      cnd_signal(&has_room);
    }
    mtx_unlock(&plain);
  }
  return 0;
}

/** A gate that opens for all at once. */
static cnd_t gate;
static unsigned arrived;

static int passes_gate(void *argument) {
  (void)argument;
  mtx_lock(&plain);
  if (++arrived == THREADS) cnd_broadcast(&gate);
  while (arrived < THREADS) cnd_wait(&gate, &plain);
  mtx_unlock(&plain);
  return 1;
}

static void print_conditions(void) {
  cnd_init(&has_room);
  cnd_init(&has_number);
  cnd_init(&gate);
  in_all(queues);
  printf("taken %lu, sum %lu, left %u\n", (unsigned long)taken_count, (unsigned long)taken_sum, waiting);
  printf("through the gate %d\n", in_all(passes_gate));
}

/** A deadline a thousandth of a second from now. */
static struct timespec soon(void) {
  struct timespec time;
  timespec_get(&time, TIME_UTC);
  time.tv_nsec += 1000000;
  if (time.tv_nsec >= 1000000000) time.tv_sec++, time.tv_nsec -= 1000000000;
  return time;
}

static int holds(void *argument) {
  mtx_lock(&timed);
  mtx_lock(&plain);
  *(unsigned *)argument = 1;
  cnd_signal(&gate);
  while (*(unsigned *)argument == 1) cnd_wait(&gate, &plain);
  mtx_unlock(&plain);
  mtx_unlock(&timed);
  return 0;
}

static void print_deadlines(void) {
  thrd_t thread;
  unsigned stage = 0;
  mtx_lock(&plain);
  thrd_create(&thread, holds, &stage);
  while (stage == 0) cnd_wait(&gate, &plain);
  struct timespec deadline = soon();
  printf("%d %d ", mtx_timedlock(&timed, &deadline) == thrd_timedout, mtx_trylock(&timed) == thrd_busy);
  deadline = soon();
  printf("%d\n", cnd_timedwait(&has_room, &plain, &deadline) == thrd_timedout);
  stage = 2;
  cnd_broadcast(&gate);
  mtx_unlock(&plain);
  thrd_join(thread, NULL);
  deadline = soon();
  printf("%d\n", mtx_timedlock(&timed, &deadline) == thrd_success);
  mtx_unlock(&timed);
  thrd_sleep(&(struct timespec){.tv_nsec = 1000}, NULL);
}

static once_flag once = ONCE_FLAG_INIT;
static atomic_uint onces, destroyed;
static tss_t keys[3];
static thread_local unsigned own = 5;

static void only_once(void) {
  thrd_yield();
  onces++;
}

static void destroys(void *value) {
  destroyed += (unsigned)(uintptr_t)value;
}

static void destroys_again(void *value) {
  destroyed += 100;
  if ((uintptr_t)value > 1) tss_set(keys[1], (void *)((uintptr_t)value - 1));
}

static int has_own(void *argument) {
  call_once(&once, only_once);
  unsigned wrong = onces != 1 || own != 5 || tss_get(keys[0]) != NULL;
  own += (unsigned)(uintptr_t)argument;
  tss_set(keys[0], (void *)((uintptr_t)argument + 1));
  tss_set(keys[1], (void *)2);
  tss_set(keys[2], argument);
  thrd_yield();
  wrong += own != 5 + (unsigned)(uintptr_t)argument || tss_get(keys[2]) != argument;
  if ((uintptr_t)argument % 2 == 0) thrd_exit((int)wrong);
  return (int)wrong;
}

static void print_own(void) {
  tss_create(&keys[0], destroys);
  tss_create(&keys[1], destroys_again);
  tss_create(&keys[2], NULL);
  int wrong = in_all(has_own);
  printf("once %u, wrong %d, destroyed %u, own %u\n", onces, wrong, destroyed, own);
  printf("%d %d\n", thrd_equal(thrd_current(), thrd_current()) != 0, tss_get(keys[0]) == NULL);
}

/** Blocks that threads take, fill, hand to others and give back. */
static _Atomic(uint8_t *) slots[SLOTS];

struct block {
  uint32_t size;
  uint8_t fill;
  uint8_t bytes[];
};

static unsigned torn(const struct block *block) {
  unsigned wrong = 0;
  for (uint32_t at = 0; at < block->size; at++) wrong += block->bytes[at] != block->fill;
  return wrong;
}

static int allocates(void *argument) {
  uint32_t state = (uint32_t)(uintptr_t)argument + 1;
  unsigned wrong = 0;
  for (unsigned i = 0; i < rounds; i++) {
    state = state * 1664525 + 1013904223;
    uint32_t size = state >> 8 & (state >> 28 == 0 ? 8191 : 127);
    struct block *block = malloc(sizeof *block + size);
    block->size = size / 2;
    block->fill = (uint8_t)(state >> 20);
    memset(block->bytes, block->fill, block->size);
    if (state >> 31) {
      block = realloc(block, sizeof *block + size + 40);
      wrong += torn(block);
    }
    block->size = size;
    memset(block->bytes, block->fill, size);
    block = (struct block *)atomic_exchange(&slots[state >> 16 & (SLOTS - 1)], (uint8_t *)block);
    if (block == NULL) continue;
    wrong += torn(block);
    free(block);
  }
  return (int)wrong;
}

static void print_heap(void) {
  int wrong = in_all(allocates);
  for (int i = 0; i < SLOTS; i++) {
    if (slots[i] != NULL) wrong += (int)torn((struct block *)slots[i]);
    free(slots[i]);
  }
  printf("torn bytes in blocks: %d\n", wrong);
}

static int ends_last(void *argument) {
  thrd_join(*(thrd_t *)argument, NULL);
  printf("the last one\n");
  return 9;
}

int main(int argc, char **argv) {
  if (argc > 1) rounds = (unsigned)atoi(argv[1]);
  print_locks();
  print_conditions();
  print_deadlines();
  print_own();
  print_heap();
  static thrd_t first, last;
  first = thrd_current();
  thrd_create(&last, ends_last, &first);
  thrd_exit(3);
}
