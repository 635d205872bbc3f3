/* Random numbers of the programs that compare libraries: the same on BD0 and on Linux. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>

static uint64_t state = 0x853c49e6748fea9b;

static inline uint64_t random64(void) {
  state = state * 6364136223846793005 + 1442695040888963407;
  return (state >> 32) * 0x9e3779b97f4a7c15 ^ state;
}

static inline unsigned below(unsigned limit) {
  return (unsigned)(random64() >> 33) % limit;
}

#endif
