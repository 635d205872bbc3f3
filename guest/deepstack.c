/* deepstack [N]: recurses through N MiB of stack, 64 if not told, and checks on the way back that every frame is whole.
   */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME = 1024, FRAMES_PER_MIB = 1024 };

static unsigned long damaged;

/** Fills a frame, recurses, and sums up what the frame then holds. Frames lie at least FRAME bytes apart. */
static __attribute__((noinline)) uint64_t descend(unsigned long level) {
  volatile uint8_t frame[FRAME];
  for (size_t i = 0; i < FRAME; i += 64) frame[i] = (uint8_t)(level + i);
  uint64_t below = level > 1 ? descend(level - 1) : 0;
  uint64_t sum = below;
  for (size_t i = 0; i < FRAME; i += 64) {
    damaged += frame[i] != (uint8_t)(level + i);
    sum = sum * 31 + frame[i];
  }
  return sum;
}

#ifdef __bd0__

/** The main stack of a process is a quarter of its region. */
static int allow_stack(unsigned long mebibytes) {
  (void)mebibytes;
  return 0;
}

#else

#include <sys/resource.h>

/** Linux lets the main stack grow up to a limit, as a rule of 8 MiB, that a process may raise. */
static int allow_stack(unsigned long mebibytes) {
  struct rlimit limit;
  getrlimit(RLIMIT_STACK, &limit);
  limit.rlim_cur = (mebibytes * 2 + 1) << 20;
  return setrlimit(RLIMIT_STACK, &limit);
}

#endif

int main(int argc, char **argv) {
  unsigned long mebibytes = argc > 1 ? strtoul(argv[1], NULL, 10) : 64;
  if (allow_stack(mebibytes) != 0) {
    fprintf(stderr, "deepstack: the system refuses a stack of %lu MiB\n", mebibytes);
    return 1;
  }
  uint64_t sum = descend(mebibytes * FRAMES_PER_MIB);
  printf("%lu MiB of stack, %lu bytes damaged, checksum %016llx\n", mebibytes, damaged, (unsigned long long)sum);
  return 0;
}
