#include "text.h"

#include <stdio.h>
#include <string.h>

static bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

/** Copies a part in quotes to `*to`; returns what follows it, or NULL if the closing quote is missing. */
static char *take_quoted(char *from, char **to) {
  char quote = *from++;
  while (*from != quote) {
    if (quote == '"' && *from == '\\' && (from[1] == '"' || from[1] == '\\')) from++;
    if (*from == 0) return NULL;
    *(*to)++ = *from++;
  }
  return from + 1;
}

/** Why an operator of other shells at `from`, outside quotes, is refused; NULL if there is none. */
static const char *refused_operator(const char *from) {
  switch (*from) {
    case '|': return "BD0 has no pipes; to pass | to a program, put it in quotes";
    case '>': return "BD0 has no redirection; to pass > to a program, put it in quotes";
    case '<': return "BD0 has no redirection; to pass < to a program, put it in quotes";
    case ';': return "only one command per line; to pass ; to a program, put it in quotes";
    case '&': return from[1] == '&' ? "only one command per line; to pass && to a program, put it in quotes" : NULL;
    default: return NULL;
  }
}

/** Copies a word to `*to`, without its quotes. Returns what is wrong with it, or NULL. */
static const char *take_word(char **from, char **to, struct word *word) {
  while (**from != 0 && !is_blank(**from) && **from != '&') {
    const char *refused = refused_operator(*from);
    if (refused != NULL) return refused;
    bool quoted = **from == '"' || **from == '\'';
    word->is_quoted |= quoted;
    if (!quoted) *(*to)++ = *(*from)++;
    else if ((*from = take_quoted(*from, to)) == NULL) return "the closing quote is missing";
  }
  return refused_operator(*from);
}

const char *split_words(char *line, struct words *words) {
  memset(words, 0, sizeof *words);
  char *from = line, *to = line;
  for (;;) {
    while (is_blank(*from)) from++;
    if (*from == 0) return NULL;
    const char *refused = refused_operator(from);
    if (refused != NULL) return refused;
    if (words->in_background) return "& must be at the end of the line";
    if (*from == '&') {
      words->in_background = true;
      from++;
      continue;
    }
    if (words->count == WORDS_MAX) return "more than 64 words";
    struct word *word = &words->word[words->count++];
    word->text = to;
    const char *wrong = take_word(&from, &to, word);
    if (wrong != NULL) return wrong;
    /* The zero byte may overwrite the separator, so that is read first. */
    bool is_last = *from == 0;
    words->in_background = *from == '&';
    if (!is_last) from++;
    *to++ = 0;
    if (is_last) return NULL;
  }
}

int hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

static bool has_hex_prefix(const char *text) {
  return text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
}

/** Parses digits up to the end of the text. */
static bool parse_digits(const char *text, uint64_t base, uint64_t *number) {
  uint64_t value = 0;
  if (*text == 0) return false;
  for (; *text != 0; text++) {
    int digit = hex_digit(*text);
    if (digit < 0 || (uint64_t)digit >= base) return false;
    if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, (uint64_t)digit, &value))
      return false;
  }
  *number = value;
  return true;
}

bool parse_number(const char *text, uint64_t *number) {
  return has_hex_prefix(text) ? parse_digits(text + 2, 16, number) : parse_digits(text, 10, number);
}

bool parse_address(const char *text, uint64_t *address) {
  return parse_digits(has_hex_prefix(text) ? text + 2 : text, 16, address);
}

/** The power of two of a unit (KB, K, KiB ...), or -1. */
static int unit_shift(const char *unit) {
  static const char letters[] = "kmgt";
  if (*unit == 0 || ((*unit | 32) == 'b' && unit[1] == 0)) return 0;
  const char *letter = strchr(letters, *unit | 32);
  if (letter == NULL) return -1;
  unit++;
  if ((*unit | 32) == 'i') unit++;
  if ((*unit | 32) == 'b') unit++;
  return *unit == 0 ? 10 * (int)(letter - letters + 1) : -1;
}

bool parse_size(const char *text, uint64_t *size) {
  uint64_t digits = 0, scale = 1;
  const char *at = text;
  bool behind_point = false;
  for (; (*at >= '0' && *at <= '9') || (*at == '.' && !behind_point && at > text); at++) {
    if (*at == '.') {
      behind_point = true;
      continue;
    }
    if (digits > UINT64_MAX / 16) return false;
    digits = digits * 10 + (uint64_t)(*at - '0');
    if (behind_point) scale *= 10;
  }
  int shift = unit_shift(at);
  if (at == text || at[-1] == '.' || shift < 0) return false;
  unsigned __int128 whole = ((unsigned __int128)digits << shift) + scale - 1;
  *size = (uint64_t)(whole / scale);
  return whole / scale <= UINT64_MAX;
}

const char *size_text(uint64_t size, char text[TEXT_SIZE]) {
  static const char units[] = " KMGTPE";
  int unit = 0;
  while (unit < 6 && size >> (10 * (unit + 1)) != 0) unit++;
  uint64_t whole = size >> (10 * unit);
  uint64_t rest = unit == 0 ? 0 : size >> (10 * (unit - 1)) & 1023;
  unsigned tenth = (unsigned)(rest * 10 / 1024);
  if (unit == 0) snprintf(text, TEXT_SIZE, "%llu", (unsigned long long)size);
  else if (whole >= 100 || tenth == 0) snprintf(text, TEXT_SIZE, "%llu %cB", (unsigned long long)whole, units[unit]);
  else snprintf(text, TEXT_SIZE, "%llu.%u %cB", (unsigned long long)whole, tenth, units[unit]);
  return text;
}

const char *pid_text(uint64_t pid, char text[TEXT_SIZE]) {
  unsigned slot = (unsigned)pid, generation = (unsigned)(pid >> 32);
  if (generation == 0) snprintf(text, TEXT_SIZE, "%u", slot);
  else snprintf(text, TEXT_SIZE, "%u.%u", slot, generation);
  return text;
}

bool parse_pid(const char *text, uint64_t *pid) {
  char slot[TEXT_SIZE];
  const char *point = strchr(text, '.');
  if (point == NULL) return parse_digits(text, 10, pid);
  if ((size_t)(point - text) >= sizeof slot) return false;
  memcpy(slot, text, (size_t)(point - text));
  slot[point - text] = 0;
  uint64_t low, high;
  if (!parse_digits(slot, 10, &low) || !parse_digits(point + 1, 10, &high)) return false;
  if (low > UINT32_MAX || high > UINT32_MAX) return false;
  *pid = high << 32 | low;
  return true;
}

bool is_continuation(char byte) {
  return ((unsigned char)byte & 0xc0) == 0x80;
}

size_t character_bytes(char first) {
  unsigned char byte = (unsigned char)first;
  return byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
}

struct range {
  uint32_t first, last;
};

/** Characters that take no column, and two columns: close enough to edit a line. */
static const struct range narrow[] = {{0x300, 0x36f}, {0x200b, 0x200f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}};
static const struct range wide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xac00, 0xd7a3},
                                    {0xf900, 0xfaff},   {0xff01, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f},
                                    {0x1f680, 0x1f6ff}, {0x1f900, 0x1faff}, {0x20000, 0x3fffd}};

static bool is_in(uint32_t character, const struct range *ranges, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (character >= ranges[i].first && character <= ranges[i].last) return true;
  return false;
}

size_t columns_of(const char *bytes, size_t n) {
  size_t columns = 0;
  for (size_t at = 0; at < n;) {
    size_t length = character_bytes(bytes[at]);
    uint32_t character = (unsigned char)bytes[at++];
    if (length > 1) character &= 0x7fu >> length;
    for (size_t i = 1; i < length && at < n && is_continuation(bytes[at]); i++)
      character = character << 6 | ((unsigned char)bytes[at++] & 0x3f);
    if (is_in(character, narrow, sizeof narrow / sizeof *narrow)) continue;
    columns += is_in(character, wide, sizeof wide / sizeof *wide) ? 2 : 1;
  }
  return columns;
}
