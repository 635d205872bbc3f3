/* Waits for input with poll, lets time pass, and prints the bytes that it then reads, up to the end. */
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

int main(void) {
  struct pollfd input = {0, POLLIN, 0};
  unsigned char bytes[100];
  for (;;) {
    poll(&input, 1, -1);
    for (volatile int i = 0; i < 2000000; i++) continue;
    int length = read(0, bytes, sizeof bytes);
    if (length <= 0) return 0;
    for (int i = 0; i < length; i++) printf("%02x ", bytes[i]);
    fflush(stdout);
  }
}
