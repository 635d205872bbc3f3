/* calls [N]: N calls of the kernel that do next to nothing: process_start on BD0, getppid on Linux. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef __bd0__
#include <bd0.h>

static int64_t call(void) {
  return bd0_process_start(BD0_SELF);
}
#else
#include <sys/syscall.h>
#include <unistd.h>

static int64_t call(void) {
  return syscall(SYS_getppid);
}
#endif

int main(int argc, char **argv) {
  unsigned long calls = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
  int64_t first = call();
  unsigned long same = 0;
  for (unsigned long i = 0; i < calls; i++) same += call() == first;
  printf("%lu calls, %lu with the answer of the first\n", calls, same);
  return 0;
}
