/* What follows a % in printf's format: [position$] flags [width] [.precision] [length] letter. */
#include <limits.h>

#include "conversion.h"

static bool is_digit(char character) {
  return character >= '0' && character <= '9';
}

/** Reads a decimal number. Returns the rest of the format, or NULL if the number exceeds INT_MAX. */
static const char *parse_number(const char *at, int *number) {
  bool overflows = false;
  *number = 0;
  for (; is_digit(*at); at++) {
    overflows |= __builtin_mul_overflow(*number, 10, number);
    overflows |= __builtin_add_overflow(*number, *at - '0', number);
  }
  return overflows ? NULL : at;
}

/** Reads `N$` into `*argument`, if it follows. */
static const char *parse_position(const char *at, int *argument) {
  *argument = NO_ARGUMENT;
  if (!is_digit(*at)) return at;
  int number;
  const char *end = parse_number(at, &number);
  if (end == NULL) return NULL;
  if (*end != '$' || number == 0) return at;
  *argument = number - 1;
  return end + 1;
}

static const char *parse_flags(const char *at, struct conversion *conversion) {
  for (;; at++) {
    switch (*at) {
      case '-': conversion->left = true; break;
      case '0': conversion->zero = true; break;
      case '+': conversion->plus = true; break;
      case ' ': conversion->space = true; break;
      case '#': conversion->alternate = true; break;
      case '\'': conversion->grouped = true; break;
      case 'I': conversion->localized = true; break;
      default: return at;
    }
  }
}

/** A width or precision: digits, `*` or `*N$`. */
static const char *parse_size(const char *at, struct number *number) {
  number->argument = NO_ARGUMENT;
  if (*at != '*') return parse_number(at, &number->value);
  number->is_taken = true;
  return parse_position(at + 1, &number->argument);
}

static const char *parse_length(const char *at, enum length *length) {
  *length = LENGTH_INT;
  switch (*at) {
    case 'h':
      *length = at[1] == 'h' ? LENGTH_CHAR : LENGTH_SHORT;
      return at + (at[1] == 'h' ? 2 : 1);
    case 'l':
      *length = at[1] == 'l' ? LENGTH_LONG_LONG : LENGTH_LONG;
      return at + (at[1] == 'l' ? 2 : 1);
    case 'L':
    case 'q':
      *length = LENGTH_EXTENDED;
      return at + 1;
    case 'j':
    case 'z':
    case 'Z':
    case 't':
      *length = LENGTH_LONG;
      return at + 1;
    default:
      return at;
  }
}

const char *bd0_parse_conversion(const char *at, struct conversion *conversion) {
  *conversion = (struct conversion){.width.value = 0, .precision = {.value = -1, .argument = NO_ARGUMENT}};
  at = parse_position(at, &conversion->argument);
  if (at == NULL) return NULL;
  at = parse_flags(at, conversion);
  if (conversion->left) conversion->zero = false;
  at = parse_size(at, &conversion->width);
  if (at == NULL) return NULL;
  if (*at == '.') {
    at = parse_size(at + 1, &conversion->precision);
    if (at == NULL) return NULL;
  }
  at = parse_length(at, &conversion->length);
  conversion->letter = *at;
  return *at == 0 ? at : at + 1;
}
