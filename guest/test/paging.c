/*
 * paging [N]: N calls, in random order, of functions that lie on pages of their own and read tables on pages of their
 * own, all different: more pages than a small machine has frames. Some calls write a page, which then is private.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAGE = 4096, WORDS = PAGE / sizeof(uint64_t), FUNCTIONS = 32, WRITTEN = 4 };

/** A page of read-only words, of which two are not zero, and a page of code that reads it. */
#define PAIR(n)                                                                                                   \
  static const uint64_t table##n[WORDS] __attribute__((aligned(PAGE))) = {[n] = 3 * n + 1, [500 - n] = 5 * n + 2}; \
  static __attribute__((noinline, aligned(PAGE))) uint64_t function##n(uint64_t x) {                              \
    return (x ^ n) * (2 * n + 3) + *(const volatile uint64_t *)&table##n[x % WORDS];                              \
  }

/** For n = 0 to 31. */
#define FOUR(with, a, b, c, d) with(a) with(b) with(c) with(d)
#define ALL(with)                                                         \
  FOUR(with, 0, 1, 2, 3) FOUR(with, 4, 5, 6, 7) FOUR(with, 8, 9, 10, 11)  \
  FOUR(with, 12, 13, 14, 15) FOUR(with, 16, 17, 18, 19)                   \
  FOUR(with, 20, 21, 22, 23) FOUR(with, 24, 25, 26, 27) FOUR(with, 28, 29, 30, 31)

ALL(PAIR)

#define NAME(n) function##n,
static uint64_t (*const functions[FUNCTIONS])(uint64_t) = {ALL(NAME)};

static uint64_t written[WRITTEN][WORDS] __attribute__((aligned(PAGE))) = {{1}, {2}, {3}, {4}};

int main(int argc, char **argv) {
  unsigned long calls = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
  uint64_t state = 1, sum = 0;
  for (unsigned long i = 0; i < calls; i++) {
    state = state * 6364136223846793005 + 1442695040888963407;
    sum = functions[state >> 59](sum + (state >> 40));
    if (state >> 32 & 1) continue;
    uint64_t *word = &written[state >> 33 & (WRITTEN - 1)][sum % WORDS];
    sum += *word;
    *word = sum;
  }
  printf("%lu calls, checksum %016llx\n", calls, (unsigned long long)sum);
  return 0;
}
