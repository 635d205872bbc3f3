#include "input.h"

#include <bd0.h>
#include <stdio.h>
#include <string.h>

enum { CTRL_C = 0x03, AHEAD_SIZE = 4096 };

static bool interactive;
/** Bytes that were read but not used yet: ahead[ahead_begin, ahead_end). */
static unsigned char ahead[AHEAD_SIZE];
static size_t ahead_begin, ahead_end;

void begin_input(bool is_person) {
  interactive = is_person;
  if (interactive) bd0_console_mode(BD0_RAW);
}

bool is_interactive(void) {
  return interactive;
}

int read_byte(void) {
  if (ahead_begin < ahead_end) return ahead[ahead_begin++];
  fflush(stdout);
  unsigned char byte;
  return bd0_console_read(&byte, 1, BD0_FOREVER) == 1 ? byte : END_OF_INPUT;
}

void unread_byte(int byte) {
  if (byte == END_OF_INPUT) return;
  if (ahead_begin == 0) {
    if (ahead_end == AHEAD_SIZE) return;
    memmove(ahead + 1, ahead, ahead_end);
    ahead_begin = 1;
    ahead_end++;
  }
  ahead[--ahead_begin] = (unsigned char)byte;
}

bool is_interrupted(void) {
  if (!interactive) return false;
  if (ahead_begin == ahead_end) ahead_begin = ahead_end = 0;
  size_t room = AHEAD_SIZE - ahead_end;
  int64_t n = room == 0 ? 0 : bd0_console_read(ahead + ahead_end, room, BD0_NO_WAIT);
  if (n > 0) ahead_end += (size_t)n;
  unsigned char *found = memchr(ahead + ahead_begin, CTRL_C, ahead_end - ahead_begin);
  if (found == NULL) return false;
  ahead_begin = (size_t)(found - ahead) + 1;
  puts("^C");
  return true;
}

bool read_plain_line(char *line, size_t size) {
  size_t length = 0;
  int byte = read_byte();
  if (byte == END_OF_INPUT) return false;
  for (; byte != END_OF_INPUT && byte != '\n'; byte = read_byte())
    if (length + 1 < size && byte != '\r') line[length++] = (char)byte;
  line[length] = 0;
  return true;
}
