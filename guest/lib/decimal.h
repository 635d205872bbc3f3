/* Binary floating-point values as decimal digits. */
#ifndef BD0_DECIMAL_H
#define BD0_DECIMAL_H

#include <stddef.h>

#include "real.h"

/** Number of digits after the point that the exact value has; all further ones are 0. */
size_t bd0_fraction_digits(const struct real *real);

/** Room, in digits, for any result of `bd0_decimal` with this precision. */
size_t bd0_decimal_room(const struct real *real, size_t precision);

/**
 * Writes the magnitude of a finite value as digits: those before the point (at least one), then `precision` after it (at
 * most `bd0_fraction_digits`). The value is rounded once, to nearest, ties to even. Returns the number of digits before
 * the point.
 */
size_t bd0_decimal(const struct real *real, size_t precision, char *digits);

#endif
