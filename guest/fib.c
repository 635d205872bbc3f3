/* fib [N]: the Nth Fibonacci number, by the recursion that defines it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/** Kept from being inlined into itself, so that it measures calls. */
static __attribute__((noinline)) uint64_t fib(unsigned n) {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

int main(int argc, char **argv) {
  unsigned n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 30;
  printf("fib(%u) = %llu\n", n, (unsigned long long)fib(n));
  return 0;
}
