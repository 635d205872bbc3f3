/* Floating-point values taken apart: what printf prints and strtod makes, in integer arithmetic only. */
#ifndef BD0_REAL_H
#define BD0_REAL_H

#include <stdbool.h>
#include <stdint.h>

/** The 80-bit format as it lies in memory, in 16 bytes. The library reads and writes it as integers: the CPU may have no
    x87 arithmetic. SDM Vol. 1 "Double Extended-Precision Floating-Point Format" */
struct extended {
  uint64_t significand; /* its integer bit is bit 63 */
  uint16_t sign_exponent;
} __attribute__((aligned(16)));

enum real_kind { REAL_FINITE, REAL_INFINITE, REAL_NAN };

/** A finite value is significand * 2^exponent. */
struct real {
  enum real_kind kind;
  bool is_negative;
  bool is_extended; /* it was a long double */
  uint64_t significand;
  int exponent;
};

struct real bd0_real_of_double(double value);
struct real bd0_real_of_extended(struct extended value);

#endif
