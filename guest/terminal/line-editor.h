/* Reads a line from a person: editing keys, history, completion. */
#ifndef TERMINAL_LINE_EDITOR_H
#define TERMINAL_LINE_EDITOR_H

#include <stdbool.h>
#include <stddef.h>

/** The width of the screen; 80 if not set. */
void set_columns(size_t columns);

enum { LINE_SIZE = 1024, NAME_SIZE = 64 };

/** Returns a candidate for the word that begins with `word`, by index, in any order; NULL after the last one. */
typedef const char *candidate_function(const char *word, bool is_first_word, size_t index);

/** Shows the prompt and reads a line; false at the end of input (Ctrl-D on an empty line). Ctrl-C gives an empty line. */
bool edit_line(const char *prompt, char line[LINE_SIZE], candidate_function *candidate);

#endif
