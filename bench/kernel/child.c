/* The program whose start is measured: one with 32 GB to itself, which on BD0 it has by being started so. */
#ifdef __bd0__
int main(void) {
  return 0;
}
#else
#include <sys/mman.h>

int main(void) {
  return mmap(0, 32ul << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED;
}
#endif
