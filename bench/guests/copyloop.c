/* copyloop [N]: N rounds of copying and filling 64 KiB by loops, of bytes, of 4 bytes and of 8 bytes a turn. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK = 1 << 16 };

/** Says that the value may have changed, so that the compiler makes neither vectors nor a call of memcpy of the loop. */
#define HIDE(value) __asm__ volatile("" : "+r"(value))

/** Words of every size, of the same memory. */
typedef uint32_t __attribute__((may_alias)) word;
typedef uint64_t __attribute__((may_alias)) quadword;

#define LOOPS(type, name)                                               \
  static void copy_##name(void *to, const void *from) {                 \
    type *t = to;                                                       \
    const type *f = from;                                               \
    for (size_t i = 0; i < BLOCK / sizeof(type); i++) {                 \
      type value = f[i];                                                \
      HIDE(value);                                                      \
      t[i] = value;                                                     \
    }                                                                   \
  }                                                                     \
  static void fill_##name(void *to, type value) {                       \
    type *t = to;                                                       \
    for (size_t i = 0; i < BLOCK / sizeof(type); i++) {                 \
      HIDE(value);                                                      \
      t[i] = value;                                                     \
    }                                                                   \
  }

LOOPS(uint8_t, bytes)
LOOPS(word, words)
LOOPS(quadword, quadwords)

/** Every byte counts, by its place. */
static uint64_t checksum(const quadword *block) {
  uint64_t sum = 0;
  for (size_t i = 0; i < BLOCK / sizeof *block; i++) sum = sum * 0x100000001b3 + block[i];
  return sum;
}

int main(int argc, char **argv) {
  unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 20;
  quadword *a = malloc(BLOCK), *b = malloc(BLOCK);
  if (a == NULL || b == NULL) return 1;
  uint64_t sum = 0;
  for (unsigned long round = 0; round < rounds; round++) {
    fill_bytes(a, (uint8_t)round);
    a[round % (BLOCK / 8)] = round;
    copy_bytes(b, a);
    fill_words(a, (uint32_t)round * 0x9e3779b9);
    b[round * 7 % (BLOCK / 8)] ^= a[0];
    copy_words(a, b);
    fill_quadwords(b, sum);
    copy_quadwords(b, a);
    if (round % 64 == 0) sum = sum * 31 + checksum(b);
    sum += b[round * 13 % (BLOCK / 8)];
  }
  printf("%lu rounds, checksum %016llx\n", rounds, (unsigned long long)(sum ^ checksum(b)));
  return 0;
}
