/* printf into memory. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "format.h"

/** Keeps what fits before the final zero. */
struct memory_sink {
  struct sink sink;
  char *to;
};

static void put_to_memory(struct sink *sink, const char *bytes, size_t n) {
  memcpy(((struct memory_sink *)sink)->to + sink->length, bytes, n);
}

int vsnprintf(char *restrict to, size_t size, const char *restrict format, va_list arguments) {
  struct memory_sink memory = {{.put = put_to_memory, .room = size == 0 ? 0 : size - 1}, to};
  int result = bd0_format(&memory.sink, format, arguments);
  if (size > 0) to[memory.sink.length < size ? memory.sink.length : size - 1] = 0;
  return result;
}

int snprintf(char *restrict to, size_t size, const char *restrict format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(to, size, format, arguments);
  va_end(arguments);
  return length;
}

int vsprintf(char *restrict to, const char *restrict format, va_list arguments) {
  return vsnprintf(to, SIZE_MAX, format, arguments);
}

int sprintf(char *restrict to, const char *restrict format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsprintf(to, format, arguments);
  va_end(arguments);
  return length;
}
