/* An assertion that does not hold. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

void bd0_assertion_failed(const char *condition, const char *file, int line, const char *function) {
  fprintf(stderr, "%s:%d: %s: Assertion `%s' failed.\n", file, line, function, condition);
  abort();
}
