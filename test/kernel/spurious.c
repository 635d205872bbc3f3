/*
 * Stores outside of its own region: one mode a run, chosen by the first argument. Other processes live right below its
 * region and right above it. At the end it shows the memory at both edges, and what the instruction left in registers.
 */
#include <bd0.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** The start of the region, and its end. */
static uint8_t *low, *high;

/** What is stored: bytes that tell where they come from. */
static uint8_t source[512] __attribute__((aligned(16)));

/** A result that is to be shown. */
static uint64_t left[2];

static void straddle(void) {
  for (unsigned k = 0; k <= 8; k++) {
    *(volatile uint64_t *)(high - k) = 0x1817161514131211 + k * 0x0101010101010101;
    *(volatile uint64_t *)(low - k) = 0x2827262524232221 + k * 0x0101010101010101;
  }
}

static void move(void) {
  void *to = high - 32, *from = source;
  uint64_t count = 64;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
  left[0] = (uint64_t)to - (uint64_t)high;
  left[1] = count;
}

static void fill_downwards(void) {
  void *to = low + 60;
  uint64_t count = 32;
  __asm__ volatile("std; rep stosl; cld" : "+D"(to), "+c"(count) : "a"(0x77777777) : "memory");
  left[0] = (uint64_t)low - (uint64_t)to;
  left[1] = count;
}

static void push_and_call(void) {
  void *stack = low + 4;
  __asm__ volatile(
      "mov %%rsp, %%rbx\n mov %1, %%rsp\n pushq $0x66666666\n mov %%rsp, %0\n mov %1, %%rsp\n call 1f\n"
      "1: mov %%rbx, %%rsp"
      : "=&r"(left[0])
      : "r"(stack)
      : "rbx", "memory");
  left[0] = (uint64_t)low - left[0];
}

static void exchange(void) {
  uint64_t value = 0x9999999999999999;
  __asm__ volatile("xchg %0, (%1)" : "+r"(value) : "r"(high - 3) : "memory");
  left[0] = value;
  /* A comparison that fails writes back what it finds. */
  uint64_t low_half = 1, high_half = 2;
  __asm__ volatile("lock cmpxchg16b (%2)" : "+a"(low_half), "+d"(high_half) : "r"(high), "b"(3L), "c"(4L) : "cc", "memory");
  left[1] = low_half;
}

static void save_state(void) {
  __asm__ volatile("fxsave64 (%0)" : : "r"(high - 64) : "memory");
}

static void ask_kernel(void) {
  left[0] = (uint64_t)bd0_process_info(BD0_SELF, (struct bd0_process_info *)(high - 16));
  left[1] = (uint64_t)bd0_console_read(low - 3, 6, BD0_FOREVER);
}

/** The same instruction for so long that it is translated, and only then somewhere else. */
static void hot(void) {
  static volatile uint64_t mine[1024];
  for (uint64_t i = 0; i < 30000; i++) {
    volatile uint64_t *at = i % 10000 == 9999 ? (volatile uint64_t *)(high - 8 + i / 10000 * 4) : &mine[i & 1023];
    *at = i * 0x0101010101010101;
    left[0] += *at;
  }
}

static void copy_hot(void) {
  static uint8_t mine[65536];
  for (unsigned i = 0; i < 300; i++) memcpy(mine + i, source, 100 + i % 7);
  memcpy(high - 40, source, 80);
  memset(low - 40, 0x33, 80);
}

static int other_thread(void *argument) {
  (void)argument;
  *(volatile uint16_t *)(high - 1) = 0x4444;
  return 0;
}

static void spawn(void) {
  left[0] = (uint64_t)bd0_thread_join((uint64_t)bd0_thread_spawn(other_thread, NULL, 65536), BD0_FOREVER);
}

static void null(void) {
  *(volatile uint32_t *)(low - low) = 1;
}

/** What no thread may write: a neighbour's code. */
static void text(void) {
  *(volatile uint8_t *)((uint8_t *)text - low + high) = 1;
}

static const struct {
  const char *name;
  void (*run)(void);
} modes[] = {
    {"straddle", straddle}, {"move", move},         {"fill_downwards", fill_downwards}, {"push_and_call", push_and_call},
    {"exchange", exchange}, {"save_state", save_state}, {"ask_kernel", ask_kernel},   {"hot", hot},
    {"copy_hot", copy_hot}, {"spawn", spawn},       {"null", null},                     {"text", text},
};

static void show(const char *name, const uint8_t *edge, int before, int behind) {
  printf("%s", name);
  for (int i = -before; i < behind; i++) printf(i == 0 ? "|%02x" : " %02x", edge[i]);
  printf("\n");
}

int main(int argc, char **argv) {
  if (argc < 2) {
    bd0_sleep(BD0_FOREVER);
    return 0;
  }
  struct bd0_process_info info;
  bd0_process_info(BD0_SELF, &info);
  low = (uint8_t *)info.start;
  high = low + info.size;
  for (unsigned i = 0; i < sizeof source; i++) source[i] = (uint8_t)(i * 7 + 1);
  for (unsigned i = 0; i < sizeof modes / sizeof modes[0]; i++)
    if (strcmp(argv[1], modes[i].name) == 0) modes[i].run();
  show("low", low, 64, 8);
  show("high", high, 8, 456);
  printf("left %llx %llx\n", (unsigned long long)left[0], (unsigned long long)left[1]);
  return 0;
}
