/* Arithmetic on integers, and random ones. */
#include <inttypes.h>
#include <stdlib.h>

int abs(int value) {
  return value < 0 ? -value : value;
}

long labs(long value) {
  return value < 0 ? -value : value;
}

long long llabs(long long value) {
  return value < 0 ? -value : value;
}

intmax_t imaxabs(intmax_t value) {
  return value < 0 ? -value : value;
}

div_t div(int dividend, int divisor) {
  return (div_t){dividend / divisor, dividend % divisor};
}

ldiv_t ldiv(long dividend, long divisor) {
  return (ldiv_t){dividend / divisor, dividend % divisor};
}

lldiv_t lldiv(long long dividend, long long divisor) {
  return (lldiv_t){dividend / divisor, dividend % divisor};
}

imaxdiv_t imaxdiv(intmax_t dividend, intmax_t divisor) {
  return (imaxdiv_t){dividend / divisor, dividend % divisor};
}

/** A counter in steps of the golden ratio, whose values are mixed: SplitMix64. */
static uint64_t counter = 1;

void srand(unsigned seed) {
  __atomic_store_n(&counter, seed, __ATOMIC_RELAXED);
}

int rand(void) {
  uint64_t x = __atomic_add_fetch(&counter, 0x9e3779b97f4a7c15, __ATOMIC_RELAXED);
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return (int)((x ^ x >> 31) & RAND_MAX);
}

char *getenv(const char *name) {
  (void)name;
  return NULL;
}
