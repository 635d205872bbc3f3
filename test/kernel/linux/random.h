/* Random numbers of the programs that make random calls: the same on every machine, by a seed in `state`. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>

static uint64_t state;

static unsigned below(unsigned n) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(state >> 33) % n;
}

#endif
