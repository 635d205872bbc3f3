/* thread_spawn: what a thread begins with, where its stack lies, and what is refused. */
#include "process.h"

static _Thread_local int initialised = 42;
static _Thread_local uint64_t blank;

struct start {
  void *argument;
  uint64_t frame;
  int64_t tid;
  int is_fresh;
};

static int begins(void *argument) {
  struct start *start = argument;
  start->argument = argument;
  start->frame = (uint64_t)__builtin_frame_address(0);
  start->tid = bd0_thread_self();
  start->is_fresh = initialised == 42 && blank == 0;
  initialised = 1;
  blank = 1;
  return 7;
}

/** Leaves its stack full of ones, or returns whether it is zeros. */
static int stains(void *argument) {
  volatile uint8_t bytes[2 * PAGE];
  unsigned sum = 0;
  for (int i = 0; i < 2 * PAGE; i += 64) sum += bytes[i];
  for (int i = 0; i < 2 * PAGE; i++) bytes[i] = 1;
  return (int)sum;
}

static int waits(void *argument) {
  bd0_wait_word(argument, 0, BD0_FOREVER);
  return 0;
}

static int recurses(void *argument) {
  volatile uint8_t page[PAGE];
  page[0] = 1;
  return recurses((void *)page) + page[0];
}

static int child(int argc, char **argv) {
  if (has_role(argc, argv, "overrun")) spawn(recurses, NULL);
  if (has_role(argc, argv, "nowhere")) bd0_thread_spawn((bd0_thread_function *)CONFORMANCE_NOWHERE, NULL, PAGE);
  if (has_role(argc, argv, "data")) bd0_thread_spawn((bd0_thread_function *)(uintptr_t)constants, NULL, PAGE);
  bd0_sleep(UINT64_MAX);
  return 0;
}

static void begin(void) {
  static const uint64_t sizes[] = {1, PAGE - 1, PAGE, PAGE + 1, 64 * PAGE, 16 * MIB};
  uint64_t floor = heap_pair()->stack_floor;
  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    struct start start = {0};
    int64_t tid = expect_value(bd0_thread_spawn(begins, &start, sizes[i]));
    uint64_t below = heap_pair()->stack_floor;
    expect_equal(bd0_thread_join(tid, BD0_FOREVER), 7);
    expect_equal(start.argument, &start);
    expect_equal(start.tid, tid);
    expect_equal(start.frame % 16, 0);
    expect(start.frame > below);
    expect(start.is_fresh);
    expect_equal(below % PAGE, 0);
    expect_equal(heap_pair()->stack_floor, below);
    if (below != floor) expect(floor - below >= sizes[i] + PAGE);
    floor = below;
  }
  expect_equal(initialised, 42);
}

/** Stacks are disjoint while their threads live, and used again when they do not. */
static void stacks(void) {
  static uint32_t word;
  int64_t threads[8];
  uint64_t lowest = heap_pair()->stack_floor;
  for (int i = 0; i < 8; i++) {
    threads[i] = expect_value(bd0_thread_spawn(waits, &word, 20 * MIB));
    expect(heap_pair()->stack_floor <= lowest - 20 * MIB - PAGE);
    lowest = heap_pair()->stack_floor;
  }
  bd0_yield();
  expect_equal(bd0_wake_word(&word, UINT64_MAX), 8);
  for (int i = 0; i < 8; i++) expect_equal(bd0_thread_join(threads[i], BD0_FOREVER), 0);
  for (int i = 0; i < 4; i++) expect_equal(bd0_thread_join(expect_value(bd0_thread_spawn(stains, NULL, 20 * MIB)), BD0_FOREVER), 0);
  expect_equal(heap_pair()->stack_floor, lowest);
}

static uint64_t frame;

static int tells_frame(void *argument) {
  frame = (uint64_t)__builtin_frame_address(0);
  return 1;
}

/** Maps a page over its own stack, which is not the one that it needs to end. */
static int maps_over(void *argument) {
  uint64_t page = ((uint64_t)__builtin_frame_address(0) & -PAGE) - 8 * PAGE;
  frame = page;
  return bd0_vmo_map((int64_t)argument, 0, (void *)page, PAGE, BD0_READ) == (int64_t)page;
}

/** Whatever a program makes of the pages of a stack, the next thread has one to begin on. */
static void remapped(void) {
  static const uint64_t size = 30 * MIB;
  expect_equal(bd0_thread_join(expect_value(bd0_thread_spawn(tells_frame, NULL, size)), BD0_FOREVER), 1);
  uint64_t floor = heap_pair()->stack_floor, before = frame;
  /* Not on what is not mapped. */
  expect_equal(bd0_vmo_unmap((void *)(frame & -PAGE), PAGE), 0);
  expect_equal(bd0_thread_join(expect_value(bd0_thread_spawn(tells_frame, NULL, size)), BD0_FOREVER), 1);
  expect(heap_pair()->stack_floor <= floor - size && frame < floor);
  /* Nor on what is a map by now. */
  int64_t zeros = bd0_vmo_zeros(64 * MIB);
  expect_equal(bd0_vmo_map(zeros, 0, (void *)(frame & -PAGE), PAGE, BD0_READ), frame & -PAGE);
  floor = heap_pair()->stack_floor;
  expect_equal(bd0_thread_join(expect_value(bd0_thread_spawn(tells_frame, NULL, size)), BD0_FOREVER), 1);
  expect(heap_pair()->stack_floor <= floor - size && frame < floor);
  /* What a thread has mapped over its own stack is forgotten with the stack. */
  floor = heap_pair()->stack_floor;
  expect_equal(bd0_thread_join(expect_value(bd0_thread_spawn(maps_over, (void *)zeros, size)), BD0_FOREVER), 1);
  *(volatile char *)frame = 1;
  expect_equal(bd0_thread_join(expect_value(bd0_thread_spawn(stains, NULL, size)), BD0_FOREVER), 0);
  expect_equal(heap_pair()->stack_floor, floor);
  /* A guard page that is mapped guards nothing. */
  expect_equal(bd0_vmo_map(zeros, 0, (void *)floor, PAGE, BD0_READ | BD0_WRITE), floor);
  expect_equal(bd0_thread_join(expect_value(bd0_thread_spawn(tells_frame, NULL, size)), BD0_FOREVER), 1);
  expect(heap_pair()->stack_floor <= floor - size && frame < floor && frame < before);
  bd0_vmo_close(zeros);
}

static void fails(void) {
  struct bd0_heap_pair before = *heap_pair();
  uint64_t room = before.stack_floor - ((before.heap_pointer + PAGE - 1) & -PAGE);
  expect_error(bd0_thread_spawn(begins, NULL, 0), EINVAL);
  expect_error(bd0_thread_spawn((bd0_thread_function *)HOLE, NULL, PAGE), EINVAL);
  expect_error(bd0_thread_spawn((bd0_thread_function *)(UINT64_C(1) << 63), NULL, PAGE), EINVAL);
  expect_error(bd0_thread_spawn(begins, NULL, room - PAGE + 1), ENOMEM); /* no guard page */
  expect_error(bd0_thread_spawn(begins, NULL, UINT64_C(1) << 48), ENOMEM);
  expect_error(bd0_thread_spawn(begins, NULL, (UINT64_C(1) << 48) + 1), ENOMEM);
  expect_error(bd0_thread_spawn(begins, NULL, UINT64_MAX), ENOMEM);
  /* A pair that does not lie in the region has no room. */
  heap_pair()->heap_pointer = UINT64_MAX;
  expect_error(bd0_thread_spawn(begins, NULL, 32 * MIB), ENOMEM);
  heap_pair()->heap_pointer = 0;
  expect_error(bd0_thread_spawn(begins, NULL, 32 * MIB), ENOMEM);
  heap_pair()->heap_pointer = before.heap_pointer;
  heap_pair()->stack_floor = 0;
  expect_error(bd0_thread_spawn(begins, NULL, 32 * MIB), ENOMEM);
  heap_pair()->stack_floor = before.stack_floor;
  struct bd0_process_info info;
  bd0_process_info(BD0_SELF, &info);
  expect_equal(info.threads, 1);
  expect_equal(info.heap_pointer, before.heap_pointer);
  expect_equal(info.stack_floor, before.stack_floor);
  /* All that is left: a guard page, the stack, and a page for thread-local storage. */
  struct start start = {0};
  int64_t tid = expect_value(bd0_thread_spawn(begins, &start, room - 2 * PAGE));
  expect_equal(bd0_thread_join(tid, BD0_FOREVER), 7);
  expect_equal(heap_pair()->stack_floor, (before.heap_pointer + PAGE - 1) & -PAGE);
}

int main(int argc, char **argv) {
  if (argc > 1) return child(argc, argv);
  begin();
  stacks();
  remapped();
  static const char *const traps[] = {"overrun", "nowhere", "data"};
  for (int i = 0; i < 3; i++)
    expect_equal(bd0_process_wait(start_with("thread_spawn", traps[i], 0), BD0_FOREVER), 128 + 11);
  fails();
  return conformance_end();
}
