/* scanf: what becomes of the format, characters and strings. */
#include "scan.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "scan_number.h"
#include "strtod.h"
#include "utf8.h"

enum scan_length { SCAN_CHAR = 1, SCAN_SHORT = 2, SCAN_INT = 4, SCAN_LONG = 8, SCAN_EXTENDED = 16 };

/** What stands between % and the letter, and the letter. */
struct directive {
  bool discards;  /* the flag * */
  bool allocates; /* m: the target is a pointer, which a block of malloc's is stored to */
  size_t width;   /* SIZE_MAX for none */
  enum scan_length length;
  bool is_long_long; /* ll: a long double, too */
  int position;      /* of the target, from 1; 0 for the next one */
  char letter;
  unsigned char accepted[256]; /* of [ */
};

/** A call's targets, which all are pointers. */
struct targets {
  va_list list, first;
};

static void *take_target(struct targets *targets, const struct directive *directive) {
  if (directive->position == 0) return va_arg(targets->list, void *);
  va_list list;
  va_copy(list, targets->first);
  void *target = NULL;
  for (int i = 0; i < directive->position; i++) target = va_arg(list, void *);
  va_end(list);
  return target;
}

static const char *parse_length(const char *at, struct directive *directive) {
  directive->length = SCAN_INT;
  switch (*at) {
    case 'h':
      directive->length = at[1] == 'h' ? SCAN_CHAR : SCAN_SHORT;
      return at + (at[1] == 'h' ? 2 : 1);
    case 'l':
      directive->length = SCAN_LONG;
      directive->is_long_long = at[1] == 'l';
      return at + (at[1] == 'l' ? 2 : 1);
    case 'L':
    case 'q':
      directive->length = SCAN_EXTENDED;
      return at + 1;
    case 'j':
    case 'z':
    case 't':
      directive->length = SCAN_LONG;
      return at + 1;
    default:
      return at;
  }
}

/** The characters between [ and ], with ranges; after ^ all others. Returns what follows, or NULL where ] is missing. */
static const char *parse_set(const char *at, struct directive *directive) {
  bool is_inverted = *at == '^';
  if (is_inverted) at++;
  const unsigned char *text = (const unsigned char *)at;
  if (*text == ']' || *text == '-') directive->accepted[*text++] = 1;
  for (; *text != ']'; text++) {
    if (*text == 0) return NULL;
    bool is_range = *text == '-' && text[1] != 0 && text[1] != ']' && text[-1] <= text[1];
    if (!is_range) directive->accepted[*text] = 1;
    for (unsigned character = text[-1]; is_range && character < text[1]; character++) directive->accepted[character] = 1;
  }
  for (unsigned character = 0; is_inverted && character < 256; character++) directive->accepted[character] ^= 1;
  return (const char *)text + 1;
}

/** Parses what follows a %; returns what follows the letter, or NULL where the format ends before that. */
static const char *parse(const char *at, struct directive *directive) {
  char *end;
  unsigned long number = isdigit((unsigned char)*at) ? strtoul(at, &end, 10) : 0;
  if (isdigit((unsigned char)*at) && *end == '$') {
    directive->position = (int)number;
    at = end + 1;
  }
  for (; *at == '*' || *at == '\'' || *at == 'I'; at++) directive->discards |= *at == '*';
  directive->width = SIZE_MAX;
  if (isdigit((unsigned char)*at)) {
    number = strtoul(at, &end, 10);
    directive->width = number == 0 ? SIZE_MAX : number;
    at = end;
  }
  directive->allocates = *at == 'm';
  if (directive->allocates) at++;
  at = parse_length(at, directive);
  directive->letter = *at;
  if (*at == 0) return NULL;
  return directive->letter == '[' ? parse_set(at + 1, directive) : at + 1;
}

static void store_integer(const struct directive *directive, struct targets *targets, uint64_t value) {
  if (directive->discards) return;
  size_t size = directive->length == SCAN_EXTENDED ? sizeof value : (size_t)directive->length;
  memcpy(take_target(targets, directive), &value, size); /* the low bytes come first */
}

static enum scan_result read_integer(struct reader *reader, const struct directive *directive, struct targets *targets) {
  char letter = directive->letter;
  bool is_signed = letter == 'd' || letter == 'i', is_pointer = letter == 'p';
  unsigned base = letter == 'i' ? 0 : letter == 'o' ? 8 : letter == 'x' || letter == 'X' || is_pointer ? 16 : 10;
  uint64_t value;
  enum scan_result result = bd0_scan_integer(reader, directive->width, base, is_signed, is_pointer, &value);
  struct directive stored = *directive;
  if (is_pointer) stored.length = SCAN_LONG;
  if (result == SCAN_STORED) store_integer(&stored, targets, value);
  return result;
}

/** Stores a number, unless it is discarded, in the format of its target; false, with nothing stored, if the text is not
    a number (".", say). */
static bool store_real(const struct directive *directive, struct targets *targets, const char *text) {
  char *end;
  if (directive->discards) {
    strtod(text, &end);
  } else if (directive->length == SCAN_EXTENDED || directive->is_long_long) {
    struct extended value = bd0_strtold(text, &end);
    if (end != text) memcpy(take_target(targets, directive), &value, 10); /* as FSTP would */
  } else if (directive->length == SCAN_LONG) {
    double value = strtod(text, &end);
    if (end != text) *(double *)take_target(targets, directive) = value;
  } else {
    float value = strtof(text, &end);
    if (end != text) *(float *)take_target(targets, directive) = value;
  }
  return end != text;
}

static enum scan_result read_real(struct reader *reader, const struct directive *directive, struct targets *targets) {
  struct collected text;
  bd0_begin_collecting(&text);
  enum scan_result result = bd0_scan_real(reader, directive->width, &text);
  if (text.is_out_of_memory) result = SCAN_NO_INPUT;
  if (result == SCAN_STORED && !store_real(directive, targets, text.bytes)) result = SCAN_MISMATCH;
  bd0_end_collecting(&text);
  return result;
}

static bool is_accepted(const struct directive *directive, int character) {
  if (directive->letter == '[') return directive->accepted[character];
  return directive->letter == 'c' || directive->letter == 'C' || !isspace(character);
}

static bool is_wide(const struct directive *directive) {
  return directive->letter == 'C' || directive->letter == 'S' || directive->length == SCAN_LONG;
}

/** Reads the rest of a character in UTF-8; EOF, with errno set, if it is invalid. */
static int32_t read_wide(struct reader *reader, int first) {
  unsigned length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  uint32_t character = length == 1 ? (uint32_t)first : (uint32_t)first & (0x7fu >> length);
  char again[UTF8_MAX];
  for (unsigned i = 1; i < length; i++) {
    int next = bd0_next(reader);
    if (next == EOF || (next & 0xc0) != 0x80) length = 0;
    else character = character << 6 | ((uint32_t)next & 0x3f);
  }
  if (length > 0 && bd0_encode_utf8(character, again) == length) return (int32_t)character;
  errno = EILSEQ;
  return EOF;
}

/** Where characters go: to the target, to a block that grows, or nowhere. */
struct text {
  char *target;
  struct collected block;
};

static void put(struct text *text, const struct directive *directive, int32_t character) {
  size_t size = is_wide(directive) ? sizeof(wchar_t) : 1;
  if (directive->discards) return;
  if (text->target != NULL) {
    memcpy(text->target, &character, size);
    text->target += size;
    return;
  }
  for (size_t i = 0; i < size; i++) bd0_collect(&text->block, character >> (8 * i));
}

static enum scan_result read_characters(struct reader *reader, const struct directive *directive, struct text *text) {
  bool is_character = directive->letter == 'c' || directive->letter == 'C';
  size_t width = is_character && directive->width == SIZE_MAX ? 1 : directive->width, length = 0;
  int character = bd0_next(reader);
  if (character == EOF) return SCAN_NO_INPUT;
  for (;;) {
    if (!is_accepted(directive, character)) {
      bd0_give_back(reader, character);
      break;
    }
    int32_t whole = is_wide(directive) ? read_wide(reader, character) : character;
    if (whole == EOF) return SCAN_NO_INPUT;
    put(text, directive, whole);
    if (++length == width) break;
    character = bd0_next(reader);
    if (character == EOF) break;
  }
  if (length == 0) return SCAN_MISMATCH;
  if (!is_character) put(text, directive, 0);
  return SCAN_STORED;
}

static enum scan_result read_text(struct reader *reader, const struct directive *directive, struct targets *targets) {
  if (directive->letter == '[' && directive->length == SCAN_LONG) return SCAN_MISMATCH;
  void *target = directive->discards ? NULL : take_target(targets, directive);
  struct text text = {.target = directive->allocates ? NULL : target};
  bd0_begin_collecting(&text.block);
  enum scan_result result = read_characters(reader, directive, &text);
  char *block = NULL;
  if (result == SCAN_STORED && directive->allocates && target != NULL) {
    if (!text.block.is_out_of_memory) block = malloc(text.block.length);
    if (block != NULL) memcpy(block, text.block.bytes, text.block.length);
    else result = SCAN_NO_INPUT;
  }
  if (directive->allocates && target != NULL) *(char **)target = block;
  bd0_end_collecting(&text.block);
  return result;
}

static enum scan_result read_value(struct reader *reader, const struct directive *directive, struct targets *targets) {
  switch (directive->letter) {
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o':
    case 'p':
      return read_integer(reader, directive, targets);
    case 'a':
    case 'A':
    case 'f':
    case 'F':
    case 'e':
    case 'E':
    case 'g':
    case 'G':
      return read_real(reader, directive, targets);
    case 'c':
    case 'C':
    case 's':
    case 'S':
    case '[':
      return read_text(reader, directive, targets);
    default:
      return SCAN_MISMATCH;
  }
}

/** A character of the format that stands for itself. */
static enum scan_result read_plain(struct reader *reader, char expected) {
  int character = bd0_next(reader);
  if (character == (unsigned char)expected) return SCAN_STORED;
  bd0_give_back(reader, character);
  return character == EOF ? SCAN_NO_INPUT : SCAN_MISMATCH;
}

static void skip_space(struct reader *reader) {
  int character;
  do character = bd0_next(reader);
  while (character != EOF && isspace(character));
  bd0_give_back(reader, character);
}

/** Does what one conversion says; adds what is stored to `*stored`. */
static enum scan_result convert(struct reader *reader, const struct directive *directive, struct targets *targets,
                                int *stored) {
  char letter = directive->letter;
  if (letter != 'c' && letter != 'C' && letter != '[' && letter != 'n') skip_space(reader);
  if (letter == '%') return read_plain(reader, '%');
  if (letter == 'n') {
    store_integer(directive, targets, reader->count);
    return SCAN_STORED;
  }
  enum scan_result result = read_value(reader, directive, targets);
  if (result == SCAN_STORED && !directive->discards) ++*stored;
  return result;
}

int bd0_scan(struct source *source, const char *format, va_list list) {
  struct reader reader = {.source = source};
  struct targets targets;
  va_copy(targets.list, list);
  va_copy(targets.first, list);
  int stored = 0;
  enum scan_result result = SCAN_STORED;
  while (result == SCAN_STORED && *format != 0) {
    if (isspace((unsigned char)*format)) {
      while (isspace((unsigned char)*format)) format++;
      skip_space(&reader);
    } else if (*format != '%') {
      result = read_plain(&reader, *format++);
    } else {
      struct directive directive = {0};
      format = parse(format + 1, &directive);
      result = format == NULL ? SCAN_MISMATCH : convert(&reader, &directive, &targets, &stored);
    }
  }
  va_end(targets.list);
  va_end(targets.first);
  return stored == 0 && result == SCAN_NO_INPUT ? EOF : stored;
}

struct text_source {
  struct source source;
  const char *at;
};

static int get_from_text(struct source *source) {
  struct text_source *text = (struct text_source *)source;
  return *text->at == 0 ? EOF : (unsigned char)*text->at++;
}

static void unget_to_text(struct source *source, int character) {
  (void)character;
  ((struct text_source *)source)->at--;
}

int vsscanf(const char *restrict text, const char *restrict format, va_list list) {
  struct text_source source = {{get_from_text, unget_to_text}, text};
  return bd0_scan(&source.source, format, list);
}

int sscanf(const char *restrict text, const char *restrict format, ...) {
  va_list list;
  va_start(list, format);
  int stored = vsscanf(text, format, list);
  va_end(list);
  return stored;
}
