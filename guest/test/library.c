/*
 * library [N]: what the C library makes of many calls. On Linux the host's library answers, on BD0 the guest's own; a
 * test compares the two, byte for byte. N (2000 if not told) is the number of random cases of each kind; input is
 * echoed.
 */
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

static double double_of(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static void print_integers(void) {
  static const long long values[] = {0, 1, -1, 7, 42, -42, 255, 65536, INT_MAX, INT_MIN, LLONG_MAX, LLONG_MIN};
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    long long v = values[i];
    printf("%d|%i|%u|%x|%X|%o\n", (int)v, (int)v, (unsigned)v, (unsigned)v, (unsigned)v, (unsigned)v);
    printf("%ld|%lu|%lx|%lld|%llu|%llx|%llo\n", (long)v, (unsigned long)v, (unsigned long)v, v, v, v, v);
    printf("%hhd|%hhu|%hd|%hu|%hhx|%hx\n", (signed char)v, (unsigned char)v, (short)v, (unsigned short)v,
           (unsigned char)v, (unsigned short)v);
    printf("%zu|%zx|%jd|%td\n", (size_t)v, (size_t)v, (intmax_t)v, (ptrdiff_t)v);
    printf("[%8d][%-8d][%08d][%+d]\n", (int)v, (int)v, (int)v, (int)v);
    printf("[% d][%+8d][%-+8d][%+08d]\n", (int)v, (int)v, (int)v, (int)v);
    printf("[%.5d][%8.5d][%-8.5d][%08.5d][%.0d][%.d][%+.0d]\n", (int)v, (int)v, (int)v, (int)v, (int)v, (int)v, (int)v);
    printf("[%#x][%#X][%#o][%#10x][%#010x]\n", (unsigned)v, (unsigned)v, (unsigned)v, (unsigned)v, (unsigned)v);
    printf("[%-#10x][%#.8x][%#.0o][%#.5o][%016llx]\n", (unsigned)v, (unsigned)v, (unsigned)v, (unsigned)v, v);
    printf("[%*d][%-*d][%*d][%.*d][%.*d]\n", 12, (int)v, 12, (int)v, -12, (int)v, 4, (int)v, -4, (int)v);
  }
}

static void print_texts(void) {
  const char unterminated[4] = {'a', 'b', 'c', 'd'};
  const char *volatile none = NULL; /* volatile: no compiler may see through to it and warn */
  printf("[%s][%10s][%-10s][%.2s][%10.2s][%-10.2s][%.0s]\n", "text", "text", "text", "text", "text", "text", "text");
  printf("[%.4s][%.*s][%c][%5c][%-5c][%%]\n", unterminated, 3, unterminated, 'x', 'y', 'z');
  printf("[%s][%.3s][%10s][%p][%12p][%-12p]\n", none, none, none, (void *)0, (void *)0, (void *)0);
  printf("[%p][%20p][%-20p]\n", (void *)0x1234abcd, (void *)0xffff800000000000, (void *)1);
  char small[8];
  for (size_t size = 0; size <= sizeof small; size++) {
    memset(small, '?', sizeof small);
    int length = snprintf(small, size, "%d-%s", 12345, "xyz");
    printf("%d:", length);
    fwrite(small, 1, sizeof small - 1, stdout);
    putchar('\n');
  }
  char line[64];
  printf("%d", sprintf(line, "%05d", 42));
  printf(" %s %d\n", line, printf("."));
}

static void print_double(double value) {
  printf("%f|%.0f|%.1f|%.3f|%.9f|%.17f|%.30f\n", value, value, value, value, value, value, value);
}

static void print_doubles(int cases) {
  static const double values[] = {
      0.0, -0.0, 0.5, 1.5, 2.5, -2.5, 0.05, 0.15, 0.25, 0.35, 9.5, 99.5, 999.9, 0.999, 0.9999999995, 1e9, 1e15, 1e22,
      1e23, 1e100, 1e-7, 5e-10, 5e-7, 1.0 / 3, 2.0 / 3, 1e308, 1.7e-308, 5e-324, 0x1p-1074, 0x1p1023, 0.1, 0.2, 0.3,
      123.456, 4503599627370495.5, 9007199254740993.0, 0.125, 0.375, 1e-300,
  };
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    double v = values[i];
    print_double(v);
    printf("[%12.3f][%-12.3f][%012.3f][%+.2f][% .2f][%+012.2f][%#.0f][%F][%*.*f]\n", v, v, v, v, v, v, v, v, 15, 4, v);
  }
  double infinity = double_of(0x7ff0000000000000), nan = double_of(0x7ff8000000000000);
  printf("[%f][%F][%10f][%-10f][%010f][%+f]\n", infinity, -infinity, infinity, -infinity, infinity, infinity);
  printf("[%f][%F][%10f][%-10f][%010f][%+f]\n", nan, nan, nan, -nan, nan, nan);
  printf("%.1074f\n%.1100f\n%.400f\n", 0x1p-1074, double_of(0x000fffffffffffff), double_of(0x7fefffffffffffff));

  for (int i = 0; i < cases; i++) {
    uint64_t bits = random64();
    if ((bits >> 52 & 0x7ff) != 0x7ff) printf("%.*f\n", (int)(random64() % 40), double_of(bits));
    /* Near 1, where people live, and ties: n + 1/2 with a few bits. */
    print_double((double)(int64_t)(bits >> 20) / 1048576);
    printf("%.1f %.2f %.3f\n", (double)(bits % 4096) / 16, (double)(bits % 65536) / 32, (double)(bits % 99991) / 1000);
  }
}

/** Memory functions on every small length and overlap, against what a loop of bytes does. */
static void check_memory(void) {
  enum { SIZE = 400 };
  uint8_t bytes[SIZE], expected[SIZE], before[SIZE];
  unsigned wrong = 0;
  for (int i = 0; i < 20000; i++) {
    for (size_t at = 0; at < SIZE; at++) before[at] = bytes[at] = expected[at] = (uint8_t)random64();
    size_t from = random64() % 100, to = random64() % 100, n = random64() % (i % 2 == 0 ? 40 : 300);
    volatile size_t hidden = n; /* the function itself, not its expansion */
    int byte = (int)(random64() % 512);
    if (i % 3 == 0) {
      memmove(bytes + to, bytes + from, hidden);
      for (size_t at = 0; at < n; at++) expected[to + at] = before[from + at];
    } else if (i % 3 == 1) {
      memset(bytes + to, byte, hidden);
      for (size_t at = 0; at < n; at++) expected[to + at] = (uint8_t)byte;
    } else {
      memcpy(bytes + to, before + from, hidden);
      for (size_t at = 0; at < n; at++) expected[to + at] = before[from + at];
    }
    for (size_t at = 0; at < SIZE; at++) wrong += bytes[at] != expected[at];
    wrong += memcmp(bytes + to, expected + to, hidden) != 0;
    if (n == 0) continue;
    size_t changed = to + random64() % n;
    bytes[changed] ^= (uint8_t)(1 + random64() % 255);
    int sign = bytes[changed] > expected[changed] ? 1 : -1;
    wrong += memcmp(bytes + to, expected + to, hidden) * sign <= 0;
    uint8_t *found = memchr(bytes + to, bytes[changed], hidden);
    wrong += found == NULL || found > bytes + changed || *found != bytes[changed];
  }
  printf("memory: %u wrong\n", wrong);
}

static int sign_of(int value) {
  return (value > 0) - (value < 0);
}

/** Where a pointer lies in a text, or -1. */
static long place(const char *text, const char *found) {
  return found == NULL ? -1 : (long)(found - text);
}

static void print_strings(int cases) {
  for (int i = 0; i < cases; i++) {
    char left[24], right[24], copy[64];
    size_t length = random64() % 12;
    for (size_t at = 0; at < length; at++) left[at] = "ab\xe4"[random64() % 3];
    left[length] = 0;
    size_t part = random64() % 4;
    for (size_t at = 0; at < part; at++) right[at] = "ab\xe4"[random64() % 3];
    right[part] = 0;
    size_t n = random64() % 8;
    memset(copy, '.', sizeof copy);
    strncpy(copy, left, n);
    copy[n] = 0;
    printf("%zu %d %d %ld %ld %ld %s ", strlen(left), sign_of(strcmp(left, right)), sign_of(strncmp(left, right, n)),
           place(left, strchr(left, 'b')), place(left, strrchr(left, 'b')), place(left, strstr(left, right)), copy);
    printf("%s %ld\n", strcat(strcpy(copy, left), right), place(left, strrchr(left, 0)));
  }
}

static void print_numbers(void) {
  static const char *const texts[] = {
      "0", "1", "-1", "+7", "  42", "\t\n-13x", "x", "", "-", "0x1F", "0X1f", "0x", "0xg", "017", "08", "1e3", "zz",
      "7fffffffffffffff", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
      "-9223372036854775809", "18446744073709551615", "18446744073709551616", "-18446744073709551615",
      "99999999999999999999999999", "-99999999999999999999999999", "10000000000000000", "0b101", "- 5", "+-5", "12_3",
  };
  static const int bases[] = {0, 2, 8, 10, 16, 36};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    for (size_t j = 0; j < sizeof bases / sizeof bases[0]; j++) {
      char *end, *unsigned_end;
      long value = strtol(texts[i], &end, bases[j]);
      unsigned long magnitude = strtoul(texts[i], &unsigned_end, bases[j]);
      printf("%ld+%ld %lu+%ld ", value, place(texts[i], end), magnitude, place(texts[i], unsigned_end));
      printf("%lld %llu ", strtoll(texts[i], NULL, bases[j]), strtoull(texts[i], NULL, bases[j]));
    }
    printf("%ld\n", atol(texts[i]));
  }
  printf("%d %d %d\n", atoi("123"), atoi(" -7 "), atoi("2147483647"));
}

/** Blocks of many sizes that come, grow and go; each keeps its bytes. */
static void check_allocation(int cases) {
  enum { SLOTS = 64 };
  struct {
    uint8_t *bytes;
    size_t size;
    uint8_t fill;
  } slots[SLOTS] = {{0}};
  unsigned wrong = 0, misaligned = 0, dirty = 0;
  for (int i = 0; i < cases; i++) {
    size_t slot = random64() % SLOTS;
    for (size_t at = 0; at < slots[slot].size; at++) wrong += slots[slot].bytes[at] != slots[slot].fill;
    size_t limit = random64() % 8 == 0 ? 20000 : 200;
    size_t size = random64() % limit;
    size_t kept = slots[slot].size < size ? slots[slot].size : size;
    if (random64() % 2 == 0) {
      slots[slot].bytes = realloc(slots[slot].bytes, size + 1);
      for (size_t at = 0; at < kept; at++) wrong += slots[slot].bytes[at] != slots[slot].fill;
    } else {
      free(slots[slot].bytes);
      slots[slot].bytes = calloc(1, size + 1);
      for (size_t at = 0; at <= size; at++) dirty += slots[slot].bytes[at] != 0;
    }
    misaligned += (uintptr_t)slots[slot].bytes % 16 != 0;
    slots[slot].size = size;
    slots[slot].fill = (uint8_t)i;
    memset(slots[slot].bytes, slots[slot].fill, size);
  }
  volatile size_t huge = SIZE_MAX / 2; /* volatile: or the compiler warns, and knows the answer */
  printf("allocation: %u wrong, %u misaligned, %u dirty\n", wrong, misaligned, dirty);
  printf("too much: %d %d %d\n", malloc(huge) == NULL, calloc(huge, 4) == NULL, realloc(NULL, huge) == NULL);
}

/** Every way of reading, on input that may end anywhere. */
static void echo_input(void) {
  char line[16];
  int first = getchar();
  printf("first %d\n", first);
  if (fgets(line, sizeof line, stdin) != NULL) printf("line [%s]\n", line);
  size_t got = fread(line, 3, 4, stdin);
  printf("%zu items of 3\n", got);
  unsigned long lines = 0, sum = 0;
  while (fgets(line, sizeof line, stdin) != NULL) {
    lines++;
    for (const char *at = line; *at != 0; at++) sum = sum * 31 + (unsigned char)*at;
  }
  printf("%lu pieces, checksum %lu, end %d, then %d\n", lines, sum, feof(stdin) != 0, fgetc(stdin));
}

int main(int argc, char **argv) {
  int cases = argc > 1 ? atoi(argv[1]) : 2000;
  print_integers();
  print_texts();
  print_doubles(cases);
  check_memory();
  print_strings(cases);
  print_numbers();
  check_allocation(cases);
  echo_input();
  fputs("no newline at the end", stdout);
  return 42;
}
