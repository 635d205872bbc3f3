/*
 * append N [hold]: adds N lines to what is named `log`, whoever else does; tells how often it had to begin anew. With
 * `hold`, says so and goes on for ever.
 */
#include <bd0.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Answers whether nobody else was faster. */
static int append(const char *line) {
  int64_t old = bd0_name_lookup("log");
  int64_t parts[] = {old, bd0_vmo_create(line, strlen(line))};
  int64_t new = bd0_is_error(old) ? parts[1] : bd0_vmo_concat(parts, 2);
  int64_t result = bd0_name_publish("log", new, bd0_is_error(old) ? BD0_NOTHING : old);
  bd0_vmo_close(old);
  bd0_vmo_close(parts[1]);
  bd0_vmo_close(new);
  if (result != 0 && result != -BD0_EAGAIN) exit(1);
  return result == 0;
}

int main(int argc, char **argv) {
  unsigned long lines = strtoul(argv[1], NULL, 10), again = 0;
  for (unsigned long i = 0; i < lines; i++)
    while (!append("line\n")) again++;
  printf("%lu lines, %lu times anew\n", lines, again);
  fflush(stdout);
  if (argc > 2)
    for (;;) continue;
  return 0;
}
