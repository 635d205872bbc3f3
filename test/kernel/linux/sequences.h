/*
 * Random sequences of calls, many of them in one run of a program: argv[1] is the seed of the first one, argv[2] how many there
 * are, each in a child. argv[3] is `new` where the Linux of the host does everything as 6.13 does; sequences leave out what older
 * ones do differently.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int sequences(int argc, char **argv, int (*run)(uint64_t seed, int is_new)) {
  uint64_t seed = strtoull(argv[1], NULL, 10);
  int count = argc > 2 ? atoi(argv[2]) : 0;
  int is_new = argc > 3 && !strcmp(argv[3], "new");
  for (int fd = 3; fd < 64; fd++) close(fd);
  /* One runs in the process itself. */
  if (count == 0) return run(seed, is_new);
  for (; count > 0; count--, seed++) {
    pid_t child = fork();
    if (child == 0) exit(run(seed, is_new));
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) return 96;
    char line[64];
    int length = sprintf(line, "seed %llu: exit %d signal %d\n", (unsigned long long)seed, status >> 8, status & 0x7f);
    if (write(1, line, length) != length) return 95;
  }
  return 0;
}
