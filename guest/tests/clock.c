/* clock: the ticks of the machine. */
#include "process.h"

static volatile uint64_t latest;

static int looks(void *argument) {
  for (int i = 0; i < 100; i++) {
    uint64_t now = (uint64_t)bd0_clock();
    expect(now > latest);
    latest = now;
    bd0_yield();
  }
  return 0;
}

static uint64_t time_stamp(void) {
  uint32_t low, high;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
  return (uint64_t)high << 32 | low;
}

int main(void) {
  uint64_t before = (uint64_t)bd0_clock();
  for (int i = 0; i < 100; i++) {
    uint64_t stamp = time_stamp(), now = (uint64_t)bd0_clock();
    expect(before < stamp && stamp < now);
    before = now;
  }
  /* One for each instruction: mov, 1000 times dec and jnz, vmcall. */
  uint64_t after;
  before = (uint64_t)bd0_clock();
  __asm__ volatile("mov $1000, %%ecx\n1: dec %%ecx\njnz 1b" ::: "rcx", "cc");
  after = (uint64_t)bd0_clock();
  expect(after - before >= 2001 && after - before < 2100);
  int64_t first = spawn(looks, NULL), second = spawn(looks, NULL);
  looks(NULL);
  bd0_thread_join(first, BD0_FOREVER);
  bd0_thread_join(second, BD0_FOREVER);
  before = (uint64_t)bd0_clock();
  bd0_sleep(1000000000000);
  after = (uint64_t)bd0_clock();
  expect(after - before >= 1000000000000);
  return conformance_end();
}
