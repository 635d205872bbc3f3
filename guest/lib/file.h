/* A stream of <stdio.h>. */
#ifndef BD0_FILE_H
#define BD0_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BUFFER_SIZE = 4096, PUSHED_BACK_MAX = 8 };

/**
 * Output: buffer[0, end) waits to be written. Input: buffer[begin, end) waits to be read; what the console gives lies from
 * PUSHED_BACK_MAX on, with room before it for what is given back.
 */
struct bd0_file {
  uint32_t lock;
  bool newline;  /* a newline waits in the buffer */
  bool finished; /* the input has ended */
  size_t begin;
  size_t end;
  char buffer[BUFFER_SIZE];
};

/** Makes sure that a byte waits in a locked input stream; false at the end of input. What was printed before is written
    out before the wait. */
bool bd0_fill(struct bd0_file *stream);

#endif
