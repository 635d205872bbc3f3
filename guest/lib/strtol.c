/* Whole numbers from text. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

static bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/** The value of a digit, or 36 if it is not a digit in any base. */
static unsigned digit_value(char c) {
  if (c >= '0' && c <= '9') return (unsigned)(c - '0');
  if (c >= 'a' && c <= 'z') return (unsigned)(c - 'a') + 10;
  if (c >= 'A' && c <= 'Z') return (unsigned)(c - 'A') + 10;
  return 36;
}

struct number {
  unsigned long long magnitude;
  bool negative;
  bool overflow; /* the magnitude exceeds 64 bits */
};

/** Reads the longest number that `text` starts with; `*end` is what follows it, or `text` if there is none. ISO C
    7.22.1.4 */
static struct number read_number(const char *text, char **end, unsigned base) {
  struct number number = {0};
  if (base == 1 || base > 36) {
    errno = EINVAL;
    if (end != NULL) *end = (char *)text;
    return number;
  }
  const char *at = text;
  while (is_space(*at)) at++;
  if (*at == '+' || *at == '-') number.negative = *at++ == '-';
  bool hexadecimal = at[0] == '0' && (at[1] == 'x' || at[1] == 'X') && digit_value(at[2]) < 16;
  if (hexadecimal && (base == 0 || base == 16)) at += 2, base = 16;
  if (base == 0) base = *at == '0' ? 8 : 10;
  const char *first = at;
  for (unsigned digit; (digit = digit_value(*at)) < base; at++) {
    number.overflow |= __builtin_mul_overflow(number.magnitude, base, &number.magnitude);
    number.overflow |= __builtin_add_overflow(number.magnitude, digit, &number.magnitude);
  }
  if (end != NULL) *end = (char *)(at == first ? text : at);
  return number;
}

unsigned long long strtoull(const char *restrict text, char **restrict end, int base) {
  struct number number = read_number(text, end, (unsigned)base);
  if (number.overflow) {
    errno = ERANGE;
    return ULLONG_MAX;
  }
  return number.negative ? -number.magnitude : number.magnitude;
}

long long strtoll(const char *restrict text, char **restrict end, int base) {
  struct number number = read_number(text, end, (unsigned)base);
  unsigned long long limit = number.negative ? (unsigned long long)LLONG_MAX + 1 : LLONG_MAX;
  if (number.overflow || number.magnitude > limit) {
    errno = ERANGE;
    number.magnitude = limit;
  }
  return (long long)(number.negative ? -number.magnitude : number.magnitude);
}

unsigned long strtoul(const char *restrict text, char **restrict end, int base) {
  return strtoull(text, end, base);
}

long strtol(const char *restrict text, char **restrict end, int base) {
  return strtoll(text, end, base);
}

long atol(const char *text) {
  return strtol(text, NULL, 10);
}

int atoi(const char *text) {
  return (int)strtol(text, NULL, 10);
}

long long atoll(const char *text) {
  return strtoll(text, NULL, 10);
}

intmax_t strtoimax(const char *restrict text, char **restrict end, int base) {
  return strtoll(text, end, base);
}

uintmax_t strtoumax(const char *restrict text, char **restrict end, int base) {
  return strtoull(text, end, base);
}
