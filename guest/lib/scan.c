/* sscanf. ISO C 7.21.6.2 */
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_MAX = 1000 }; /* characters of a number that count */

/** What stands between % and the letter, and the letter. */
struct directive {
  bool discards; /* the flag * */
  size_t width;  /* SIZE_MAX for none */
  int bytes;     /* of the integer that is stored: 1, 2, 4, 8 */
  bool is_double;
  char letter;
  unsigned char accepted[256]; /* of [ */
};

/** A va_list that functions can share: the type itself may be an array. */
struct targets {
  va_list list;
};

static const char *parse_length(const char *at, struct directive *directive) {
  directive->bytes = 4;
  if (*at == 'h') {
    directive->bytes = at[1] == 'h' ? 1 : 2;
    return at + (at[1] == 'h' ? 2 : 1);
  }
  if (*at != 'l' && *at != 'j' && *at != 'z' && *at != 't') return at;
  directive->bytes = 8;
  directive->is_double = *at == 'l';
  return at + (at[0] == 'l' && at[1] == 'l' ? 2 : 1);
}

/** The characters between [ and ], with ranges; after ^ all others. */
static const char *parse_set(const char *at, struct directive *directive) {
  bool is_inverted = *at == '^';
  if (is_inverted) at++;
  const char *first = at;
  for (; *at != 0 && (*at != ']' || at == first); at++) {
    unsigned char low = (unsigned char)*at, high = low;
    if (at[1] == '-' && at[2] != ']' && at[2] != 0) high = (unsigned char)*(at += 2);
    for (unsigned character = low; character <= high; character++) directive->accepted[character] = 1;
  }
  for (unsigned character = 0; is_inverted && character < 256; character++) directive->accepted[character] ^= 1;
  directive->accepted[0] = 0;
  return *at == 0 ? at : at + 1;
}

static const char *parse(const char *at, struct directive *directive) {
  directive->discards = *at == '*';
  if (directive->discards) at++;
  directive->width = SIZE_MAX;
  if (isdigit((unsigned char)*at)) {
    char *end;
    directive->width = strtoul(at, &end, 10);
    at = end;
  }
  at = parse_length(at, directive);
  directive->letter = *at;
  if (*at == 0) return at;
  return directive->letter == '[' ? parse_set(at + 1, directive) : at + 1;
}

static void store_integer(const struct directive *directive, struct targets *targets, uint64_t value) {
  if (directive->discards) return;
  void *target = va_arg(targets->list, void *);
  memcpy(target, &value, (size_t)directive->bytes); /* the low bytes come first */
}

/** At most so many characters of the input as its own string, which numbers are read from. */
static void copy_number(char *copy, const char *input, size_t width) {
  size_t n = strnlen(input, width < NUMBER_MAX ? width : NUMBER_MAX);
  memcpy(copy, input, n);
  copy[n] = 0;
}

/** True where a number is no more than the 0 of a 0x that no digit follows. */
static bool is_bare_prefix(const char *number, const char *end) {
  if (*number == '+' || *number == '-') number++;
  return *number == '0' && end == number + 1 && tolower((unsigned char)*end) == 'x';
}

/** Each answers how many characters it has read, 0 where there are none that fit. */
static size_t read_integer(const struct directive *directive, const char *input, struct targets *targets) {
  char copy[NUMBER_MAX + 1], *end;
  copy_number(copy, input, directive->width);
  char letter = directive->letter;
  bool is_signed = letter == 'd' || letter == 'i';
  int base = letter == 'i' ? 0 : letter == 'o' ? 8 : letter == 'x' || letter == 'X' || letter == 'p' ? 16 : 10;
  uint64_t value = is_signed ? (uint64_t)strtoll(copy, &end, base) : strtoull(copy, &end, base);
  if (end == copy) return 0;
  if ((base == 0 || base == 16) && is_bare_prefix(copy, end)) end++; /* the x goes with it */
  store_integer(directive, targets, value);
  return (size_t)(end - copy);
}

static size_t read_double(const struct directive *directive, const char *input, struct targets *targets) {
  char copy[NUMBER_MAX + 1], *end;
  copy_number(copy, input, directive->width);
  double value = strtod(copy, &end);
  if (end == copy || (is_bare_prefix(copy, end) && end[1] != '.')) return 0;
  if (directive->discards) return (size_t)(end - copy);
  if (directive->is_double) *va_arg(targets->list, double *) = value;
  else *va_arg(targets->list, float *) = (float)value;
  return (size_t)(end - copy);
}

static bool is_accepted(const struct directive *directive, char character) {
  if (directive->letter == '[') return directive->accepted[(unsigned char)character];
  return directive->letter == 'c' || !isspace((unsigned char)character);
}

static size_t read_text(const struct directive *directive, const char *input, struct targets *targets) {
  bool is_characters = directive->letter == 'c';
  size_t width = is_characters && directive->width == SIZE_MAX ? 1 : directive->width, length = 0;
  while (length < width && input[length] != 0 && is_accepted(directive, input[length])) length++;
  if (length == 0 || (is_characters && length < width)) return 0;
  if (directive->discards) return length;
  char *target = va_arg(targets->list, char *);
  memcpy(target, input, length);
  if (!is_characters) target[length] = 0;
  return length;
}

static size_t read_value(const struct directive *directive, const char *input, struct targets *targets) {
  switch (directive->letter) {
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o':
    case 'p':
      return read_integer(directive, input, targets);
    case 'f':
    case 'F':
    case 'e':
    case 'E':
    case 'g':
    case 'G':
      return read_double(directive, input, targets);
    case 'c':
    case 's':
    case '[':
      return read_text(directive, input, targets);
    default:
      return 0;
  }
}

static const char *skip_space(const char *at) {
  while (isspace((unsigned char)*at)) at++;
  return at;
}

int vsscanf(const char *restrict text, const char *restrict format, va_list list) {
  struct targets targets;
  va_copy(targets.list, list);
  const char *input = text;
  int stored = 0;
  bool goes_on = true, has_input = true;
  while (goes_on && *format != 0) {
    if (isspace((unsigned char)*format)) {
      format = skip_space(format);
      input = skip_space(input);
      continue;
    }
    struct directive directive = {.letter = *format};
    bool is_plain = *format != '%';
    format = is_plain ? format + 1 : parse(format + 1, &directive);
    char letter = directive.letter;
    if (!is_plain && letter != 'c' && letter != '[' && letter != 'n') input = skip_space(input);
    if (!is_plain && letter == 'n') {
      store_integer(&directive, &targets, (uint64_t)(input - text));
      continue;
    }
    has_input = *input != 0;
    bool is_character = is_plain || letter == '%';
    size_t read = is_character ? *input == letter : read_value(&directive, input, &targets);
    input += read;
    goes_on = has_input && read > 0;
    if (goes_on && !is_character && !directive.discards) stored++;
  }
  va_end(targets.list);
  return stored == 0 && !has_input ? EOF : stored;
}

int sscanf(const char *restrict text, const char *restrict format, ...) {
  va_list list;
  va_start(list, format);
  int stored = vsscanf(text, format, list);
  va_end(list);
  return stored;
}
