/* Reads that wait for so many bytes, and for so long between them: VMIN and VTIME of termios(3). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include "../say.h"

static int master, slave, tells_times;

static void nap(int milliseconds) { nanosleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000l}, NULL); }

static void set(int least, int tenths) {
  struct termios settings;
  tcgetattr(slave, &settings);
  settings.c_lflag &= ~(ICANON | ECHO);
  settings.c_cc[VMIN] = least;
  settings.c_cc[VTIME] = tenths;
  tcsetattr(slave, TCSANOW, &settings);
}

/* Types bytes, of which a digit is a nap of so many tenths of a second, and reads meanwhile. */
static void run(int least, int tenths, const char *typed, int length) {
  set(least, tenths);
  pid_t child = fork();
  if (child == 0) {
    for (; *typed; typed++)
      if (*typed >= '0' && *typed <= '9') nap((*typed - '0') * 100);
      else if (write(master, typed, 1) != 1) _exit(1);
    _exit(0);
  }
  say("%d bytes, %d tenths, of %d:", least, tenths, length);
  for (int i = 0; i < 3; i++) {
    char bytes[16] = "";
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    long count = read(slave, bytes, length);
    clock_gettime(CLOCK_MONOTONIC, &after);
    long tenth = (after.tv_sec - before.tv_sec) * 10 + (after.tv_nsec - before.tv_nsec + 50000000) / 100000000;
    say(" %ld '%s'", count, bytes);
    if (tells_times) say(" after %ld", tenth);
  }
  waitpid(child, NULL, 0);
  say("\n");
  tcflush(slave, TCIFLUSH);
}

int main(int argc, char **argv) {
  tells_times = argc > 1;
  master = posix_openpt(O_RDWR | O_NOCTTY);
  grantpt(master);
  unlockpt(master);
  slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  run(5, 4, "ab2c9de9f", 10);
  run(2, 4, "a9b1cd1ef9", 10);
  run(4, 6, "a3b3c3d3e9f9", 3);
  run(0, 3, "a9b", 10);
  run(3, 0, "a2b2cd2ef2ghi9jkl", 10);
  run(0, 0, "9a", 10);
  return 0;
}
