/* Suggestions for mistyped words. */
#ifndef TERMINAL_NEAREST_H
#define TERMINAL_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

#include "line-editor.h"

/** The search for the known word that a mistyped one is probably meant to be. */
struct nearest {
  const char *word;
  size_t fewest; /* differences that a better word may have at most */
  size_t begun; /* known words that begin with the word */
  char best[NAME_SIZE]; /* "" if no word is near */
  char longer[NAME_SIZE]; /* the last one that begins with the word */
};

void begin_nearest(struct nearest *nearest, const char *word);
/** Compares a known word. `nearest` is a struct nearest. */
void consider(const char *known, void *nearest);
/** The nearest known word: the only one that begins with the word, else the one with the fewest differences; NULL if none is near. */
const char *nearest_word(const struct nearest *nearest);

#endif
