/* Stores to one byte once, among many stores to its neighbours: `stores WHEN WHERE [same]`. */
#include <stdio.h>
#include <stdlib.h>

static volatile unsigned char bytes[8192];
static volatile unsigned long noise[512];

int main(int argc, char **argv) {
  unsigned long planted = strtoul(argv[1], 0, 10);
  unsigned long place = strtoul(argv[2], 0, 10);
  printf("%p\n", (void *)bytes);
  for (unsigned long i = 0; i < 200000; i++) {
    noise[i % 512] += i;
    if (i == planted) bytes[place] = argc > 3 ? 0 : 7;
    bytes[(place + 64 + i % 1024) % 8192] = i;
  }
  return 0;
}
