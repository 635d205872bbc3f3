/* alu [N]: N rounds of a pseudo-random generator whose bits decide branches: registers only, hard to predict. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000000;
  uint64_t x = 88172645463325252, sum = 0;
  unsigned long odd = 0, rare = 0;
  for (unsigned long i = 0; i < rounds; i++) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    if (x & 1) {
      odd++;
      sum = (sum << 5 | sum >> 59) + x * 0x9e3779b97f4a7c15;
    } else {
      sum ^= x - (sum >> 3);
    }
    if ((x >> 32 & 0xff) == 0) {
      rare++;
      sum %= 0xfffffffffffffc5;
    }
  }
  printf("%lu rounds, %lu odd, %lu rare, checksum %016llx\n", rounds, odd, rare, (unsigned long long)sum);
  return 0;
}
