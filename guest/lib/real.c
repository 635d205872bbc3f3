/* IEEE 754 doubles, and the 80-bit format of x87, as significand and exponent. */
#include "real.h"

#include <string.h>

enum { DOUBLE_BIAS = 1075, EXTENDED_BIAS = 16383 + 63 };

struct real bd0_real_of_double(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  unsigned exponent = bits >> 52 & 0x7ff;
  struct real real = {.is_negative = bits >> 63, .significand = bits & 0xfffffffffffff};
  if (exponent == 0x7ff) {
    real.kind = real.significand == 0 ? REAL_INFINITE : REAL_NAN;
    return real;
  }
  if (exponent == 0) exponent = 1;
  else real.significand |= (uint64_t)1 << 52;
  real.exponent = (int)exponent - DOUBLE_BIAS;
  return real;
}

struct real bd0_real_of_extended(struct extended value) {
  unsigned exponent = value.sign_exponent & 0x7fff;
  struct real real = {.is_negative = value.sign_exponent >> 15, .is_extended = true, .significand = value.significand};
  if (exponent == 0x7fff) {
    real.kind = value.significand << 1 == 0 ? REAL_INFINITE : REAL_NAN;
    return real;
  }
  real.exponent = (int)(exponent == 0 ? 1 : exponent) - EXTENDED_BIAS;
  return real;
}
