/* What is written to the console streams of <stdio.h>, over console_write. */
#include <bd0.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "file.h"
#include "format.h"
#include "lock.h"

FILE bd0_stdin = {.begin = PUSHED_BACK_MAX, .end = PUSHED_BACK_MAX}, bd0_stdout, bd0_stderr;

/* Functions `locked_` are called with the stream locked. To lock several, begin with stdin and end with stdout. */

static int locked_flush(FILE *stream) {
  size_t n = stream->end;
  stream->end = 0;
  stream->newline = false;
  return n > 0 && bd0_is_error(bd0_console_write(stream->buffer, n)) ? EOF : 0;
}

int fflush(FILE *stream) {
  if (stream == NULL) stream = stdout; /* all output streams: stderr never keeps anything */
  if (stream == stdin) return 0;
  bd0_lock(&stream->lock);
  int result = locked_flush(stream);
  bd0_unlock(&stream->lock);
  return result;
}

static void locked_append(FILE *stream, const char *bytes, size_t n) {
  while (n > 0) {
    size_t room = BUFFER_SIZE - stream->end;
    size_t part = n < room ? n : room;
    memcpy(stream->buffer + stream->end, bytes, part);
    stream->end += part;
    stream->newline = stream->newline || memchr(bytes, '\n', part) != NULL;
    if (stream->end == BUFFER_SIZE) locked_flush(stream);
    bytes += part;
    n -= part;
  }
}

/** Every call that prints starts with this, so that both streams come out in the order of the calls ... */
static void begin_output(FILE *stream) {
  bd0_lock(&stream->lock);
  if (stream == stderr) fflush(stdout);
}

/** ... and ends with this. */
static void end_output(FILE *stream) {
  if (stream == stderr || stream->newline) locked_flush(stream);
  bd0_unlock(&stream->lock);
}

int fputc(int character, FILE *stream) {
  char byte = (char)character;
  begin_output(stream);
  locked_append(stream, &byte, 1);
  end_output(stream);
  return (unsigned char)byte;
}

int putc(int character, FILE *stream) {
  return fputc(character, stream);
}

int putchar(int character) {
  return fputc(character, stdout);
}

size_t fwrite(const void *restrict items, size_t size, size_t count, FILE *restrict stream) {
  begin_output(stream);
  locked_append(stream, items, size * count);
  end_output(stream);
  return size == 0 ? 0 : count;
}

int fputs(const char *restrict text, FILE *restrict stream) {
  fwrite(text, 1, strlen(text), stream);
  return 1;
}

int puts(const char *text) {
  begin_output(stdout);
  locked_append(stdout, text, strlen(text));
  locked_append(stdout, "\n", 1);
  end_output(stdout);
  return 1;
}

struct stream_sink {
  struct sink sink;
  FILE *stream;
};

static void put_to_stream(struct sink *sink, const char *bytes, size_t n) {
  locked_append(((struct stream_sink *)sink)->stream, bytes, n);
}

int vfprintf(FILE *restrict stream, const char *restrict format, va_list arguments) {
  struct stream_sink to = {{.put = put_to_stream, .room = SIZE_MAX}, stream};
  begin_output(stream);
  int result = bd0_format(&to.sink, format, arguments);
  end_output(stream);
  return result;
}

int vprintf(const char *restrict format, va_list arguments) {
  return vfprintf(stdout, format, arguments);
}

int fprintf(FILE *restrict stream, const char *restrict format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vfprintf(stream, format, arguments);
  va_end(arguments);
  return length;
}

int printf(const char *restrict format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vfprintf(stdout, format, arguments);
  va_end(arguments);
  return length;
}
