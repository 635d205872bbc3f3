/* What is read from the console as the stream stdin, over console_read. */
#include <bd0.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "lock.h"

/* Functions `locked_`, and bd0_fill, are called with the stream locked. */

bool bd0_fill(FILE *stream) {
  if (stream->begin < stream->end) return true;
  if (stream->finished) return false;
  fflush(stdout);
  int64_t n = bd0_console_read(stream->buffer + PUSHED_BACK_MAX, BUFFER_SIZE - PUSHED_BACK_MAX, BD0_FOREVER);
  stream->finished = n <= 0;
  stream->begin = PUSHED_BACK_MAX;
  stream->end = PUSHED_BACK_MAX + (stream->finished ? 0 : (size_t)n);
  return !stream->finished;
}

int fgetc(FILE *stream) {
  bd0_lock(&stream->lock);
  int character = bd0_fill(stream) ? (unsigned char)stream->buffer[stream->begin++] : EOF;
  bd0_unlock(&stream->lock);
  return character;
}

int getc(FILE *stream) {
  return fgetc(stream);
}

int getchar(void) {
  return fgetc(stdin);
}

int ungetc(int character, FILE *stream) {
  if (character == EOF) return EOF;
  bd0_lock(&stream->lock);
  bool has_room = stream->begin > 0;
  if (has_room) {
    stream->buffer[--stream->begin] = (char)character;
    stream->finished = false; /* C17 7.21.7.10 */
  }
  bd0_unlock(&stream->lock);
  return has_room ? (unsigned char)character : EOF;
}

int feof(FILE *stream) {
  return stream->finished && stream->begin == stream->end;
}

int ferror(FILE *stream) {
  (void)stream;
  return 0; /* the console knows no errors */
}

void clearerr(FILE *stream) {
  stream->finished = false;
}

/** Copies buffered input to `to`, at most `n` bytes, up to the first newline if `is_line`; returns their number. */
static size_t locked_take(FILE *stream, char *to, size_t n, bool is_line) {
  const char *from = stream->buffer + stream->begin;
  size_t part = stream->end - stream->begin;
  if (part > n) part = n;
  const char *newline = is_line ? memchr(from, '\n', part) : NULL;
  if (newline != NULL) part = (size_t)(newline - from) + 1;
  memcpy(to, from, part);
  stream->begin += part;
  return part;
}

size_t fread(void *restrict items, size_t size, size_t count, FILE *restrict stream) {
  if (size == 0) return 0;
  size_t wanted = size * count, got = 0;
  bd0_lock(&stream->lock);
  while (got < wanted && bd0_fill(stream)) got += locked_take(stream, (char *)items + got, wanted - got, false);
  bd0_unlock(&stream->lock);
  return got / size;
}

char *fgets(char *restrict line, int size, FILE *restrict stream) {
  size_t length = 0;
  if (size < 1) return NULL;
  bd0_lock(&stream->lock);
  while (length + 1 < (size_t)size && (length == 0 || line[length - 1] != '\n') && bd0_fill(stream))
    length += locked_take(stream, line + length, (size_t)size - 1 - length, true);
  bd0_unlock(&stream->lock);
  if (length == 0 && size > 1) return NULL;
  line[length] = 0;
  return line;
}

/** Makes a block of malloc's large enough for `needed` bytes; false where there is no memory. */
static bool grow(char **line, size_t *size, size_t needed) {
  if (*line != NULL && needed <= *size) return true;
  size_t larger = needed < 120 ? 120 : 2 * needed;
  char *block = realloc(*line, larger);
  if (block == NULL) return false;
  *line = block;
  *size = larger;
  return true;
}

ssize_t getline(char **restrict line, size_t *restrict size, FILE *restrict stream) {
  size_t length = 0;
  bool is_whole = false, has_room = true;
  bd0_lock(&stream->lock);
  while (!is_whole && bd0_fill(stream)) {
    size_t waiting = stream->end - stream->begin;
    has_room = grow(line, size, length + waiting + 1);
    if (!has_room) break;
    length += locked_take(stream, *line + length, waiting, true);
    is_whole = (*line)[length - 1] == '\n';
  }
  bd0_unlock(&stream->lock);
  if (length == 0 || !has_room) return -1;
  (*line)[length] = 0;
  return (ssize_t)length;
}
