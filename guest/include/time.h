/* The machine's clock, as in ISO C 7.27: it counts nanoseconds from the start of the machine, and knows no date. */
#ifndef BD0_TIME_H
#define BD0_TIME_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef long clock_t;
typedef long time_t;

struct timespec {
  time_t tv_sec;
  long tv_nsec;
};

/** Units of `clock`, which returns the machine's time, not that of a process. */
#define CLOCKS_PER_SEC 1000000000L
#define TIME_UTC 1

clock_t clock(void);
/** Seconds since the start of the machine. */
time_t time(time_t *result);
double difftime(time_t end, time_t begin);
/** The same clock, to the nanosecond; `base` is TIME_UTC. */
int timespec_get(struct timespec *time, int base);

#ifdef __cplusplus
}
#endif

#endif
