/* cat: copies the console's input to its output until the input ends. */
#include <stdio.h>

int main(void) {
  for (int byte; (byte = getchar()) != EOF;) putchar(byte);
  return 0;
}
