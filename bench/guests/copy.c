/* copy [N]: N rounds of copying and filling memory by REP MOVSB and REP STOSB: blocks of 64 KiB, and short pieces of every
   length up to 256 bytes at odd addresses. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK = 1 << 16, LONGEST_PIECE = 256 };

static void copy(uint8_t *to, const uint8_t *from, size_t n) {
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static void fill(uint8_t *to, uint8_t byte, size_t n) {
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(byte) : "memory");
}

int main(int argc, char **argv) {
  unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 100;
  uint8_t *a = malloc(BLOCK), *b = malloc(BLOCK);
  if (a == NULL || b == NULL) return 1;
  for (size_t i = 0; i < BLOCK; i++) a[i] = (uint8_t)(i * 167 >> 3);
  fill(b, 0, BLOCK);
  uint64_t sum = 0;
  for (unsigned long round = 0; round < rounds; round++) {
    copy(b, a, BLOCK);
    fill(b + round % 1000, (uint8_t)round, BLOCK / 2);
    copy(a + 1, b, BLOCK - 1);
    size_t at = round * 31 % 1000;
    for (size_t n = 0; n <= LONGEST_PIECE; n++) {
      copy(b + at, a + BLOCK - 1 - n * 7, n);
      fill(a + at * 3, (uint8_t)n, n);
      at += n + 1;
      if (at > BLOCK / 8) at -= BLOCK / 8;
    }
    sum = sum * 31 + a[round * 7919 % BLOCK] + 256 * b[round * 104729 % BLOCK];
  }
  printf("%lu rounds, checksum %016llx\n", rounds, (unsigned long long)sum);
  return 0;
}
