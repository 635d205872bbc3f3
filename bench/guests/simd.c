/* simd [N]: N rounds of one loop over 4096 floats that the compiler makes SSE2 of at -O3: four at a time. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH = 4096 };

static float left[LENGTH], right[LENGTH], result[LENGTH];

/** result := result * 0.75 + left * factor - right */
__attribute__((noinline)) static void combine(float factor) {
  for (size_t i = 0; i < LENGTH; i++) result[i] = result[i] * 0.75f + left[i] * factor - right[i];
}

/** Every bit of every element counts. */
static uint64_t checksum(void) {
  uint64_t sum = 0;
  for (size_t i = 0; i < LENGTH; i++) {
    uint32_t bits;
    memcpy(&bits, &result[i], sizeof bits);
    sum = sum * 0x100000001b3 + bits;
  }
  return sum;
}

int main(int argc, char **argv) {
  unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
  for (size_t i = 0; i < LENGTH; i++) {
    left[i] = (float)(i * 7 % 1013) / 1013;
    right[i] = (float)(i * 11 % 997) / 997;
  }
  for (unsigned long round = 0; round < rounds; round++) combine((float)(round % 17) / 8);
  printf("%lu rounds, first %.6f, last %.6f, checksum %016llx\n", rounds, result[0], result[LENGTH - 1],
         (unsigned long long)checksum());
  return 0;
}
