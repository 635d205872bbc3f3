/*
 * Sets the scheduling of a process that has no privileges, by random calls of sched_setattr(2) with the seed in argv[1], from the nice
 * value in argv[2] on, and tells what it is then. The output is the same on every Linux that may have this nice value.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "../random.h"
#include "../say.h"

struct attributes {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
};

int main(int argc, char **argv) {
  static const uint32_t POLICIES[] = {0, 0, 0, 3, 3, 3, 1, 2, 4};
  struct rlimit none = {0, 0};
  state = strtoull(argv[1], NULL, 10);
  if (setpriority(PRIO_PROCESS, 0, atoi(argv[2]))) return 91;
  setrlimit(RLIMIT_NICE, &none);
  setrlimit(RLIMIT_RTPRIO, &none);
  if (geteuid() == 0 && setresuid(1000, 1000, 1000)) return 90;
  for (int step = 0; step < 60; step++) {
    struct attributes asked = {sizeof asked, below(25) ? POLICIES[below(9)] : 5, below(15) == 0, (int)below(30) - 8, below(9) == 0}, told;
    long result = syscall(SYS_sched_setattr, 0, &asked, 0);
    int error = result < 0 ? errno : 0;
    memset(&told, 0, sizeof told);
    syscall(SYS_sched_getattr, 0, &told, sizeof told, 0);
    say("%u %d %u: errno %d; %u %d %u %u\n", asked.policy, asked.nice, asked.priority, error, told.policy, told.nice, told.priority, (unsigned)told.flags);
    if (step == 30) say("priority %d\n", setpriority(PRIO_PROCESS, 0, 5) < 0 ? errno : 0);
  }
  return 0;
}
