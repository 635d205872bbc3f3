/* at-terminal WHAT...: what programs do at a terminal. */
#include <bd0.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run(char **words);

/** Tells the lines that come, up to the end of the input. */
static int read_lines(void) {
  char line[4096];
  for (;;) {
    int64_t n = bd0_console_read(line, sizeof line, BD0_FOREVER);
    if (n == 0) break;
    if (line[n - 1] == '\n') printf("line of %d: %.*s\n", (int)n, (int)n - 1, line);
    else printf("part of %d: %.*s\n", (int)n, (int)n, line);
  }
  puts("end");
  return 0;
}

/** Tells the bytes that come, up to q. */
static int read_bytes(void) {
  unsigned char byte;
  bd0_console_mode(BD0_RAW);
  while (bd0_console_read(&byte, 1, BD0_FOREVER) == 1 && byte != 'q') printf("byte %02x\n", byte);
  return 0;
}

/** Starts this program once more, in the foreground, and tells how it ended. */
static int run_in_foreground(char **words) {
  char *arguments[8] = {"at-terminal"};
  for (int i = 0; words[i] != NULL && i < 6; i++) arguments[i + 1] = words[i];
  int64_t pid = bd0_start("at-terminal", 1 << 20, arguments, 0, 0);
  if (bd0_is_error(pid)) return 1;
  printf("%s ended: %d\n", words[0], (int)bd0_process_wait((uint64_t)pid, BD0_FOREVER));
  return 0;
}

/** Reads single keys, each of which starts something; q is the end. */
static int choose(void) {
  unsigned char key;
  bd0_console_mode(BD0_RAW);
  while (bd0_console_read(&key, 1, BD0_FOREVER) == 1 && key != 'q') {
    const char *what = key == 's' ? "spin" : key == 'l' ? "lines" : key == 'w' ? "write" : key == 'z' ? "sleep" : NULL;
    char *words[] = {(char *)what, NULL};
    if (what != NULL) run_in_foreground(words);
    else printf("key %02x\n", key);
  }
  return 0;
}

static int run(char **words) {
  const char *what = words[0];
  if (strcmp(what, "lines") == 0) return read_lines();
  if (strcmp(what, "bytes") == 0) return read_bytes();
  if (strcmp(what, "choose") == 0) return choose();
  if (strcmp(what, "run") == 0) return run_in_foreground(words + 1);
  if (strcmp(what, "sleep") == 0) return (int)bd0_sleep(UINT64_C(1) << 50);
  if (strcmp(what, "trap") == 0) *(volatile int *)UINT64_C(0x1234) = 1;
  if (strcmp(what, "poke") == 0) *(volatile char *)strtoull(words[1], NULL, 16) = 1;
  if (strcmp(what, "stuck") == 0) {
    static uint32_t word;
    bd0_wait_word(&word, 0, BD0_FOREVER);
  }
  if (strcmp(what, "exit") == 0) return atoi(words[1]);
  if (strcmp(what, "spin") == 0)
    for (volatile unsigned turns = 0;; turns++) continue;
  if (strcmp(what, "flood") == 0)
    for (unsigned i = 0;; i++) printf("%u\n", i);
  if (strcmp(what, "write") == 0)
    for (int i = 0; i < 2000; i++) printf("%d\n", i);
  return 0;
}

int main(int argc, char **argv) {
  return argc > 1 ? run(argv + 1) : 2;
}
