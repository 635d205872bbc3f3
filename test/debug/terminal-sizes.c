// Adds up the sizes that its terminal has, as it hears of them.
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

static volatile unsigned sum;

static void add(int number) {
  struct winsize size;
  (void)number;
  ioctl(1, TIOCGWINSZ, &size);
  sum = sum * 31 + size.ws_row * 1000 + size.ws_col;
}

int main(void) {
  signal(SIGWINCH, add);
  for (volatile int i = 0; i < 100000; i++)
    ;
  printf("%u\n", sum);
  return sum % 251;
}
