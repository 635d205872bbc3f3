/*
 * Floating-point numbers from text, exact: the digits make a large whole number, times or by powers of two and ten. It is
 * scaled by a power of two so that its quotient has more bits than the result; bits lost below them are remembered as
 * "more than that". So the result is rounded once, whatever its format.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "real.h"
#include "strtod.h"

/** What numbers of a format are, and how large a whole number their conversion needs. */
struct float_format {
  int precision;    /* bits of a significand */
  int exponent_min; /* of the smallest normal number, as a power of two */
  int exponent_max; /* of the largest */
  /** Digits that can decide the rounding: the most that the midpoint of two neighbours can have. */
  int digits_max;
  /** Beyond these powers of ten a number of so many digits is infinite, or zero. */
  int power_max, power_min;
  size_t words; /* of 32 bits, for digits_max digits scaled for the division by 10^-power_min */
};

static const struct float_format FLOAT = {24, -126, 127, 130, 50, -200, 64};
static const struct float_format DOUBLE = {53, -1022, 1023, 800, 400, -1200, 256};
static const struct float_format EXTENDED = {64, -16382, 16383, 11600, 5000, -16600, 3000};

enum { GROUP = 1000000000 };

/** A whole number: words of 32 bits, the lowest first, without zeros at the top. */
struct big {
  uint32_t *words;
  size_t count;
  bool more; /* a fraction of it was lost */
};

/** A number as it was read. */
struct parsed {
  enum real_kind kind;
  struct big digits;
  long exponent; /* of ten, or of two where `is_binary` */
  bool is_binary;
  uint64_t payload; /* of a NaN */
};

/** The result, before it is put into the bits of its format. */
struct rounded {
  enum real_kind kind;
  bool is_normal;
  int exponent;         /* of a normal number, as a power of two */
  uint64_t significand; /* with the bit that a normal number implies */
};

static void multiply_add(struct big *big, uint32_t factor, uint32_t addend) {
  uint64_t carry = addend;
  for (size_t i = 0; i < big->count; i++) {
    carry += (uint64_t)big->words[i] * factor;
    big->words[i] = (uint32_t)carry;
    carry >>= 32;
  }
  if (carry > 0) big->words[big->count++] = (uint32_t)carry;
}

static void divide(struct big *big, uint32_t divisor) {
  uint64_t remainder = 0;
  for (size_t i = big->count; i > 0; i--) {
    uint64_t dividend = remainder << 32 | big->words[i - 1];
    big->words[i - 1] = (uint32_t)(dividend / divisor);
    remainder = dividend % divisor;
  }
  big->more = big->more || remainder > 0;
  while (big->count > 0 && big->words[big->count - 1] == 0) big->count--;
}

static void shift_left(struct big *big, size_t bits) {
  size_t words = bits / 32;
  memmove(big->words + words, big->words, big->count * sizeof big->words[0]);
  memset(big->words, 0, words * sizeof big->words[0]);
  big->count += words;
  multiply_add(big, (uint32_t)1 << bits % 32, 0);
}

static int bits_of(const struct big *big) {
  return (int)(32 * big->count) - __builtin_clz(big->words[big->count - 1]);
}

/** Bit `at` of the number. */
static unsigned bit(const struct big *big, int at) {
  return big->words[at / 32] >> at % 32 & 1;
}

/** The first `kept` bits, rounded to nearest, ties to even: at most 2^kept. */
struct head {
  unsigned __int128 value;
  bool is_exact;
};

static struct head first_bits(const struct big *big, int kept) {
  int bits = bits_of(big);
  struct head head = {0};
  for (int i = 1; i <= kept; i++) head.value = head.value << 1 | (i <= bits ? bit(big, bits - i) : 0);
  bool half = kept < bits && bit(big, bits - 1 - kept), more = big->more;
  for (int at = bits - 2 - kept; at >= 0 && !more; at--) more = bit(big, at);
  head.is_exact = !half && !more;
  if (half && (more || (head.value & 1))) head.value++;
  return head;
}

/** `big` * 2^exponent in a format; ERANGE where it is infinite, or tiny and inexact. Tiny is what lies below the smallest
    normal number even when rounded with all bits: IEEE 754 7.5 "after rounding", as x86 does. */
static struct rounded nearest(const struct float_format *format, const struct big *big, long exponent) {
  long top = bits_of(big) - 1 + exponent; /* the number is at least 2^top */
  long missing = top < format->exponent_min ? format->exponent_min - top : 0;
  if (missing > format->precision) {
    errno = ERANGE;
    return (struct rounded){.kind = REAL_FINITE};
  }
  struct head head = first_bits(big, format->precision - (int)missing);
  if (missing > 0 && !head.is_exact) {
    bool becomes_normal = missing == 1 && first_bits(big, format->precision).value >> format->precision != 0;
    if (!becomes_normal) errno = ERANGE;
  }
  if (missing == 0 && head.value >> format->precision != 0) {
    head.value >>= 1;
    top++;
  }
  if (top > format->exponent_max) {
    errno = ERANGE;
    return (struct rounded){.kind = REAL_INFINITE};
  }
  bool is_normal = head.value >> (format->precision - 1) != 0;
  int power = missing > 0 ? format->exponent_min : (int)top;
  return (struct rounded){REAL_FINITE, is_normal, power, (uint64_t)head.value};
}

/** `big` * 10^power. */
static struct rounded scaled(const struct float_format *format, struct big *big, long power) {
  if (power > format->power_max) power = format->power_max;
  for (; power >= 9; power -= 9) multiply_add(big, GROUP, 0);
  for (; power > 0; power--) multiply_add(big, 10, 0);
  if (power == 0) return nearest(format, big, 0);
  if (power < format->power_min) power = format->power_min;
  long shift = format->precision + 13 - bits_of(big) - power * 10 / 3;
  if (shift < 0) shift = 0;
  shift_left(big, (size_t)shift);
  for (; power <= -9; power += 9) divide(big, GROUP);
  for (; power < 0; power++) divide(big, 10);
  return nearest(format, big, -shift);
}

/** Reads what follows e or p, if it is an exponent; returns the end of it. */
static const char *read_exponent(const char *at, char letter, long *exponent) {
  if (tolower((unsigned char)*at) != letter) return at;
  const char *digit = at[1] == '+' || at[1] == '-' ? at + 2 : at + 1;
  if (!isdigit((unsigned char)*digit)) return at;
  long value = 0;
  for (; isdigit((unsigned char)*digit); digit++)
    if (value < LONG_MAX / 100) value = value * 10 + (*digit - '0'); /* no text has so many digits before it */
  *exponent += at[1] == '-' ? -value : value;
  return digit;
}

static unsigned value_of(char digit) {
  return isdigit((unsigned char)digit) ? (unsigned)(digit - '0') : (unsigned)(tolower((unsigned char)digit) - 'a') + 10;
}

/** Reads digits with at most one point; returns what follows, or NULL where there is no digit. The number is the digits
    that are kept, times the base to the power of `*exponent`. */
static const char *read_digits(const char *at, unsigned base, int digits_max, struct big *big, long *exponent) {
  bool has_point = false, has_digit = false;
  int count = 0;
  for (;; at++) {
    if (*at == '.' && !has_point) {
      has_point = true;
      continue;
    }
    bool is_digit = base == 16 ? isxdigit((unsigned char)*at) : isdigit((unsigned char)*at);
    if (!is_digit) return has_digit ? at : NULL;
    has_digit = true;
    unsigned value = value_of(*at);
    bool is_kept = count < digits_max;
    if (is_kept) multiply_add(big, base, value);
    else big->more = big->more || value > 0;
    if (is_kept && big->count > 0) count++;
    if (is_kept == has_point) *exponent += has_point ? -1 : 1;
  }
}

/** Infinity and not-a-number; returns what follows, or NULL where it is neither. */
static const char *read_special(const char *at, struct parsed *parsed) {
  if (strncasecmp(at, "inf", 3) == 0) {
    parsed->kind = REAL_INFINITE;
    return at + (strncasecmp(at, "infinity", 8) == 0 ? 8 : 3);
  }
  if (strncasecmp(at, "nan", 3) != 0) return NULL;
  parsed->kind = REAL_NAN;
  const char *end = at + 3;
  if (*end != '(') return end;
  do end++;
  while (isalnum((unsigned char)*end) || *end == '_');
  if (*end != ')') return at + 3;
  char *number_end;
  int error = errno;
  uint64_t payload = strtoull(at + 4, &number_end, 0);
  errno = error;
  if (number_end == end) parsed->payload = payload;
  return end + 1;
}

/** Reads a number without its sign; returns the end of it, or NULL if there is no number. */
static const char *read_magnitude(const char *at, int digits_max, struct parsed *parsed) {
  if (at[0] == '0' && tolower((unsigned char)at[1]) == 'x') {
    const char *end = read_digits(at + 2, 16, digits_max, &parsed->digits, &parsed->exponent);
    if (end != NULL) {
      parsed->is_binary = true;
      parsed->exponent *= 4;
      return read_exponent(end, 'p', &parsed->exponent);
    }
  }
  const char *end = read_digits(at, 10, digits_max, &parsed->digits, &parsed->exponent);
  return end == NULL ? read_special(at, parsed) : read_exponent(end, 'e', &parsed->exponent);
}

/** What strtof, strtod and strtold share. The whole number is in the caller's `words`. */
static struct rounded read_number(const struct float_format *format, const char *text, char **end, uint32_t *words,
                                  bool *is_negative, uint64_t *payload) {
  const char *at = text;
  while (isspace((unsigned char)*at)) at++;
  *is_negative = *at == '-';
  if (*at == '+' || *at == '-') at++;
  struct parsed parsed = {.digits.words = words};
  const char *behind = read_magnitude(at, format->digits_max, &parsed);
  if (end != NULL) *end = (char *)(behind == NULL ? text : behind);
  if (behind == NULL) *is_negative = false;
  *payload = parsed.payload;
  if (behind == NULL || parsed.kind != REAL_FINITE || parsed.digits.count == 0)
    return (struct rounded){.kind = parsed.kind};
  if (parsed.is_binary) return nearest(format, &parsed.digits, parsed.exponent);
  return scaled(format, &parsed.digits, parsed.exponent);
}

/** The bits of an IEEE 754 number with an implied bit, apart from its sign. */
static uint64_t bits_in(const struct float_format *format, struct rounded number, uint64_t payload) {
  int fraction_bits = format->precision - 1;
  uint64_t implied = (uint64_t)1 << fraction_bits, infinity = (uint64_t)(2 * format->exponent_max + 1) << fraction_bits;
  if (number.kind == REAL_INFINITE) return infinity;
  if (number.kind == REAL_NAN) return infinity | implied >> 1 | (payload & ((implied >> 1) - 1));
  if (!number.is_normal) return number.significand;
  return (uint64_t)(number.exponent + format->exponent_max) << fraction_bits | (number.significand & (implied - 1));
}

double strtod(const char *restrict text, char **restrict end) {
  uint32_t words[DOUBLE.words];
  bool is_negative;
  uint64_t payload;
  struct rounded number = read_number(&DOUBLE, text, end, words, &is_negative, &payload);
  uint64_t bits = bits_in(&DOUBLE, number, payload) | (uint64_t)is_negative << 63;
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

float strtof(const char *restrict text, char **restrict end) {
  uint32_t words[FLOAT.words];
  bool is_negative;
  uint64_t payload;
  struct rounded number = read_number(&FLOAT, text, end, words, &is_negative, &payload);
  uint32_t bits = (uint32_t)bits_in(&FLOAT, number, payload) | (uint32_t)is_negative << 31;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

struct extended bd0_strtold(const char *text, char **end) {
  uint32_t words[EXTENDED.words];
  bool is_negative;
  uint64_t payload;
  struct rounded number = read_number(&EXTENDED, text, end, words, &is_negative, &payload);
  struct extended value = {number.significand, (uint16_t)(is_negative << 15)};
  uint64_t integer_bit = (uint64_t)1 << 63;
  if (number.kind == REAL_INFINITE) value.significand = integer_bit;
  if (number.kind == REAL_NAN) value.significand = integer_bit | integer_bit >> 1 | (payload & ((integer_bit >> 1) - 1));
  if (number.kind != REAL_FINITE) value.sign_exponent |= 0x7fff;
  else if (number.is_normal) value.sign_exponent |= (uint16_t)(number.exponent + EXTENDED.exponent_max);
  return value;
}

double atof(const char *text) {
  return strtod(text, NULL);
}
