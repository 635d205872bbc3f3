/* sieve [N]: the primes below N, by the sieve of Eratosthenes. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  size_t limit = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000000;
  uint8_t *composite = calloc(limit + 1, 1);
  if (composite == NULL) {
    fprintf(stderr, "sieve: no room for %zu bytes\n", limit + 1);
    return 1;
  }

  for (size_t prime = 2; prime * prime < limit; prime++) {
    if (composite[prime]) continue;
    for (size_t multiple = prime * prime; multiple < limit; multiple += prime) composite[multiple] = 1;
  }

  size_t count = 0, last = 0;
  uint64_t sum = 0;
  for (size_t n = 2; n < limit; n++) {
    if (composite[n]) continue;
    count++;
    last = n;
    sum += n;
  }
  printf("%zu primes below %zu, the last %zu, their sum %llu\n", count, limit, last, (unsigned long long)sum);
  free(composite);
  return 0;
}
