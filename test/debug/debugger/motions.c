#include <bd0.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

volatile int counter;
volatile int others;
char buffer[64];

__attribute__((noinline)) int fib(int n) {
  if (n < 2)
    return n;
  int a = fib(n - 1);
  int b = fib(n - 2);
  return a + b;
}

__attribute__((noinline)) int twice(int x) {
  counter++;
  return 2 * x;
}

static int spin(void *argument) {
  for (int i = 0; i < 5000; i++)
    others += twice(i) & 1;
  return (int)(long)argument;
}

int main(int argc, char **argv) {
  int sum = 0;
  thrd_t thread;
  if (argc > 1)
    thrd_create(&thread, spin, NULL);
  for (int i = 0; i < 3; i++)
    sum += twice(i);
  sum += fib(10);
  memset(buffer, 'x', 40);
  bd0_vmo_close(bd0_vmo_create(buffer, sizeof buffer));
  puts("done");
  if (argc > 1)
    thrd_join(thread, NULL);
  if (argc > 2)
    *(volatile char *)strtoul(argv[2], NULL, 0) = 1;
  return sum & 0x7f;
}
