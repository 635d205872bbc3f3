/* Two threads that spin: how many nanoseconds lie between one coming to run and the other, a line each. */
#include <bd0.h>
#include <stdio.h>

enum { TURNS = 5 };
static volatile int last, count;
static int64_t at[TURNS + 1];

static int spin(void *argument) {
  int self = (int)(uint64_t)argument;
  while (count < TURNS)
    if (last != self) {
      last = self;
      at[count++] = bd0_clock();
    }
  return 0;
}

int main(void) {
  int64_t other = bd0_thread_spawn(spin, (void *)2, 4096);
  spin((void *)1);
  bd0_thread_join((uint64_t)other, BD0_FOREVER);
  for (int i = 1; i < TURNS; i++) printf("%lld\n", (long long)(at[i] - at[i - 1]));
  return 0;
}
