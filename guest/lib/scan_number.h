/* Numbers for scanf. */
#ifndef BD0_SCAN_NUMBER_H
#define BD0_SCAN_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "scan.h"

/** The characters of one call, which are counted for n. */
struct reader {
  struct source *source;
  size_t count;
};

static inline int bd0_next(struct reader *reader) {
  int character = reader->source->get(reader->source);
  if (character != EOF) reader->count++;
  return character;
}

static inline void bd0_give_back(struct reader *reader, int character) {
  if (character == EOF) return;
  reader->source->unget(reader->source, character);
  reader->count--;
}

enum scan_result { SCAN_STORED, SCAN_MISMATCH, SCAN_NO_INPUT };

/** Characters that are collected: in `local`, then in a block of malloc's. */
struct collected {
  char local[128];
  char *bytes;
  size_t length, room;
  bool is_out_of_memory;
};

void bd0_begin_collecting(struct collected *collected);
void bd0_collect(struct collected *collected, int character);
void bd0_end_collecting(struct collected *collected);

/** Reads a whole number of base 8, 10, 16 or, for 0, what its prefix says; at most `width` characters. Out of range, it is
    the nearest 64-bit one. A pointer may also be "(nil)". */
enum scan_result bd0_scan_integer(struct reader *reader, size_t width, unsigned base, bool is_signed, bool is_pointer,
                                  uint64_t *value);

/** Collects the characters of a floating-point number, with a terminating zero. */
enum scan_result bd0_scan_real(struct reader *reader, size_t width, struct collected *text);

#endif
