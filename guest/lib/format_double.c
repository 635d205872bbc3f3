/* printf's conversions of doubles: f in fixed notation, e with an exponent, g whichever is shorter. ISO C 7.21.6.1 */
#include <stdio.h>
#include <string.h>

#include "conversion.h"
#include "decimal.h"

/** All digits of a double: more than that are zeros. */
struct digits {
  char text[DECIMAL_DIGITS + 1];
  size_t count;
  int exponent; /* of ten, that the first one is worth */
};

/** Puts a point behind the first `before` digits, where digits follow it or one is asked for. */
static void set_point(struct digits *digits, size_t before, bool always) {
  if (digits->count <= before && !always) return;
  memmove(digits->text + before + 1, digits->text + before, digits->count - before);
  digits->text[before] = '.';
  digits->count++;
}

static void put_fixed(struct sink *sink, const struct conversion *conversion, struct field field, double value,
                      size_t precision, bool strips) {
  struct digits digits;
  size_t exact = precision < DECIMAL_FRACTION_DIGITS ? precision : DECIMAL_FRACTION_DIGITS;
  size_t before = bd0_decimal(value, exact, digits.text);
  digits.count = before + exact;
  field.trailing_zeros = precision - exact;
  if (strips) {
    field.trailing_zeros = 0;
    while (digits.count > before && digits.text[digits.count - 1] == '0') digits.count--;
  }
  set_point(&digits, before, conversion->alternate || field.trailing_zeros > 0);
  field.text = digits.text;
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
  digits->text[0] = '1'; /* and zeros follow it: 999 has become 1000 */
  digits->exponent++;
}

/** The first `count` digits of a double, the first of which is not 0 unless all are; rounded. */
static void leading_digits(double value, size_t count, struct digits *digits) {
  size_t before = bd0_decimal(value, DECIMAL_FRACTION_DIGITS, digits->text);
  size_t all = before + DECIMAL_FRACTION_DIGITS, first = 0;
  while (first < all && digits->text[first] == '0') first++;
  if (first == all) first = before - 1; /* zero */
  digits->exponent = (int)before - 1 - (int)first;
  digits->count = all - first;
  memmove(digits->text, digits->text + first, digits->count);
  round_to(digits, count);
}

static void put_scientific(struct sink *sink, const struct conversion *conversion, struct field field,
                           struct digits *digits, size_t precision, bool strips) {
  char suffix[8];
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

static void put_shorter(struct sink *sink, const struct conversion *conversion, struct field field, double value,
                        size_t precision) {
  struct digits digits;
  if (precision == 0) precision = 1;
  leading_digits(value, precision, &digits);
  bool strips = !conversion->alternate;
  if (digits.exponent < -4 || (digits.exponent >= 0 && (size_t)digits.exponent >= precision))
    put_scientific(sink, conversion, field, &digits, precision - 1, strips);
  else put_fixed(sink, conversion, field, value, precision - 1 - (size_t)digits.exponent, strips);
}

void bd0_put_double(struct sink *sink, const struct conversion *conversion, double value) {
  char letter = conversion->letter;
  struct field field = {.prefix = bd0_sign_of(conversion, __builtin_signbit(value) != 0)};
  if (__builtin_isnan(value) || __builtin_isinf(value)) {
    bool upper = letter < 'a';
    field.text = __builtin_isnan(value) ? (upper ? "NAN" : "nan") : (upper ? "INF" : "inf");
    field.text_length = 3;
    bd0_put_field(sink, conversion, field, false);
    return;
  }
  size_t precision = conversion->has_precision ? conversion->precision : 6;
  if (letter == 'f' || letter == 'F') {
    put_fixed(sink, conversion, field, value, precision, false);
  } else if (letter == 'e' || letter == 'E') {
    struct digits digits;
    leading_digits(value, precision + 1, &digits);
    put_scientific(sink, conversion, field, &digits, precision, false);
  } else {
    put_shorter(sink, conversion, field, value, precision);
  }
}
