/* A conversion of printf and the field it produces. */
#ifndef BD0_CONVERSION_H
#define BD0_CONVERSION_H

#include <stdbool.h>
#include <stddef.h>

#include "format.h"
#include "real.h"

enum length {
  LENGTH_CHAR,
  LENGTH_SHORT,
  LENGTH_INT,
  LENGTH_LONG,      /* l, j, z and t */
  LENGTH_LONG_LONG, /* ll: a long double, too */
  LENGTH_EXTENDED,  /* L: 64 bits where it stands before an integer conversion */
};

/** No index of an argument: the field has a number, or the next argument is meant. */
enum { NO_ARGUMENT = -1 };

/** A number that may come from an argument: a width or a precision. */
struct number {
  int value;      /* -1: absent */
  bool is_taken;  /* it is the value of an argument */
  int argument;   /* which one, where it is positional */
};

/** What stands between % and the letter, and the letter. */
struct conversion {
  bool left, zero, plus, space, alternate, grouped, localized; /* the flags - 0 + space # ' I */
  struct number width, precision;
  int argument; /* which argument is converted, where it is positional */
  enum length length;
  char letter;
};

/** One converted argument: prefix, zeros, text, zeros, suffix; padded to the width. */
struct field {
  const char *prefix;
  size_t leading_zeros;
  const char *text;
  size_t text_length;
  size_t trailing_zeros;
  const char *suffix; /* NULL for none */
};

/** Appends bytes to a sink; a result longer than INT_MAX sets `is_too_long`. */
void bd0_put(struct sink *sink, const char *bytes, size_t n);

/** Appends `n` times the same character. */
void bd0_put_repeated(struct sink *sink, char character, size_t n);

/** Puts the field; `zero_padded` says that the 0 flag counts here. */
void bd0_put_field(struct sink *sink, const struct conversion *conversion, struct field field, bool zero_padded);

/** The sign of a signed conversion. */
const char *bd0_sign_of(const struct conversion *conversion, bool negative);

/** Puts a floating-point value by one of f F e E g G a A. */
void bd0_put_real(struct sink *sink, const struct conversion *conversion, const struct real *real);

/** Puts a finite value by a or A. */
void bd0_put_hexadecimal(struct sink *sink, const struct conversion *conversion, const struct real *real);

/**
 * Parses what follows a %; returns what follows the letter, which is 0 at the end of the format, or NULL where a width,
 * precision or position exceeds INT_MAX.
 */
const char *bd0_parse_conversion(const char *at, struct conversion *conversion);

#endif
