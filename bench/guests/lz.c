/* lz [N]: compresses N blocks of 64 KiB of made-up text by looking for earlier occurrences (LZ77), expands them again and
   compares.

   A compressed block is a row of pieces: a byte with the number of literals in its high half and the length of the match less
   4 in its low half, where 15 says that bytes follow which are added until one is less than 255; the literals; then two bytes
   of distance, little-endian. The last piece ends after its literals. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1 << 16, SHORTEST_MATCH = 4, HASH_BITS = 12, NIBBLE_MAX = 15 };

static uint8_t text[BLOCK], packed[BLOCK + BLOCK / 128 + 64], expanded[BLOCK];
static uint64_t state = 3;

static unsigned random_below(unsigned limit) {
  state = state * 6364136223846793005 + 1442695040888963407;
  return (unsigned)(state >> 40) % limit;
}

/** Words of a small vocabulary, the first of them most often, with a number now and then. */
static void write_text(void) {
  static const char *const words[] = {
      "the ",  "of ",     "and ",       "memory ", "page ",   "address ",     "instruction ", "is ",
      "that ", "which ",  "processor ", "fault ",  "table ",  "translation ", "in ",          "a ",
      "to ",   "entry, ", "segment. ",  "word ",   "system ", "operand ",     "register ",    "flags; ",
  };
  enum { WORDS = sizeof words / sizeof *words };
  size_t at = 0;
  while (at < BLOCK) {
    char number[16];
    const char *word = words[random_below(1 + random_below(WORDS))];
    if (random_below(12) == 0) {
      unsigned value = random_below(100000), digits = 0;
      do number[digits++] = (char)('0' + value % 10);
      while ((value /= 10) != 0);
      number[digits++] = ' ';
      number[digits] = 0;
      word = number;
    }
    for (; *word != 0 && at < BLOCK; word++) text[at++] = (uint8_t)*word;
  }
}

static uint32_t four_bytes(const uint8_t *at) {
  uint32_t word;
  memcpy(&word, at, sizeof word);
  return word;
}

static uint8_t *put_length(uint8_t *to, size_t length) {
  if (length < NIBBLE_MAX) return to;
  for (length -= NIBBLE_MAX; length >= 255; length -= 255) *to++ = 255;
  *to++ = (uint8_t)length;
  return to;
}

static uint8_t high_or_low(size_t length) {
  return (uint8_t)(length < NIBBLE_MAX ? length : NIBBLE_MAX);
}

/** A piece; without a match if its length is 0. */
static uint8_t *put_piece(uint8_t *to, const uint8_t *literals, size_t count, size_t match, size_t distance) {
  size_t beyond = match == 0 ? 0 : match - SHORTEST_MATCH;
  *to++ = (uint8_t)(high_or_low(count) << 4 | high_or_low(beyond));
  to = put_length(to, count);
  for (size_t i = 0; i < count; i++) *to++ = literals[i];
  if (match == 0) return to;
  *to++ = (uint8_t)distance;
  *to++ = (uint8_t)(distance >> 8);
  return put_length(to, beyond);
}

static size_t compress(void) {
  static uint32_t last[1 << HASH_BITS]; /* where the four bytes with that hash were last seen, plus 1 */
  memset(last, 0, sizeof last);
  uint8_t *to = packed;
  size_t literals = 0, at = 0;
  while (at + SHORTEST_MATCH <= BLOCK) {
    uint32_t word = four_bytes(text + at);
    uint32_t *slot = &last[word * 2654435761u >> (32 - HASH_BITS)];
    size_t candidate = *slot;
    *slot = (uint32_t)at + 1;
    if (candidate == 0 || four_bytes(text + candidate - 1) != word) {
      at++;
      continue;
    }
    size_t from = candidate - 1, match = SHORTEST_MATCH;
    while (at + match < BLOCK && text[from + match] == text[at + match]) match++;
    to = put_piece(to, text + literals, at - literals, match, at - from);
    at += match;
    literals = at;
  }
  return (size_t)(put_piece(to, text + literals, BLOCK - literals, 0, 0) - packed);
}

static size_t take_length(const uint8_t **from, size_t nibble) {
  if (nibble < NIBBLE_MAX) return nibble;
  uint8_t byte;
  do nibble += byte = *(*from)++;
  while (byte == 255);
  return nibble;
}

/** Answers how many bytes came out. */
static size_t expand(size_t length) {
  const uint8_t *from = packed, *end = packed + length;
  uint8_t *to = expanded;
  while (from < end) {
    uint8_t token = *from++;
    for (size_t count = take_length(&from, token >> 4); count > 0; count--) *to++ = *from++;
    if (from >= end) break;
    size_t distance = from[0] | (size_t)from[1] << 8;
    from += 2;
    const uint8_t *source = to - distance;
    for (size_t count = SHORTEST_MATCH + take_length(&from, token & 15); count > 0; count--) *to++ = *source++;
  }
  return (size_t)(to - expanded);
}

int main(int argc, char **argv) {
  unsigned long blocks = argc > 1 ? strtoul(argv[1], NULL, 10) : 4;
  unsigned long wrong = 0;
  uint64_t bytes = 0, sum = 0;
  for (unsigned long block = 0; block < blocks; block++) {
    if (block % 8 == 0) write_text();
    text[block * 7919 % BLOCK] ^= 1;
    size_t length = compress();
    memset(expanded, 0, sizeof expanded);
    wrong += expand(length) != BLOCK || memcmp(text, expanded, BLOCK) != 0;
    bytes += length;
    for (size_t i = 0; i < length; i += 61) sum = sum * 31 + packed[i];
  }
  printf("%lu blocks in %llu bytes, %lu wrong, checksum %016llx\n", blocks, (unsigned long long)bytes, wrong,
         (unsigned long long)sum);
  return 0;
}
