/* The lines that were entered in this session. */
#ifndef TERMINAL_HISTORY_H
#define TERMINAL_HISTORY_H

#include <stddef.h>

/** Adds a line, unless it is empty or the same as the one before. The oldest line goes when there are 128. */
void remember_line(const char *line);

/** The line that many back, 1 for the last one; NULL if there are not so many. */
const char *line_back(size_t back);

/** How many back the next older line is that contains a text, `back` or more; 0 if there is none. */
size_t find_line(const char *text, size_t back);

#endif
