#include "nearest.h"

#include <ctype.h>
#include <string.h>

/** A word of so many characters or more may have one more difference. */
enum { CHARACTERS_PER_DIFFERENCE = 3, DIFFERENCES_MAX = 3 };

void begin_nearest(struct nearest *nearest, const char *word) {
  memset(nearest, 0, sizeof *nearest);
  nearest->word = word;
  size_t allowed = strlen(word) / CHARACTERS_PER_DIFFERENCE;
  nearest->fewest = allowed < 1 ? 1 : allowed > DIFFERENCES_MAX ? DIFFERENCES_MAX : allowed;
}

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

static bool is_same(char a, char b) {
  return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/**
 * Characters to insert, delete, replace or swap with a neighbour to make one word of the other: the restricted edit distance
 * of Damerau. A row holds the distances of the first i characters of `a` to every beginning of `b`; both are shorter than
 * NAME_SIZE.
 */
static size_t differences(const char *a, size_t a_length, const char *b, size_t b_length) {
  size_t rows[3][NAME_SIZE];
  for (size_t j = 0; j <= b_length; j++) rows[0][j] = j;
  for (size_t i = 1; i <= a_length; i++) {
    size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
    row[0] = i;
    for (size_t j = 1; j <= b_length; j++) {
      size_t replaced = above[j - 1] + !is_same(a[i - 1], b[j - 1]);
      row[j] = least(replaced, least(above[j], row[j - 1]) + 1);
      bool is_swapped = i > 1 && j > 1 && is_same(a[i - 1], b[j - 2]) && is_same(a[i - 2], b[j - 1]);
      if (is_swapped) row[j] = least(row[j], two_above[j - 2] + 1);
    }
  }
  return rows[a_length % 3][b_length];
}

void consider(const char *known, void *context) {
  struct nearest *nearest = context;
  size_t length = strlen(nearest->word), known_length = strlen(known);
  /* Every word differs from one of a single character by a single difference. */
  if (length < 2 || length >= NAME_SIZE || known_length >= NAME_SIZE) return;
  if (strncmp(known, nearest->word, length) == 0) {
    nearest->begun++;
    strcpy(nearest->longer, known);
  }
  size_t apart = length < known_length ? known_length - length : length - known_length;
  if (apart > nearest->fewest) return;
  size_t distance = differences(nearest->word, length, known, known_length);
  if (distance > nearest->fewest || (distance == nearest->fewest && nearest->best[0] != 0)) return;
  nearest->fewest = distance;
  strcpy(nearest->best, known);
}

const char *nearest_word(const struct nearest *nearest) {
  if (nearest->begun == 1) return nearest->longer;
  return nearest->best[0] == 0 ? NULL : nearest->best;
}
