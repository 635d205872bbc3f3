/* mandelbrot [N]: the Mandelbrot set on N by N points, at most 100 turns each; prints how many points stay, and the turns. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { TURNS_MAX = 100 };

/** How often z := z^2 + c leaves z within the circle of radius 2. */
static unsigned turns_of(double re, double im) {
  double x = 0, y = 0, xx = 0, yy = 0;
  unsigned turns = 0;
  while (turns < TURNS_MAX && xx + yy <= 4) {
    y = 2 * x * y + im;
    x = xx - yy + re;
    xx = x * x;
    yy = y * y;
    turns++;
  }
  return turns;
}

int main(int argc, char **argv) {
  unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 64;
  unsigned long inside = 0;
  uint64_t turns_in_all = 0, sum = 0;
  for (unsigned long row = 0; row < n; row++)
    for (unsigned long column = 0; column < n; column++) {
      unsigned turns = turns_of(3.0 * (double)column / (double)n - 2.0, 2.5 * (double)row / (double)n - 1.25);
      inside += turns == TURNS_MAX;
      turns_in_all += turns;
      sum = sum * 31 + turns;
    }
  printf("%lu by %lu: %lu inside, %llu turns, checksum %016llx\n", n, n, inside, (unsigned long long)turns_in_all,
         (unsigned long long)sum);
  return 0;
}
