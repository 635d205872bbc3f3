/* The arguments of printf. psABI for x86-64, 3.5.7 "Variable Argument Lists" */
#include "arguments.h"

#include <string.h>

enum argument_type bd0_argument_type(const struct conversion *conversion) {
  bool is_long = conversion->length >= LENGTH_LONG;
  switch (conversion->letter) {
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o':
    case 'b':
    case 'B':
      return is_long ? TAKES_LONG : TAKES_INT;
    case 'c':
    case 'C':
      return TAKES_INT;
    case 's':
    case 'S':
    case 'p':
    case 'n':
      return TAKES_LONG;
    case 'a':
    case 'A':
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
      return conversion->length >= LENGTH_LONG_LONG ? TAKES_EXTENDED : TAKES_DOUBLE;
    default:
      return TAKES_NOTHING;
  }
}

/** What a va_list is. */
struct va_area {
  uint32_t integer_offset, vector_offset;
  char *overflow;
  void *registers;
} __attribute__((may_alias));

/** A long double, which is passed in memory. va_arg would load it with x87 instructions, which the CPU may not have. */
static struct extended take_extended(struct arguments *arguments) {
  struct va_area *area = (struct va_area *)(void *)&arguments->list;
  struct extended value;
  char *at = (char *)(((uintptr_t)area->overflow + 15) & -(uintptr_t)16);
  memcpy(&value, at, sizeof value);
  area->overflow = at + sizeof value;
  return value;
}

static struct argument take(struct arguments *arguments, enum argument_type type) {
  struct argument argument = {.type = type};
  if (type == TAKES_INT) argument.integer = va_arg(arguments->list, unsigned);
  if (type == TAKES_LONG) argument.integer = va_arg(arguments->list, uint64_t);
  if (type == TAKES_DOUBLE) argument.real = va_arg(arguments->list, double);
  if (type == TAKES_EXTENDED) argument.extended = take_extended(arguments);
  return argument;
}

struct argument bd0_take_argument(struct arguments *arguments, int position, enum argument_type type) {
  if (type == TAKES_NOTHING) return (struct argument){.type = type};
  if (arguments->taken == NULL) return take(arguments, type);
  return arguments->taken[position == NO_ARGUMENT ? arguments->next++ : position];
}

/** Notes that a conversion, width or precision takes an argument: the type goes to `types`, if there is one. Returns the
    number of arguments so far. */
static int note(struct argument *types, int count, int position, enum argument_type type, int *next) {
  if (type == TAKES_NOTHING) return count;
  if (position == NO_ARGUMENT) position = (*next)++;
  if (types != NULL) types[position].type = type;
  return position < count ? count : position + 1;
}

/** Reads the types of all arguments of a format; returns their number, or 0 where no position is given. */
static int read_types(const char *format, struct argument *types) {
  int count = 0, next = 0;
  bool has_positions = false;
  while ((format = strchr(format, '%')) != NULL) {
    struct conversion conversion;
    format = bd0_parse_conversion(format + 1, &conversion);
    if (format == NULL) break; /* printing stops there, too */
    struct number sizes[] = {conversion.width, conversion.precision};
    for (int i = 0; i < 2; i++) {
      count = note(types, count, sizes[i].argument, sizes[i].is_taken ? TAKES_INT : TAKES_NOTHING, &next);
      has_positions |= sizes[i].argument != NO_ARGUMENT;
    }
    count = note(types, count, conversion.argument, bd0_argument_type(&conversion), &next);
    has_positions |= conversion.argument != NO_ARGUMENT;
    if (count > POSITIONS_MAX) return has_positions ? -1 : 0;
  }
  return has_positions ? count : 0;
}

int bd0_positions(const char *format) {
  return strchr(format, '$') == NULL ? 0 : read_types(format, NULL);
}

void bd0_take_positions(struct arguments *arguments, const char *format, struct argument *taken, int count) {
  for (int i = 0; i < count; i++) taken[i].type = TAKES_INT; /* one that no conversion names */
  read_types(format, taken);
  for (int i = 0; i < count; i++) taken[i] = take(arguments, taken[i].type);
  arguments->taken = taken;
}
