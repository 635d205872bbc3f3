/* stream [N] [KIB]: N passes of copy, scale, add and triad over three arrays of doubles, of KIB (16384) KiB each: more than
   caches hold. */
#include <stdio.h>
#include <stdlib.h>

static void copy(size_t n, double *restrict to, const double *restrict from) {
  for (size_t i = 0; i < n; i++) to[i] = from[i];
}

static void scale(size_t n, double *restrict to, const double *restrict from, double factor) {
  for (size_t i = 0; i < n; i++) to[i] = factor * from[i];
}

static void add(size_t n, double *restrict to, const double *restrict left, const double *restrict right) {
  for (size_t i = 0; i < n; i++) to[i] = left[i] + right[i];
}

static void triad(size_t n, double *restrict to, const double *restrict left, const double *restrict right,
                  double factor) {
  for (size_t i = 0; i < n; i++) to[i] = left[i] + factor * right[i];
}

int main(int argc, char **argv) {
  unsigned long passes = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
  size_t n = (argc > 2 ? strtoul(argv[2], NULL, 10) : 16384) * 1024 / sizeof(double);
  double *a = malloc(n * sizeof *a), *b = malloc(n * sizeof *b), *c = malloc(n * sizeof *c);
  if (a == NULL || b == NULL || c == NULL || n == 0) {
    fprintf(stderr, "stream: no room for three arrays of %zu doubles\n", n);
    return 1;
  }
  for (size_t i = 0; i < n; i++) a[i] = (double)(i % 1000) / 1000;
  for (unsigned long pass = 0; pass < passes; pass++) {
    copy(n, c, a);
    scale(n, b, c, 0.4);
    add(n, c, a, b);
    triad(n, a, b, c, 0.25);
  }
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += a[i];
  printf("%lu passes over %zu doubles, sum %.9f, last %.12f\n", passes, n, sum, a[n - 1]);
  return 0;
}
