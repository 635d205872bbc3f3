#include "history.h"

#include <stdlib.h>
#include <string.h>

enum { HISTORY_SIZE = 128 };

/** The last line is history[history_count - 1]. */
static char *history[HISTORY_SIZE];
static size_t history_count;

void remember_line(const char *line) {
  const char *last = line_back(1);
  if (*line == 0 || (last != NULL && strcmp(last, line) == 0)) return;
  char *copy = strdup(line);
  if (copy == NULL) return;
  if (history_count == HISTORY_SIZE) {
    free(history[0]);
    memmove(history, history + 1, (HISTORY_SIZE - 1) * sizeof *history);
    history_count--;
  }
  history[history_count++] = copy;
}

const char *line_back(size_t back) {
  return back > 0 && back <= history_count ? history[history_count - back] : NULL;
}

size_t find_line(const char *text, size_t back) {
  for (const char *line; (line = line_back(back)) != NULL; back++)
    if (strstr(line, text) != NULL) return back;
  return 0;
}
