/* Prints the signals that keys of a terminal send, and ends itself after the third. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void on_key(int number) {
  char line[] = "signal 0\n";
  line[7] += number;
  if (write(1, line, sizeof line - 1) < 0) _exit(99);
}

int main(void) {
  signal(SIGINT, on_key);
  signal(SIGQUIT, on_key);
  if (write(1, "ready\n", 6) != 6) return 99;
  for (int i = 0; i < 3; i++) pause();
  kill(getpid(), SIGTERM);
  return 0;
}
