/*
 * memcpy, memmove, memset and memcmp, which gcc and clang also call on their own. They work on 16 bytes at a time with
 * SSE2; lengths that are no multiple are finished with a last piece that overlaps the one before it.
 */
#include <emmintrin.h>
#include <stdint.h>
#include <string.h>

#undef memcpy
#undef memmove
#undef memset
#undef memcmp

#ifndef __clang__
/* Or gcc sees that a loop below copies memory, and makes it a call of memcpy. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

typedef uint64_t __attribute__((may_alias, aligned(1))) word64;
typedef uint32_t __attribute__((may_alias, aligned(1))) word32;
typedef uint16_t __attribute__((may_alias, aligned(1))) word16;

static __m128i load(const unsigned char *from) {
  return _mm_loadu_si128((const __m128i *)from);
}

static void store(unsigned char *to, __m128i value) {
  _mm_storeu_si128((__m128i *)to, value);
}

/** Moves fewer than 16 bytes. Everything is read before anything is written, so the places may overlap. */
static void move_short(unsigned char *to, const unsigned char *from, size_t n) {
  if (n >= 8) {
    uint64_t first = *(const word64 *)from;
    uint64_t last = *(const word64 *)(from + n - 8);
    *(word64 *)to = first;
    *(word64 *)(to + n - 8) = last;
  } else if (n >= 4) {
    uint32_t first = *(const word32 *)from;
    uint32_t last = *(const word32 *)(from + n - 4);
    *(word32 *)to = first;
    *(word32 *)(to + n - 4) = last;
  } else if (n >= 2) {
    uint16_t first = *(const word16 *)from;
    uint16_t last = *(const word16 *)(from + n - 2);
    *(word16 *)to = first;
    *(word16 *)(to + n - 2) = last;
  } else if (n == 1) {
    *to = *from;
  }
}

/** Moves 16 bytes or more to a place that is not above `from` within its length. */
static void move_ascending(unsigned char *to, const unsigned char *from, size_t n) {
  __m128i last = load(from + n - 16);
  size_t at = 0;
  for (; at + 64 <= n; at += 64) {
    __m128i a = load(from + at), b = load(from + at + 16), c = load(from + at + 32), d = load(from + at + 48);
    store(to + at, a);
    store(to + at + 16, b);
    store(to + at + 32, c);
    store(to + at + 48, d);
  }
  for (; at + 16 <= n; at += 16) store(to + at, load(from + at));
  store(to + n - 16, last);
}

/** Moves 16 bytes or more to a place above `from`. */
static void move_descending(unsigned char *to, const unsigned char *from, size_t n) {
  __m128i first = load(from);
  size_t left = n;
  for (; left >= 64; left -= 64) {
    const unsigned char *source = from + left - 64;
    __m128i a = load(source), b = load(source + 16), c = load(source + 32), d = load(source + 48);
    store(to + left - 64, a);
    store(to + left - 48, b);
    store(to + left - 32, c);
    store(to + left - 16, d);
  }
  for (; left >= 16; left -= 16) store(to + left - 16, load(from + left - 16));
  store(to, first);
}

void *memcpy(void *restrict to, const void *restrict from, size_t n) {
  if (n < 16) move_short(to, from, n);
  else move_ascending(to, from, n);
  return to;
}

void *memmove(void *to, const void *from, size_t n) {
  if (n < 16) move_short(to, from, n);
  else if ((uintptr_t)to - (uintptr_t)from >= n) move_ascending(to, from, n);
  else move_descending(to, from, n);
  return to;
}

void *memset(void *to, int byte, size_t n) {
  unsigned char *bytes = to;
  uint64_t pattern = (unsigned char)byte * 0x0101010101010101u;
  if (n < 16) {
    uint64_t source[2] = {pattern, pattern};
    move_short(bytes, (const unsigned char *)source, n);
    return to;
  }
  __m128i value = _mm_set1_epi64x((long long)pattern);
  size_t at = 0;
  for (; at + 64 <= n; at += 64) {
    store(bytes + at, value);
    store(bytes + at + 16, value);
    store(bytes + at + 32, value);
    store(bytes + at + 48, value);
  }
  for (; at + 16 <= n; at += 16) store(bytes + at, value);
  store(bytes + n - 16, value);
  return to;
}

int memcmp(const void *left, const void *right, size_t n) {
  const unsigned char *l = left, *r = right;
  size_t at = 0;
  for (; at + 16 <= n; at += 16) {
    unsigned equal = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(load(l + at), load(r + at)));
    if (equal != 0xffff) {
      at += (size_t)__builtin_ctz(~equal);
      return l[at] - r[at];
    }
  }
  for (; at < n; at++)
    if (l[at] != r[at]) return l[at] - r[at];
  return 0;
}
