/*
 * A finite double is a fixed-point number of 1024 bits before and 1074 bits after the binary point. Here it is laid out
 * as such, in 32-bit words, the lowest first. Digits before the point come out by dividing the words above it by 10^9,
 * digits after it by multiplying the words below it by 10^9; what is left below the point then decides the rounding.
 */
#include "decimal.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { FRACTION_WORDS = 34, INTEGER_WORDS = 32, GROUP_DIGITS = 9, GROUP = 1000000000 };
enum { GROUPS = (DECIMAL_INTEGER_DIGITS + GROUP_DIGITS - 1) / GROUP_DIGITS };

struct fixed_point {
  uint32_t fraction[FRACTION_WORDS];
  uint32_t integer[INTEGER_WORDS];
};

/** `value` without its sign. IEEE 754: significand * 2^(exponent - 1075), the exponent 0 standing for 1 without the
    implicit bit. */
static struct fixed_point fixed_point_of(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  unsigned exponent = bits >> 52 & 0x7ff;
  uint64_t significand = bits & 0xfffffffffffff;
  if (exponent == 0) exponent = 1;
  else significand |= (uint64_t)1 << 52;

  struct fixed_point number = {0};
  unsigned shift = exponent - 1075 + 32 * FRACTION_WORDS;
  unsigned __int128 placed = (unsigned __int128)significand << shift % 32;
  for (unsigned word = shift / 32; placed != 0; word++, placed >>= 32) {
    if (word < FRACTION_WORDS) number.fraction[word] = (uint32_t)placed;
    else number.integer[word - FRACTION_WORDS] = (uint32_t)placed;
  }
  return number;
}

/** Writes `group` as `count` digits. */
static void write_group(char *digits, uint32_t group, size_t count) {
  for (size_t i = count; i > 0; i--, group /= 10) digits[i - 1] = (char)('0' + group % 10);
}

/** Writes the digits before the point, without leading zeros but at least one; answers how many. */
static size_t write_integer(uint32_t integer[INTEGER_WORDS], char *digits) {
  uint32_t groups[GROUPS];
  size_t count = 0;
  size_t words = INTEGER_WORDS;
  do {
    while (words > 0 && integer[words - 1] == 0) words--;
    uint64_t remainder = 0;
    for (size_t i = words; i > 0; i--) {
      uint64_t dividend = remainder << 32 | integer[i - 1];
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
static void write_fraction(uint32_t fraction[FRACTION_WORDS], char *digits, size_t precision) {
  for (size_t written = 0; written < precision;) {
    size_t count = precision - written < GROUP_DIGITS ? precision - written : GROUP_DIGITS;
    uint32_t factor = 1;
    for (size_t i = 0; i < count; i++) factor *= 10;
    uint64_t carry = 0;
    for (size_t i = 0; i < FRACTION_WORDS; i++) {
      carry += (uint64_t)fraction[i] * factor;
      fraction[i] = (uint32_t)carry;
      carry >>= 32;
    }
    write_group(digits + written, (uint32_t)carry, count);
    written += count;
  }
}

/** Whether what follows the last digit rounds it up: more than a half does, exactly a half if the digit is odd. */
static bool rounds_up(const uint32_t fraction[FRACTION_WORDS], char last_digit) {
  const uint32_t half = 0x80000000;
  uint32_t top = fraction[FRACTION_WORDS - 1];
  if (top != half) return top > half;
  for (size_t i = 0; i < FRACTION_WORDS - 1; i++)
    if (fraction[i] != 0) return true;
  return last_digit % 2 != 0;
}

size_t bd0_decimal(double value, size_t precision, char digits[DECIMAL_DIGITS]) {
  struct fixed_point number = fixed_point_of(value);
  size_t before_point = write_integer(number.integer, digits);
  write_fraction(number.fraction, digits + before_point, precision);
  size_t count = before_point + precision;
  if (!rounds_up(number.fraction, digits[count - 1])) return before_point;

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
