/* faults [N]: the first touch of N pages, in blocks of a megabyte; then their sum. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAGE = 4096, PAGES_PER_BLOCK = 255, BLOCKS_MAX = 1024 };

static uint8_t *blocks[BLOCKS_MAX];

int main(int argc, char **argv) {
  unsigned long pages = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000;
  uint64_t sum = 0;
  unsigned long touched = 0;
  for (size_t block = 0; block < BLOCKS_MAX && touched < pages; block++) {
    blocks[block] = malloc(PAGES_PER_BLOCK * PAGE);
    if (blocks[block] == NULL) {
      fprintf(stderr, "faults: no room for %lu pages\n", pages);
      return 1;
    }
    for (size_t page = 0; page < PAGES_PER_BLOCK && touched < pages; page++) {
      blocks[block][page * PAGE + touched % PAGE] = (uint8_t)(1 + touched % 255);
      touched++;
    }
  }
  for (unsigned long i = 0; i < touched; i++)
    sum += (i + 1) * blocks[i / PAGES_PER_BLOCK][i % PAGES_PER_BLOCK * PAGE + i % PAGE];
  printf("%lu pages, checksum %016llx\n", touched, (unsigned long long)sum);
  return 0;
}
