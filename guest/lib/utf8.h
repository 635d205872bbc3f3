/* Wide characters are Unicode code points; as bytes they are UTF-8. RFC 3629 */
#ifndef BD0_UTF8_H
#define BD0_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UTF8_MAX = 4 };

static inline bool bd0_is_code_point(uint32_t character) {
  return character < 0xd800 || (character > 0xdfff && character <= 0x10ffff);
}

/** Writes a code point; returns its number of bytes, or 0 if it is invalid. */
static inline size_t bd0_encode_utf8(uint32_t character, char bytes[UTF8_MAX]) {
  if (!bd0_is_code_point(character)) return 0;
  if (character < 0x80) {
    bytes[0] = (char)character;
    return 1;
  }
  size_t length = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
  for (size_t i = length - 1; i > 0; i--, character >>= 6) bytes[i] = (char)(0x80 | (character & 0x3f));
  bytes[0] = (char)((0xf00u >> length & 0xf0) | character);
  return length;
}

#endif
