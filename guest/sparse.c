/*
 * sparse [N]: writes one byte into every gigabyte of a region of N, 32 if not told, and reads them all back: N pages
 * become real, the rest stay promises. On BD0 the region is the process's own (`bd0 run -L 32GB sparse`), heap and
 * stack.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define GIGABYTE ((uint64_t)1 << 30)

#ifdef __bd0__

#include <bd0.h>

/** The start of the process's region, its whole heap reserved; NULL if the region is smaller. */
static uint8_t *find_region(uint64_t size) {
  struct bd0_process_info info;
  if (bd0_process_info(BD0_SELF, &info) != 0 || info.size < size) return NULL;
  if (bd0_heap_alloc(info.stack_floor - info.heap_pointer, 1) == NULL) return NULL;
  return (uint8_t *)info.start;
}

#else

#include <sys/mman.h>

static uint8_t *find_region(uint64_t size) {
  void *region = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return region == MAP_FAILED ? NULL : region;
}

#endif

int main(int argc, char **argv) {
  uint64_t gigabytes = argc > 1 ? strtoul(argv[1], NULL, 10) : 32;
  uint8_t *region = find_region(gigabytes * GIGABYTE);
  if (region == NULL) {
    fprintf(stderr, "sparse: needs a region of %llu GB: -L %lluGB\n", (unsigned long long)gigabytes,
            (unsigned long long)gigabytes);
    return 1;
  }
  /* The middle of a gigabyte is neither the image at the region's start nor the stack in use at its end. */
  uint64_t dirty = 0, sum = 0;
  for (uint64_t i = 0; i < gigabytes; i++) {
    volatile uint8_t *byte = region + i * GIGABYTE + GIGABYTE / 2;
    dirty += *byte != 0;
    *byte = (uint8_t)(37 * i + 11);
  }
  for (uint64_t i = 0; i < gigabytes; i++) sum = sum * 31 + *(volatile uint8_t *)(region + i * GIGABYTE + GIGABYTE / 2);
  printf("one byte in each of %llu gigabytes: %llu were not zero, checksum %016llx\n", (unsigned long long)gigabytes,
         (unsigned long long)dirty, (unsigned long long)sum);
  return 0;
}
