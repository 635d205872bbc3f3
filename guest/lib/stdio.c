/* The console streams of <stdio.h>, over console_read and console_write. */
#include <bd0.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "format.h"

enum { BUFFER_SIZE = 4096 };

/** Output: buffer[0, end) waits to be written. Input: buffer[begin, end) waits to be read. */
struct bd0_file {
  size_t begin;
  size_t end;
  bool newline;  /* a newline waits in the buffer */
  bool finished; /* the input has ended */
  char buffer[BUFFER_SIZE];
};

FILE bd0_stdin, bd0_stdout, bd0_stderr;

int fflush(FILE *stream) {
  if (stream == NULL) stream = stdout; /* all output streams: stderr never keeps anything */
  if (stream == stdin) return 0;
  size_t n = stream->end;
  stream->end = 0;
  stream->newline = false;
  return n > 0 && bd0_is_error(bd0_console_write(stream->buffer, n)) ? EOF : 0;
}

static void append(FILE *stream, const char *bytes, size_t n) {
  while (n > 0) {
    size_t room = BUFFER_SIZE - stream->end;
    size_t part = n < room ? n : room;
    memcpy(stream->buffer + stream->end, bytes, part);
    stream->end += part;
    stream->newline = stream->newline || memchr(bytes, '\n', part) != NULL;
    if (stream->end == BUFFER_SIZE) fflush(stream);
    bytes += part;
    n -= part;
  }
}

/** Every call that prints starts with this, so that both streams come out in the order of the calls ... */
static void begin_output(FILE *stream) {
  if (stream == stderr) fflush(stdout);
}

/** ... and ends with this. */
static void end_output(FILE *stream) {
  if (stream == stderr || stream->newline) fflush(stream);
}

int fputc(int character, FILE *stream) {
  char byte = (char)character;
  begin_output(stream);
  append(stream, &byte, 1);
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
  append(stream, items, size * count);
  end_output(stream);
  return size == 0 ? 0 : count;
}

int fputs(const char *restrict text, FILE *restrict stream) {
  fwrite(text, 1, strlen(text), stream);
  return 1;
}

int puts(const char *text) {
  append(stdout, text, strlen(text));
  append(stdout, "\n", 1);
  end_output(stdout);
  return 1;
}

struct stream_sink {
  struct sink sink;
  FILE *stream;
};

static void put_to_stream(struct sink *sink, const char *bytes, size_t n) {
  append(((struct stream_sink *)sink)->stream, bytes, n);
}

int vfprintf(FILE *restrict stream, const char *restrict format, va_list arguments) {
  struct stream_sink to = {{put_to_stream, 0}, stream};
  begin_output(stream);
  bd0_format(&to.sink, format, arguments);
  end_output(stream);
  return (int)to.sink.length;
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

/** Makes sure that a byte of input waits; false at the end of input. What was printed before shows before the wait. */
static bool fill(FILE *stream) {
  if (stream->begin < stream->end) return true;
  if (stream->finished) return false;
  fflush(stdout);
  int64_t n = bd0_console_read(stream->buffer, BUFFER_SIZE, BD0_FOREVER);
  stream->finished = n <= 0;
  stream->begin = 0;
  stream->end = stream->finished ? 0 : (size_t)n;
  return !stream->finished;
}

int fgetc(FILE *stream) {
  return fill(stream) ? (unsigned char)stream->buffer[stream->begin++] : EOF;
}

int getc(FILE *stream) {
  return fgetc(stream);
}

int getchar(void) {
  return fgetc(stdin);
}

int feof(FILE *stream) {
  return stream->finished;
}

size_t fread(void *restrict items, size_t size, size_t count, FILE *restrict stream) {
  if (size == 0) return 0;
  size_t wanted = size * count, got = 0;
  while (got < wanted && fill(stream)) {
    size_t waiting = stream->end - stream->begin;
    size_t part = wanted - got < waiting ? wanted - got : waiting;
    memcpy((char *)items + got, stream->buffer + stream->begin, part);
    stream->begin += part;
    got += part;
  }
  return got / size;
}

char *fgets(char *restrict line, int size, FILE *restrict stream) {
  int length = 0;
  while (length + 1 < size && fill(stream)) {
    char byte = stream->buffer[stream->begin++];
    line[length++] = byte;
    if (byte == '\n') break;
  }
  if (size < 1 || (length == 0 && size > 1)) return NULL;
  line[length] = 0;
  return line;
}
