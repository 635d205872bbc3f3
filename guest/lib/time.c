/* The machine's clock as C has it. */
#include <bd0.h>
#include <time.h>

enum { NS_PER_SECOND = 1000000000 };

clock_t clock(void) {
  return bd0_clock();
}

time_t time(time_t *result) {
  time_t now = bd0_clock() / NS_PER_SECOND;
  if (result != NULL) *result = now;
  return now;
}

double difftime(time_t end, time_t begin) {
  return (double)(end - begin);
}

int timespec_get(struct timespec *time, int base) {
  if (base != TIME_UTC) return 0;
  int64_t now = bd0_clock();
  *time = (struct timespec){now / NS_PER_SECOND, now % NS_PER_SECOND};
  return base;
}
