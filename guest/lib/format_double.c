/* printf's conversions f, e and g: fixed notation, with an exponent, or whichever is shorter. ISO C 7.21.6.1 */
#include <stdio.h>
#include <string.h>

#include "conversion.h"
#include "decimal.h"

/** Digits of a value; `text` has room for a point as well. */
struct digits {
  char *text;
  size_t count;
  int exponent; /* the power of ten of the first digit */
};

/** Inserts a point after the first `before` digits, if digits follow or a point is required. */
static void set_point(struct digits *digits, size_t before, bool always) {
  if (digits->count <= before && !always) return;
  memmove(digits->text + before + 1, digits->text + before, digits->count - before);
  digits->text[before] = '.';
  digits->count++;
}

static void put_fixed(struct sink *sink, const struct conversion *conversion, struct field field,
                      const struct real *real, size_t precision, bool strips) {
  size_t all = bd0_fraction_digits(real), exact = precision < all ? precision : all;
  char text[bd0_decimal_room(real, exact) + 1];
  struct digits digits = {.text = text};
  size_t before = bd0_decimal(real, exact, text);
  digits.count = before + exact;
  field.trailing_zeros = precision - exact;
  if (strips) {
    field.trailing_zeros = 0;
    while (digits.count > before && text[digits.count - 1] == '0') digits.count--;
  }
  set_point(&digits, before, conversion->alternate || field.trailing_zeros > 0);
  field.text = text;
  field.text_length = digits.count;
  bd0_put_field(sink, conversion, field, conversion->zero);
}

/** Rounds to the first `count` digits, to nearest, ties to even. */
static void round_to(struct digits *digits, size_t count) {
  if (count >= digits->count) return;
  char next = digits->text[count];
  bool is_more = false;
  for (size_t at = count + 1; at < digits->count && !is_more; at++) is_more = digits->text[at] != '0';
  digits->count = count;
  bool is_odd = digits->text[count - 1] % 2 != 0;
  if (next < '5' || (next == '5' && !is_more && !is_odd)) return;
  size_t at = count;
  while (at > 0 && digits->text[at - 1] == '9') digits->text[--at] = '0';
  if (at > 0) {
    digits->text[at - 1]++;
    return;
  }
  digits->text[0] = '1'; /* followed by zeros: 999 has become 1000 */
  digits->exponent++;
}

/** The first `count` significant digits of a value, rounded; zeros for zero. */
static void leading_digits(const struct real *real, size_t count, struct digits *digits) {
  size_t fraction = bd0_fraction_digits(real);
  size_t before = bd0_decimal(real, fraction, digits->text);
  size_t all = before + fraction, first = 0;
  while (first < all && digits->text[first] == '0') first++;
  if (first == all) first = before - 1; /* zero */
  digits->exponent = (int)before - 1 - (int)first;
  digits->count = all - first;
  memmove(digits->text, digits->text + first, digits->count);
  round_to(digits, count);
}

static void put_scientific(struct sink *sink, const struct conversion *conversion, struct field field,
                           struct digits *digits, size_t precision, bool strips) {
  char suffix[16];
  field.trailing_zeros = precision + 1 - digits->count;
  if (strips) {
    field.trailing_zeros = 0;
    while (digits->count > 1 && digits->text[digits->count - 1] == '0') digits->count--;
  }
  set_point(digits, 1, conversion->alternate || field.trailing_zeros > 0);
  bool upper = conversion->letter == 'E' || conversion->letter == 'G';
  snprintf(suffix, sizeof suffix, "%c%+03d", upper ? 'E' : 'e', digits->exponent);
  field.text = digits->text;
  field.text_length = digits->count;
  field.suffix = suffix;
  bd0_put_field(sink, conversion, field, conversion->zero);
}

/** Conversions e, and g, which uses fixed notation if the exponent is small. */
static void put_rounded(struct sink *sink, const struct conversion *conversion, struct field field,
                        const struct real *real, size_t precision) {
  char text[bd0_decimal_room(real, bd0_fraction_digits(real)) + 1];
  struct digits digits = {.text = text};
  if (conversion->letter == 'e' || conversion->letter == 'E') {
    leading_digits(real, precision + 1, &digits);
    put_scientific(sink, conversion, field, &digits, precision, false);
    return;
  }
  if (precision == 0) precision = 1;
  leading_digits(real, precision, &digits);
  bool strips = !conversion->alternate;
  if (digits.exponent < -4 || (digits.exponent >= 0 && (size_t)digits.exponent >= precision))
    put_scientific(sink, conversion, field, &digits, precision - 1, strips);
  else put_fixed(sink, conversion, field, real, precision - 1 - (size_t)digits.exponent, strips);
}

void bd0_put_real(struct sink *sink, const struct conversion *conversion, const struct real *real) {
  char letter = conversion->letter;
  struct field field = {.prefix = bd0_sign_of(conversion, real->is_negative)};
  if (real->kind != REAL_FINITE) {
    bool upper = letter < 'a';
    field.text = real->kind == REAL_NAN ? (upper ? "NAN" : "nan") : (upper ? "INF" : "inf");
    field.text_length = 3;
    bd0_put_field(sink, conversion, field, false);
    return;
  }
  size_t precision = conversion->precision.value < 0 ? 6 : (size_t)conversion->precision.value;
  if (letter == 'a' || letter == 'A') bd0_put_hexadecimal(sink, conversion, real);
  else if (letter == 'f' || letter == 'F') put_fixed(sink, conversion, field, real, precision, false);
  else put_rounded(sink, conversion, field, real, precision);
}
