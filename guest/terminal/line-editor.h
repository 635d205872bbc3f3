/* A line as a person types it: editing keys, history, completion. The terminal is taken to have 80 columns. */
#ifndef TERMINAL_LINE_EDITOR_H
#define TERMINAL_LINE_EDITOR_H

#include <stdbool.h>
#include <stddef.h>

enum { LINE_SIZE = 1024, NAME_SIZE = 64 };

/** Answers the candidate of an index for the word that begins at `word`, in any order; NULL behind the last. */
typedef const char *candidate_function(const char *word, bool is_first_word, size_t index);

/** Shows the prompt and reads a line; false at the end of input (Ctrl-D on an empty line). Ctrl-C gives an empty one. */
bool edit_line(const char *prompt, char line[LINE_SIZE], candidate_function *candidate);

#endif
