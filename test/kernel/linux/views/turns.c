/* A parent, a child and a grandchild take turns, each with memory of its own at the same addresses. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile long counter;
static volatile char bytes[40 * 4096];

/* What each adds differs, and code that one of them calls first is called by the others later. */
static __attribute__((noinline)) long one(long x) { return x * 3 + 1; }
static __attribute__((noinline)) long two(long x) { return x * 5 + 2; }
static __attribute__((noinline)) long three(long x) { return x * 7 + 3; }

int main(int argc, char **argv) {
  long turns = atol(argv[1]);
  int level = 0;
  pid_t child = fork();
  if (child == 0) {
    level = 1;
    child = fork();
    if (child == 0) level = 2;
  }
  for (long turn = 0; turn < turns; turn++) {
    long (*step)(long) = (turn + level) % 3 == 0 ? one : (turn + level) % 3 == 1 ? two : three;
    counter = step(counter + level);
    bytes[turn * 4096 * (level + 1) % sizeof bytes] += counter;
    if (turn % 16 == level) {
      char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      page[4096] = level;
      counter += page[4096];
      munmap(page, 8192);
    }
    sched_yield();
  }
  int status = 0;
  if (level < 2) waitpid(child, &status, 0);
  unsigned sum = 0;
  /* Every byte that was written is the first one of a page. */
  for (unsigned i = 0; i < sizeof bytes; i += 256) sum = sum * 31 + bytes[i];
  printf("%d: %ld %u %d\n", level, counter, sum, WEXITSTATUS(status));
  fflush(stdout);
  return level + 1;
}
