/* scanf from the stream stdin. */
#include <stdio.h>

#include "file.h"
#include "lock.h"
#include "scan.h"

/** The stream as scanf's source, locked. */
struct stream_source {
  struct source source;
  FILE *stream;
};

static int get_from_stream(struct source *source) {
  FILE *stream = ((struct stream_source *)source)->stream;
  return bd0_fill(stream) ? (unsigned char)stream->buffer[stream->begin++] : EOF;
}

static void unget_to_stream(struct source *source, int character) {
  FILE *stream = ((struct stream_source *)source)->stream;
  stream->buffer[--stream->begin] = (char)character;
}

int vfscanf(FILE *restrict stream, const char *restrict format, va_list list) {
  struct stream_source source = {{get_from_stream, unget_to_stream}, stream};
  bd0_lock(&stream->lock);
  int stored = bd0_scan(&source.source, format, list);
  bd0_unlock(&stream->lock);
  return stored;
}

int vscanf(const char *restrict format, va_list list) {
  return vfscanf(stdin, format, list);
}

int fscanf(FILE *restrict stream, const char *restrict format, ...) {
  va_list list;
  va_start(list, format);
  int stored = vfscanf(stream, format, list);
  va_end(list);
  return stored;
}

int scanf(const char *restrict format, ...) {
  va_list list;
  va_start(list, format);
  int stored = vfscanf(stdin, format, list);
  va_end(list);
  return stored;
}
