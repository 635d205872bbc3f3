/* Numbers for scanf, which may look one character ahead and no further: what "1e+" or "0x" begins is taken away. */
#include "scan_number.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

void bd0_begin_collecting(struct collected *collected) {
  collected->bytes = collected->local;
  collected->room = sizeof collected->local;
  collected->length = 0;
  collected->is_out_of_memory = false;
}

void bd0_collect(struct collected *collected, int character) {
  if (collected->length == collected->room) {
    bool is_local = collected->bytes == collected->local;
    char *larger = realloc(is_local ? NULL : collected->bytes, 2 * collected->room);
    collected->is_out_of_memory |= larger == NULL;
    if (larger == NULL) return;
    if (is_local) memcpy(larger, collected->local, collected->length);
    collected->bytes = larger;
    collected->room *= 2;
  }
  collected->bytes[collected->length++] = (char)character;
}

void bd0_end_collecting(struct collected *collected) {
  if (collected->bytes != collected->local) free(collected->bytes);
}

/** Characters of one number, within its width. */
struct cursor {
  struct reader *reader;
  size_t left; /* characters that may still be taken */
  int character;
};

/** Consumes the current character and reads the next one; EOF after the last one of the width. */
static void advance(struct cursor *cursor) {
  cursor->left--;
  cursor->character = cursor->left == 0 ? EOF : bd0_next(cursor->reader);
}

static struct cursor begin(struct reader *reader, size_t width) {
  return (struct cursor){reader, width, bd0_next(reader)};
}

static bool is_letter(const struct cursor *cursor, char letter) {
  return cursor->character != EOF && tolower(cursor->character) == letter;
}

/** Takes the letters of a word, of any case; false at the first one that differs. */
static bool take_word(struct cursor *cursor, const char *word, struct collected *text) {
  for (; *word != 0; word++) {
    if (!is_letter(cursor, *word)) return false;
    if (text != NULL) bd0_collect(text, cursor->character);
    advance(cursor);
  }
  return true;
}

static unsigned digit_of(int character) {
  if (character >= '0' && character <= '9') return (unsigned)(character - '0');
  if (character >= 'a' && character <= 'f') return (unsigned)(character - 'a') + 10;
  if (character >= 'A' && character <= 'F') return (unsigned)(character - 'A') + 10;
  return UINT_MAX;
}

/** The number with its sign, as strtol and strtoul have it. */
static uint64_t signed_value(uint64_t magnitude, bool overflows, bool is_negative, bool is_signed) {
  uint64_t limit = !is_signed ? UINT64_MAX : is_negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
  if (overflows || magnitude > limit) {
    errno = ERANGE;
    if (!is_signed) return UINT64_MAX;
    magnitude = limit;
  }
  return is_negative ? -magnitude : magnitude;
}

enum scan_result bd0_scan_integer(struct reader *reader, size_t width, unsigned base, bool is_signed, bool is_pointer,
                                  uint64_t *value) {
  struct cursor cursor = begin(reader, width);
  if (cursor.character == EOF) return SCAN_NO_INPUT;
  bool is_negative = cursor.character == '-', has_sign = is_negative || cursor.character == '+';
  if (has_sign) advance(&cursor);
  bool has_digit = cursor.character == '0', overflows = false;
  uint64_t magnitude = 0;
  if (has_digit) {
    advance(&cursor);
    bool is_hexadecimal = is_letter(&cursor, 'x') && (base == 0 || base == 16);
    if (is_hexadecimal) advance(&cursor);
    if (base == 0) base = is_hexadecimal ? 16 : 8;
  }
  if (base == 0) base = 10;
  for (unsigned digit; (digit = digit_of(cursor.character)) < base; advance(&cursor)) {
    overflows |= __builtin_mul_overflow(magnitude, base, &magnitude);
    overflows |= __builtin_add_overflow(magnitude, digit, &magnitude);
    has_digit = true;
  }
  bool is_nil = !has_digit && !has_sign && is_pointer && width >= 5 && take_word(&cursor, "(nil)", NULL);
  bd0_give_back(reader, cursor.character);
  if (!has_digit && !is_nil) return SCAN_MISMATCH;
  *value = signed_value(magnitude, overflows, is_negative, is_signed);
  return SCAN_STORED;
}

/** "nan", "inf" or "infinity". */
static bool take_special(struct cursor *cursor, struct collected *text) {
  if (is_letter(cursor, 'n')) return take_word(cursor, "nan", text);
  return take_word(cursor, "inf", text) && (!is_letter(cursor, 'i') || take_word(cursor, "inity", text));
}

/** Digits with at most one point and one exponent; false for a bare 0x. */
static bool take_digits(struct cursor *cursor, struct collected *text) {
  bool is_hexadecimal = false, has_digit = false, has_point = false, has_exponent = false;
  if (cursor->character == '0') {
    bd0_collect(text, '0');
    advance(cursor);
    is_hexadecimal = is_letter(cursor, 'x') && cursor->left > 1; /* a digit may follow */
    has_digit = !is_hexadecimal;
    if (is_hexadecimal) {
      bd0_collect(text, 'x');
      advance(cursor);
    }
  }
  char exponent_letter = is_hexadecimal ? 'p' : 'e';
  size_t first = text->length;
  for (; cursor->character != EOF; advance(cursor)) {
    int character = cursor->character;
    bool is_digit = digit_of(character) < (is_hexadecimal && !has_exponent ? 16 : 10);
    bool begins_exponent = has_digit && !has_exponent && is_letter(cursor, exponent_letter);
    bool follows_letter = has_exponent && tolower((unsigned char)text->bytes[text->length - 1]) == exponent_letter;
    bool is_sign = follows_letter && (character == '-' || character == '+');
    bool is_point = character == '.' && !has_point && !has_exponent;
    if (begins_exponent && !is_digit) has_exponent = true;
    else if (is_point) has_point = true;
    else if (is_digit) has_digit = true;
    else if (!is_sign) break;
    bd0_collect(text, character);
  }
  return !is_hexadecimal || text->length > first;
}

enum scan_result bd0_scan_real(struct reader *reader, size_t width, struct collected *text) {
  struct cursor cursor = begin(reader, width);
  if (cursor.character == EOF) return SCAN_NO_INPUT;
  if (cursor.character == '-' || cursor.character == '+') {
    bd0_collect(text, cursor.character);
    advance(&cursor);
  }
  size_t sign_length = text->length;
  bool is_special = is_letter(&cursor, 'n') || is_letter(&cursor, 'i');
  bool fits = is_special ? take_special(&cursor, text) : take_digits(&cursor, text);
  bd0_give_back(reader, cursor.character);
  bd0_collect(text, 0);
  return fits && text->length > sign_length + 1 ? SCAN_STORED : SCAN_MISMATCH;
}
