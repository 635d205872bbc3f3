/* Doubles as decimal digits. */
#ifndef BD0_DECIMAL_H
#define BD0_DECIMAL_H

#include <stddef.h>

/** Digits before the point of the largest double, and after it of the smallest: more never differ from 0. */
enum { DECIMAL_INTEGER_DIGITS = 309, DECIMAL_FRACTION_DIGITS = 1074 };

/** Room for any result of `bd0_decimal`. */
enum { DECIMAL_DIGITS = DECIMAL_INTEGER_DIGITS + DECIMAL_FRACTION_DIGITS };

/**
 * Writes the magnitude of a finite double as digits: those before the point (at least one), then `precision` after it
 * (at most DECIMAL_FRACTION_DIGITS). The value is exact, rounded once, to nearest, ties to even. Answers how many
 * digits stand before the point.
 */
size_t bd0_decimal(double value, size_t precision, char digits[DECIMAL_DIGITS]);

#endif
