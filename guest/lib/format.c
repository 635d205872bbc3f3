/* printf's conversions: integers, characters, strings and pointers. */
#include "format.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "conversion.h"

/** A va_list that functions can share: the type itself may be an array. */
struct arguments {
  va_list list;
};

static void put(struct sink *sink, const char *bytes, size_t n) {
  if (n == 0) return;
  sink->put(sink, bytes, n);
  sink->length += n;
}

static void repeat(struct sink *sink, char character, size_t n) {
  char run[32];
  memset(run, character, sizeof run);
  for (; n > sizeof run; n -= sizeof run) put(sink, run, sizeof run);
  put(sink, run, n);
}

void bd0_put_field(struct sink *sink, const struct conversion *conversion, struct field field, bool zero_padded) {
  size_t prefix_length = strlen(field.prefix), suffix_length = field.suffix == NULL ? 0 : strlen(field.suffix);
  size_t length = prefix_length + field.leading_zeros + field.text_length + field.trailing_zeros + suffix_length;
  size_t padding = conversion->width > length ? conversion->width - length : 0;
  if (conversion->left) {
    zero_padded = false;
  } else if (zero_padded) {
    field.leading_zeros += padding;
    padding = 0;
  } else {
    repeat(sink, ' ', padding);
  }
  put(sink, field.prefix, prefix_length);
  repeat(sink, '0', field.leading_zeros);
  put(sink, field.text, field.text_length);
  repeat(sink, '0', field.trailing_zeros);
  put(sink, field.suffix, suffix_length);
  if (conversion->left) repeat(sink, ' ', padding);
}

const char *bd0_sign_of(const struct conversion *conversion, bool negative) {
  if (negative) return "-";
  if (conversion->plus) return "+";
  return conversion->space ? " " : "";
}

static void put_integer(struct sink *sink, const struct conversion *conversion, const char *prefix, uint64_t value,
                        unsigned base) {
  const char *alphabet = conversion->letter == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
  char digits[22];
  char *first = digits + sizeof digits;
  for (; value > 0; value /= base) *--first = alphabet[value % base];
  size_t count = (size_t)(digits + sizeof digits - first);

  size_t at_least = conversion->has_precision ? conversion->precision : 1;
  if (base == 8 && conversion->alternate && at_least <= count) at_least = count + 1;
  struct field field = {.prefix = prefix, .text = first, .text_length = count};
  field.leading_zeros = at_least > count ? at_least - count : 0;
  bd0_put_field(sink, conversion, field, conversion->zero && !conversion->has_precision);
}

static void convert_signed(struct sink *sink, const struct conversion *conversion, struct arguments *arguments) {
  int64_t value = conversion->length == LENGTH_LONG ? va_arg(arguments->list, int64_t) : va_arg(arguments->list, int);
  if (conversion->length == LENGTH_CHAR) value = (signed char)value;
  if (conversion->length == LENGTH_SHORT) value = (short)value;
  uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
  put_integer(sink, conversion, bd0_sign_of(conversion, value < 0), magnitude, 10);
}

static void convert_unsigned(struct sink *sink, const struct conversion *conversion, struct arguments *arguments) {
  bool is_long = conversion->length == LENGTH_LONG;
  uint64_t value = is_long ? va_arg(arguments->list, uint64_t) : va_arg(arguments->list, unsigned);
  if (conversion->length == LENGTH_CHAR) value = (unsigned char)value;
  if (conversion->length == LENGTH_SHORT) value = (unsigned short)value;
  char letter = conversion->letter;
  const char *prefix = letter == 'x' ? "0x" : letter == 'X' ? "0X" : "";
  unsigned base = letter == 'u' ? 10 : letter == 'o' ? 8 : 16;
  put_integer(sink, conversion, conversion->alternate && value != 0 ? prefix : "", value, base);
}

static void put_text(struct sink *sink, const struct conversion *conversion, const char *text, size_t length) {
  bd0_put_field(sink, conversion, (struct field){.prefix = "", .text = text, .text_length = length}, false);
}

static void convert_pointer(struct sink *sink, const struct conversion *conversion, struct arguments *arguments) {
  uint64_t value = (uint64_t)va_arg(arguments->list, void *);
  if (value == 0) put_text(sink, conversion, "(nil)", 5);
  else put_integer(sink, conversion, "0x", value, 16);
}

static void convert_character(struct sink *sink, const struct conversion *conversion, struct arguments *arguments) {
  char character = (char)va_arg(arguments->list, int);
  put_text(sink, conversion, &character, 1);
}

static void convert_string(struct sink *sink, const struct conversion *conversion, struct arguments *arguments) {
  const char *text = va_arg(arguments->list, const char *);
  if (text == NULL) text = !conversion->has_precision || conversion->precision >= 6 ? "(null)" : "";
  const char *end = conversion->has_precision ? memchr(text, 0, conversion->precision) : NULL;
  size_t whole = conversion->has_precision ? conversion->precision : strlen(text);
  put_text(sink, conversion, text, end != NULL ? (size_t)(end - text) : whole);
}

static const char *parse_flags(const char *at, struct conversion *conversion) {
  for (;; at++) {
    if (*at == '-') conversion->left = true;
    else if (*at == '0') conversion->zero = true;
    else if (*at == '+') conversion->plus = true;
    else if (*at == ' ') conversion->space = true;
    else if (*at == '#') conversion->alternate = true;
    else return at;
  }
}

/** Reads a decimal number, or for `*` an argument. */
static const char *parse_number(const char *at, struct arguments *arguments, int *number) {
  *number = 0;
  if (*at == '*') {
    *number = va_arg(arguments->list, int);
    return at + 1;
  }
  for (; *at >= '0' && *at <= '9'; at++) *number = *number * 10 + (*at - '0');
  return at;
}

static const char *parse_length(const char *at, enum length *length) {
  *length = LENGTH_INT;
  if (*at == 'h') {
    *length = at[1] == 'h' ? LENGTH_CHAR : LENGTH_SHORT;
    return at + (at[1] == 'h' ? 2 : 1);
  }
  if (*at != 'l' && *at != 'j' && *at != 'z' && *at != 't') return at;
  *length = LENGTH_LONG;
  return at + (at[0] == 'l' && at[1] == 'l' ? 2 : 1);
}

/** Parses what follows a %; answers what follows the letter. */
static const char *parse(const char *at, struct conversion *conversion, struct arguments *arguments) {
  int number;
  at = parse_flags(at, conversion);
  at = parse_number(at, arguments, &number);
  if (number < 0) conversion->left = true; /* only from an argument */
  conversion->width = (size_t)(number < 0 ? -(long)number : number);
  if (*at == '.') {
    at = parse_number(at + 1, arguments, &number);
    conversion->has_precision = number >= 0;
    conversion->precision = (size_t)(number < 0 ? 0 : number);
  }
  at = parse_length(at, &conversion->length);
  conversion->letter = *at;
  return *at == 0 ? at : at + 1;
}

/** Puts one argument; false if the letter is no conversion. */
static bool convert(struct sink *sink, const struct conversion *conversion, struct arguments *arguments) {
  switch (conversion->letter) {
    case 'd':
    case 'i':
      convert_signed(sink, conversion, arguments);
      return true;
    case 'u':
    case 'x':
    case 'X':
    case 'o':
      convert_unsigned(sink, conversion, arguments);
      return true;
    case 'c':
      convert_character(sink, conversion, arguments);
      return true;
    case 's':
      convert_string(sink, conversion, arguments);
      return true;
    case 'p':
      convert_pointer(sink, conversion, arguments);
      return true;
    case 'f':
    case 'F':
    case 'e':
    case 'E':
    case 'g':
    case 'G':
      bd0_put_double(sink, conversion, va_arg(arguments->list, double));
      return true;
    case '%':
      put(sink, "%", 1);
      return true;
    default:
      return false;
  }
}

void bd0_format(struct sink *sink, const char *format, va_list list) {
  struct arguments arguments;
  va_copy(arguments.list, list);
  while (*format != 0) {
    const char *percent = strchr(format, '%');
    size_t plain = percent == NULL ? strlen(format) : (size_t)(percent - format);
    put(sink, format, plain);
    format += plain;
    if (percent == NULL) break;
    struct conversion conversion = {0};
    const char *next = parse(percent + 1, &conversion, &arguments);
    if (!convert(sink, &conversion, &arguments)) put(sink, percent, (size_t)(next - percent));
    format = next;
  }
  va_end(arguments.list);
}

/** Keeps what fits into `to[0, size)` less the final zero. */
struct memory_sink {
  struct sink sink;
  char *to;
  size_t size;
};

static void put_to_memory(struct sink *sink, const char *bytes, size_t n) {
  struct memory_sink *memory = (struct memory_sink *)sink;
  size_t used = sink->length;
  if (used + 1 >= memory->size) return;
  size_t room = memory->size - 1 - used;
  memcpy(memory->to + used, bytes, n < room ? n : room);
}

int vsnprintf(char *restrict to, size_t size, const char *restrict format, va_list arguments) {
  struct memory_sink memory = {{put_to_memory, 0}, to, size};
  bd0_format(&memory.sink, format, arguments);
  if (size > 0) to[memory.sink.length < size ? memory.sink.length : size - 1] = 0;
  return (int)memory.sink.length;
}

int snprintf(char *restrict to, size_t size, const char *restrict format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(to, size, format, arguments);
  va_end(arguments);
  return length;
}

int vsprintf(char *restrict to, const char *restrict format, va_list arguments) {
  return vsnprintf(to, SIZE_MAX, format, arguments);
}

int sprintf(char *restrict to, const char *restrict format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsprintf(to, format, arguments);
  va_end(arguments);
  return length;
}
