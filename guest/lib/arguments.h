/* The arguments of printf, taken one after another or by their positions. */
#ifndef BD0_ARGUMENTS_H
#define BD0_ARGUMENTS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "conversion.h"
#include "real.h"

enum argument_type { TAKES_NOTHING, TAKES_INT, TAKES_LONG /* and pointers */, TAKES_DOUBLE, TAKES_EXTENDED };

struct argument {
  enum argument_type type;
  union {
    uint64_t integer;
    double real;
    struct extended extended;
  };
};

/** Positions that a format may have: POSIX's NL_ARGMAX. */
enum { POSITIONS_MAX = 4096 };

/** `taken` is NULL while arguments come one after another. */
struct arguments {
  va_list list;
  struct argument *taken;
  int next;
};

/** The type of a conversion's argument. */
enum argument_type bd0_argument_type(const struct conversion *conversion);

/** Takes the argument at a position, or the next one. */
struct argument bd0_take_argument(struct arguments *arguments, int position, enum argument_type type);

/** The number of arguments of a format with positions; 0 for one without, -1 where there are more than POSITIONS_MAX. */
int bd0_positions(const char *format);

/** Takes all arguments of a format with positions into `taken`, of which there are `bd0_positions`. */
void bd0_take_positions(struct arguments *arguments, const char *format, struct argument *taken, int count);

#endif
