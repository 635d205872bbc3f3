/* One conversion of printf, and what becomes of its argument. */
#ifndef BD0_CONVERSION_H
#define BD0_CONVERSION_H

#include <stdbool.h>
#include <stddef.h>

#include "format.h"

enum length { LENGTH_CHAR, LENGTH_SHORT, LENGTH_INT, LENGTH_LONG };

/** What stands between % and the letter, and the letter. */
struct conversion {
  bool left, zero, plus, space, alternate; /* the flags - 0 + space # */
  size_t width;
  bool has_precision;
  size_t precision;
  enum length length; /* l, ll, j, z and t are all 64 bits here */
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

/** Puts the field; `zero_padded` says that the 0 flag counts here. */
void bd0_put_field(struct sink *sink, const struct conversion *conversion, struct field field, bool zero_padded);

/** The sign of a signed conversion. */
const char *bd0_sign_of(const struct conversion *conversion, bool negative);

/** Puts a double by one of f F e E g G. */
void bd0_put_double(struct sink *sink, const struct conversion *conversion, double value);

#endif
