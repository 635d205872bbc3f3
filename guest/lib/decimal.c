/*
 * The value is laid out as a fixed-point number in 32-bit words, the lowest first, with as many words below and above the
 * binary point as it needs. Digits before the point come from dividing the words above it by 10^9, digits after it from
 * multiplying the words below it by 10^9; what is left below the point then decides the rounding.
 */
#include "decimal.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { WORD_BITS = 32, GROUP_DIGITS = 9, GROUP = 1000000000 };

struct fixed_point {
  uint32_t *fraction;
  size_t fraction_words;
  uint32_t *integer;
  size_t integer_words;
};

/** The same value with an odd significand, or 0 * 2^0. */
static struct real reduced(const struct real *real) {
  struct real result = *real;
  unsigned zeros = result.significand == 0 ? 0 : (unsigned)__builtin_ctzll(result.significand);
  result.significand >>= zeros;
  result.exponent = result.significand == 0 ? 0 : result.exponent + (int)zeros;
  return result;
}

size_t bd0_fraction_digits(const struct real *real) {
  int exponent = reduced(real).exponent;
  return exponent < 0 ? (size_t)-exponent : 0;
}

size_t bd0_decimal_room(const struct real *real, size_t precision) {
  int bits = real->exponent + 64; /* before the point, at most */
  return (bits < 0 ? 0 : (size_t)bits * 31 / 100) + 3 + precision; /* log10(2) is less than 0.31 */
}

static size_t fraction_words_of(const struct real *real) {
  return real->exponent < 0 ? ((size_t)-real->exponent + WORD_BITS - 1) / WORD_BITS : 0;
}

/** Distance in bits of the lowest bit of the significand from that of the lowest word. */
static size_t shift_of(const struct real *real) {
  return (size_t)(real->exponent + (int)(WORD_BITS * fraction_words_of(real)));
}

static size_t words_of(const struct real *real) {
  size_t placed = shift_of(real) / WORD_BITS + 3, fraction = fraction_words_of(real) + 1;
  return placed > fraction ? placed : fraction;
}

/** Lays a reduced value out in `words`, of which there are `words_of` it. */
static struct fixed_point lay_out(const struct real *real, uint32_t *words) {
  size_t count = words_of(real), fraction_words = fraction_words_of(real), shift = shift_of(real);
  memset(words, 0, count * sizeof *words);
  unsigned __int128 placed = (unsigned __int128)real->significand << shift % WORD_BITS;
  for (size_t word = shift / WORD_BITS; placed != 0; word++, placed >>= WORD_BITS) words[word] = (uint32_t)placed;
  return (struct fixed_point){words, fraction_words, words + fraction_words, count - fraction_words};
}

/** Writes `group` as `count` digits. */
static void write_group(char *digits, uint32_t group, size_t count) {
  for (size_t i = count; i > 0; i--, group /= 10) digits[i - 1] = (char)('0' + group % 10);
}

/** Writes the digits before the point, without leading zeros but at least one; returns their number. */
static size_t write_integer(uint32_t *integer, size_t words, char *digits) {
  uint32_t groups[words + words / 8 + 2]; /* 32 bits are 1.07 groups */
  size_t count = 0;
  do {
    while (words > 0 && integer[words - 1] == 0) words--;
    uint64_t remainder = 0;
    for (size_t i = words; i > 0; i--) {
      uint64_t dividend = remainder << WORD_BITS | integer[i - 1];
      integer[i - 1] = (uint32_t)(dividend / GROUP);
      remainder = dividend % GROUP;
    }
    groups[count++] = (uint32_t)remainder;
  } while (words > 1 || (words == 1 && integer[0] != 0));

  size_t length = 1;
  for (uint32_t rest = groups[count - 1] / 10; rest > 0; rest /= 10) length++;
  write_group(digits, groups[count - 1], length);
  for (size_t i = count - 1; i > 0; i--) {
    write_group(digits + length, groups[i - 1], GROUP_DIGITS);
    length += GROUP_DIGITS;
  }
  return length;
}

/** Writes the first `precision` digits after the point and leaves in `fraction` what follows them. */
static void write_fraction(uint32_t *fraction, size_t words, char *digits, size_t precision) {
  size_t lowest = 0; /* the words below are 0: each factor of 10 moves a zero bit in */
  for (size_t written = 0; written < precision;) {
    size_t count = precision - written < GROUP_DIGITS ? precision - written : GROUP_DIGITS;
    uint32_t factor = 1;
    for (size_t i = 0; i < count; i++) factor *= 10;
    while (lowest < words && fraction[lowest] == 0) lowest++;
    uint64_t carry = 0;
    for (size_t i = lowest; i < words; i++) {
      carry += (uint64_t)fraction[i] * factor;
      fraction[i] = (uint32_t)carry;
      carry >>= WORD_BITS;
    }
    write_group(digits + written, (uint32_t)carry, count);
    written += count;
  }
}

/** Whether what follows the last digit rounds it up: more than a half does, exactly a half if the digit is odd. */
static bool rounds_up(const uint32_t *fraction, size_t words, char last_digit) {
  const uint32_t half = 0x80000000;
  uint32_t top = words == 0 ? 0 : fraction[words - 1];
  if (top != half) return top > half;
  for (size_t i = 0; i < words - 1; i++)
    if (fraction[i] != 0) return true;
  return last_digit % 2 != 0;
}

size_t bd0_decimal(const struct real *real, size_t precision, char *digits) {
  struct real exact = reduced(real);
  uint32_t words[words_of(&exact)];
  struct fixed_point number = lay_out(&exact, words);
  size_t before_point = write_integer(number.integer, number.integer_words, digits);
  write_fraction(number.fraction, number.fraction_words, digits + before_point, precision);
  size_t count = before_point + precision;
  if (!rounds_up(number.fraction, number.fraction_words, digits[count - 1])) return before_point;

  size_t at = count;
  while (at > 0 && digits[at - 1] == '9') digits[--at] = '0';
  if (at > 0) {
    digits[at - 1]++;
    return before_point;
  }
  memmove(digits + 1, digits, count);
  digits[0] = '1';
  return before_point + 1;
}
