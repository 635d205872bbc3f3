/*
 * printf's conversion a: a hexadecimal significand and a power of two. The digit before the point is left open by ISO C
 * (7.21.6.1); here it is glibc's: 1 for a normal double and 0 for a subnormal one, the four highest bits of a long double.
 */
#include <stdio.h>
#include <string.h>

#include "conversion.h"

enum { DOUBLE_DIGITS = 13, EXTENDED_DIGITS = 15 }; /* after the point */

/** A value in hexadecimal digits; the leading one has the weight 2^exponent. */
struct hexadecimal {
  unsigned __int128 digits;
  unsigned count; /* of digits after the point */
  int exponent;
};

static struct hexadecimal hexadecimal_of(const struct real *real) {
  unsigned count = real->is_extended ? EXTENDED_DIGITS : DOUBLE_DIGITS;
  int exponent = real->significand == 0 ? 0 : real->exponent + 4 * (int)count;
  return (struct hexadecimal){real->significand, count, exponent};
}

/** Drops all but `count` digits after the point, to nearest, ties to even. */
static void round_to(struct hexadecimal *number, unsigned count) {
  unsigned bits = 4 * (number->count - count);
  if (bits == 0) return;
  unsigned __int128 half = (unsigned __int128)1 << (bits - 1);
  unsigned __int128 rest = number->digits & (2 * half - 1);
  number->digits >>= bits;
  number->count = count;
  if (rest > half || (rest == half && (number->digits & 1))) number->digits++;
  if (number->digits >> (4 * count) <= 15) return;
  number->digits >>= 4; /* f.f has become 10.0 */
  number->exponent += 4;
}

void bd0_put_hexadecimal(struct sink *sink, const struct conversion *conversion, const struct real *real) {
  bool upper = conversion->letter == 'A';
  const char *alphabet = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  struct hexadecimal number = hexadecimal_of(real);
  size_t precision = conversion->precision.value < 0 ? number.count : (size_t)conversion->precision.value;
  if (precision < number.count) round_to(&number, (unsigned)precision);
  if (conversion->precision.value < 0)
    for (; number.count > 0 && (number.digits & 15) == 0; number.digits >>= 4) number.count--;
  char prefix[4], text[2 + EXTENDED_DIGITS], suffix[16];
  snprintf(prefix, sizeof prefix, "%s0%c", bd0_sign_of(conversion, real->is_negative), upper ? 'X' : 'x');
  struct field field = {.prefix = prefix, .text = text, .suffix = suffix};
  if (conversion->precision.value >= 0) field.trailing_zeros = precision - number.count;
  text[field.text_length++] = alphabet[number.digits >> (4 * number.count) & 15];
  if (number.count > 0 || field.trailing_zeros > 0 || conversion->alternate) text[field.text_length++] = '.';
  for (unsigned left = number.count; left > 0; left--)
    text[field.text_length++] = alphabet[number.digits >> (4 * (left - 1)) & 15];
  snprintf(suffix, sizeof suffix, "%c%+d", upper ? 'P' : 'p', number.exponent);
  bd0_put_field(sink, conversion, field, conversion->zero);
}
