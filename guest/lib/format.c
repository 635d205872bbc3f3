/* printf: the format, and conversions of integers, characters, strings and pointers. */
#include "format.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "conversion.h"
#include "utf8.h"

/** State that the conversions of one call share. */
struct printing {
  struct sink *sink;
  struct arguments arguments;
  int error; /* errno when printf was called: what m prints */
};

void bd0_put(struct sink *sink, const char *bytes, size_t n) {
  size_t room = sink->length < sink->room ? sink->room - sink->length : 0;
  if (n > 0 && room > 0) sink->put(sink, bytes, n < room ? n : room);
  sink->length += n;
  if (sink->length > INT_MAX) sink->is_too_long = true;
}

void bd0_put_repeated(struct sink *sink, char character, size_t n) {
  char run[32];
  memset(run, character, sizeof run);
  while (n > 0) {
    /* Bytes beyond the room are only counted, all at once. */
    size_t part = sink->length >= sink->room || n < sizeof run ? n : sizeof run;
    bd0_put(sink, run, part);
    n -= part;
  }
}

void bd0_put_field(struct sink *sink, const struct conversion *conversion, struct field field, bool zero_padded) {
  size_t prefix_length = strlen(field.prefix), suffix_length = field.suffix == NULL ? 0 : strlen(field.suffix);
  size_t length = prefix_length + field.leading_zeros + field.text_length + field.trailing_zeros + suffix_length;
  size_t width = (size_t)conversion->width.value, padding = width > length ? width - length : 0;
  if (!conversion->left && zero_padded) {
    field.leading_zeros += padding;
    padding = 0;
  }
  if (!conversion->left) bd0_put_repeated(sink, ' ', padding);
  bd0_put(sink, field.prefix, prefix_length);
  bd0_put_repeated(sink, '0', field.leading_zeros);
  bd0_put(sink, field.text, field.text_length);
  bd0_put_repeated(sink, '0', field.trailing_zeros);
  if (field.suffix != NULL) bd0_put(sink, field.suffix, suffix_length);
  if (conversion->left) bd0_put_repeated(sink, ' ', padding);
}

const char *bd0_sign_of(const struct conversion *conversion, bool negative) {
  if (negative) return "-";
  if (conversion->plus) return "+";
  return conversion->space ? " " : "";
}

static void put_integer(struct sink *sink, const struct conversion *conversion, const char *prefix, uint64_t value,
                        unsigned base) {
  const char *alphabet = conversion->letter == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
  char digits[64];
  char *first = digits + sizeof digits;
  for (; value > 0; value /= base) *--first = alphabet[value % base];
  size_t count = (size_t)(digits + sizeof digits - first);

  bool has_precision = conversion->precision.value >= 0;
  size_t at_least = has_precision ? (size_t)conversion->precision.value : 1;
  if (base == 8 && conversion->alternate && at_least <= count) at_least = count + 1;
  struct field field = {.prefix = prefix, .text = first, .text_length = count};
  field.leading_zeros = at_least > count ? at_least - count : 0;
  bd0_put_field(sink, conversion, field, conversion->zero && !has_precision);
}

static void put_signed(struct sink *sink, const struct conversion *conversion, uint64_t bits) {
  int64_t value = (int64_t)bits;
  if (conversion->length == LENGTH_CHAR) value = (signed char)bits;
  if (conversion->length == LENGTH_SHORT) value = (short)bits;
  if (conversion->length == LENGTH_INT) value = (int)bits;
  uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
  put_integer(sink, conversion, bd0_sign_of(conversion, value < 0), magnitude, 10);
}

static void put_unsigned(struct sink *sink, const struct conversion *conversion, uint64_t value) {
  if (conversion->length == LENGTH_CHAR) value = (unsigned char)value;
  if (conversion->length == LENGTH_SHORT) value = (unsigned short)value;
  if (conversion->length == LENGTH_INT) value = (unsigned)value;
  static const char *const prefixes = "xXbB";
  char letter = conversion->letter;
  bool has_prefix = conversion->alternate && value != 0 && strchr(prefixes, letter) != NULL;
  char prefix[] = {has_prefix ? '0' : 0, letter, 0};
  unsigned base = letter == 'u' ? 10 : letter == 'o' ? 8 : letter == 'b' || letter == 'B' ? 2 : 16;
  put_integer(sink, conversion, prefix, value, base);
}

static void put_text(struct sink *sink, const struct conversion *conversion, const char *text, size_t length) {
  bd0_put_field(sink, conversion, (struct field){.prefix = "", .text = text, .text_length = length}, false);
}

static void put_pointer(struct sink *sink, const struct conversion *conversion, uint64_t value) {
  char prefix[4];
  snprintf(prefix, sizeof prefix, "%s0x", bd0_sign_of(conversion, false));
  if (value == 0) put_text(sink, conversion, "(nil)", 5);
  else put_integer(sink, conversion, prefix, value, 16);
}

/** A text, cut to `precision` bytes; "(null)" for NULL, or nothing if that does not fit. */
static void put_string(struct sink *sink, const struct conversion *conversion, const char *text) {
  int precision = conversion->precision.value;
  if (text == NULL) text = precision < 0 || precision >= 6 ? "(null)" : "";
  put_text(sink, conversion, text, precision < 0 ? strlen(text) : strnlen(text, (size_t)precision));
}

static bool is_wide(const struct conversion *conversion) {
  return conversion->letter < 'a' || conversion->length >= LENGTH_LONG;
}

/** Length of a wide string in UTF-8, in whole characters up to the precision; -1 if a character is invalid. */
static long wide_length(const struct conversion *conversion, const wchar_t *text) {
  size_t most = conversion->precision.value < 0 ? SIZE_MAX : (size_t)conversion->precision.value, length = 0;
  char bytes[UTF8_MAX];
  while (length < most && *text != 0) {
    size_t n = bd0_encode_utf8((uint32_t)*text++, bytes);
    if (n == 0) return -1;
    if (n > most - length) break;
    length += n;
  }
  return (long)length;
}

/** Returns false, with errno set, if a character is invalid. */
static bool put_wide_string(struct sink *sink, const struct conversion *conversion, const wchar_t *text) {
  long length = wide_length(conversion, text);
  if (length < 0) {
    errno = EILSEQ;
    return false;
  }
  size_t width = (size_t)conversion->width.value, padding = width > (size_t)length ? width - (size_t)length : 0;
  if (!conversion->left) bd0_put_repeated(sink, ' ', padding);
  for (long left = length; left > 0;) {
    char bytes[UTF8_MAX];
    size_t n = bd0_encode_utf8((uint32_t)*text++, bytes);
    bd0_put(sink, bytes, n);
    left -= (long)n;
  }
  if (conversion->left) bd0_put_repeated(sink, ' ', padding);
  return true;
}

static bool put_character(struct sink *sink, const struct conversion *conversion, uint32_t character) {
  char bytes[UTF8_MAX] = {(char)character};
  size_t length = is_wide(conversion) ? bd0_encode_utf8(character, bytes) : 1;
  if (length == 0) errno = EILSEQ;
  else put_text(sink, conversion, bytes, length);
  return length > 0;
}

/** Conversion n: stores the number of bytes so far. */
static void store_length(const struct conversion *conversion, uint64_t target, size_t length) {
  static const size_t sizes[] = {[LENGTH_CHAR] = 1, [LENGTH_SHORT] = 2, [LENGTH_INT] = 4};
  uint64_t value = length;
  size_t size = conversion->length < LENGTH_LONG ? sizes[conversion->length] : sizeof value;
  memcpy((void *)target, &value, size); /* the low bytes come first */
}

/** An unknown conversion is printed as it was parsed. */
static void put_unknown(struct sink *sink, const struct conversion *conversion) {
  char text[40];
  int n = snprintf(text, sizeof text, "%%%s%s%s%s%s%s", conversion->alternate ? "#" : "", conversion->grouped ? "'" : "",
                   bd0_sign_of(conversion, false), conversion->left ? "-" : "",
                   conversion->zero ? "0" : "", conversion->localized ? "I" : "");
  bd0_put(sink, text, (size_t)n);
  if (conversion->width.value != 0) bd0_put(sink, text, (size_t)snprintf(text, sizeof text, "%d", conversion->width.value));
  if (conversion->precision.value >= 0)
    bd0_put(sink, text, (size_t)snprintf(text, sizeof text, ".%d", conversion->precision.value));
  bd0_put(sink, &conversion->letter, conversion->letter != 0);
}

/** Prints one argument. Returns false, with errno set, if it cannot. */
static bool convert(struct printing *printing, const struct conversion *conversion, struct argument argument) {
  struct sink *sink = printing->sink;
  switch (conversion->letter) {
    case 'd':
    case 'i':
      put_signed(sink, conversion, argument.integer);
      return true;
    case 'u':
    case 'x':
    case 'X':
    case 'o':
    case 'b':
    case 'B':
      put_unsigned(sink, conversion, argument.integer);
      return true;
    case 'c':
    case 'C':
      return put_character(sink, conversion, (uint32_t)argument.integer);
    case 's':
    case 'S':
      if (is_wide(conversion) && argument.integer != 0)
        return put_wide_string(sink, conversion, (const wchar_t *)argument.integer);
      put_string(sink, conversion, (const char *)argument.integer);
      return true;
    case 'm':
      put_string(sink, conversion, strerror(printing->error));
      return true;
    case 'p':
      put_pointer(sink, conversion, argument.integer);
      return true;
    case 'n':
      store_length(conversion, argument.integer, sink->length);
      return true;
    case '%':
      bd0_put(sink, "%", 1);
      return true;
    default:
      put_unknown(sink, conversion);
      return true;
  }
}

/** A function of its own, so that only calls that print floating point use its large stack frame. */
static __attribute__((noinline)) void convert_real(struct sink *sink, const struct conversion *conversion,
                                                   struct argument argument) {
  struct real real = argument.type == TAKES_DOUBLE ? bd0_real_of_double(argument.real)
                                                   : bd0_real_of_extended(argument.extended);
  bd0_put_real(sink, conversion, &real);
}

/** Reads a width or precision from an argument, if the format says so. */
static void take_size(struct arguments *arguments, struct number *number) {
  if (number->is_taken) number->value = (int)bd0_take_argument(arguments, number->argument, TAKES_INT).integer;
}

/** Reads the arguments of a conversion and prints it. Returns false, with errno set, if it cannot. */
static bool convert_next(struct printing *printing, struct conversion *conversion) {
  take_size(&printing->arguments, &conversion->width);
  if (conversion->width.value < 0) {
    conversion->left = true;
    conversion->width.value = conversion->width.value == INT_MIN ? INT_MAX : -conversion->width.value;
  }
  take_size(&printing->arguments, &conversion->precision);
  enum argument_type type = bd0_argument_type(conversion);
  struct argument argument = bd0_take_argument(&printing->arguments, conversion->argument, type);
  if (type != TAKES_DOUBLE && type != TAKES_EXTENDED) return convert(printing, conversion, argument);
  convert_real(printing->sink, conversion, argument);
  return true;
}

/** Whether a conversion is one of ISO C; h may precede integer conversions only. */
static bool is_known(const struct conversion *conversion) {
  const char *letters = conversion->length == LENGTH_SHORT ? "diuxXobBn%" : "diuxXobBcCsSpmn%aAeEfFgG";
  return strchr(letters, conversion->letter) != NULL;
}

/** Prints the whole format. Returns false, with errno set, if it cannot. */
static bool print(struct printing *printing, const char *format) {
  bool is_lenient = printing->arguments.taken != NULL; /* glibc prints an unfinished conversion after one it does not know */
  while (*format != 0 && !printing->sink->is_too_long) {
    const char *percent = strchr(format, '%');
    size_t plain = percent == NULL ? strlen(format) : (size_t)(percent - format);
    bd0_put(printing->sink, format, plain);
    if (percent == NULL || printing->sink->is_too_long) break;
    struct conversion conversion;
    format = bd0_parse_conversion(percent + 1, &conversion);
    if (format == NULL) printing->sink->is_too_long = true;
    if (format == NULL) break;
    if (conversion.letter == 0 && !is_lenient) {
      errno = EINVAL;
      return false;
    }
    is_lenient = is_lenient || !is_known(&conversion);
    if (!convert_next(printing, &conversion)) return false;
  }
  if (printing->sink->is_too_long) errno = EOVERFLOW;
  return !printing->sink->is_too_long;
}

/** A function of its own, so that only formats with positions use the stack for them. */
static __attribute__((noinline)) bool print_positions(struct printing *printing, const char *format, int count) {
  struct argument taken[count];
  bd0_take_positions(&printing->arguments, format, taken, count);
  return print(printing, format);
}

int bd0_format(struct sink *sink, const char *format, va_list list) {
  struct printing printing = {.sink = sink, .error = errno};
  int positions = bd0_positions(format);
  if (positions < 0) {
    errno = EOVERFLOW;
    return -1;
  }
  va_copy(printing.arguments.list, list);
  bool is_done = positions == 0 ? print(&printing, format) : print_positions(&printing, format, positions);
  va_end(printing.arguments.list);
  return is_done ? (int)sink->length : -1;
}
