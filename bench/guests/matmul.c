/* matmul [N]: the product of two N by N matrices of doubles, three times over. */
#include <stdio.h>
#include <stdlib.h>

/** product += left * right; the middle index runs outside, so that all memory is walked in order. */
static void multiply(size_t n, double *restrict product, const double *restrict left, const double *restrict right) {
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < n; k++) {
      double factor = left[i * n + k];
      for (size_t j = 0; j < n; j++) product[i * n + j] += factor * right[k * n + j];
    }
}

int main(int argc, char **argv) {
  size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 96;
  double *a = malloc(n * n * sizeof *a), *b = malloc(n * n * sizeof *b), *c = calloc(n * n, sizeof *c);
  if (a == NULL || b == NULL || c == NULL) {
    fprintf(stderr, "matmul: no room for three matrices of %zu by %zu\n", n, n);
    return 1;
  }
  for (size_t i = 0; i < n * n; i++) {
    a[i] = (double)(i * 7 % 97) / 97 - 0.5;
    b[i] = (double)(i * 13 % 89) / 89 - 0.5;
  }
  for (int round = 0; round < 3; round++) {
    multiply(n, c, a, b);
    for (size_t i = 0; i < n * n; i++) b[i] = c[i] / (double)n;
  }
  double trace = 0, sum = 0;
  for (size_t i = 0; i < n; i++) trace += c[i * n + i];
  for (size_t i = 0; i < n * n; i++) sum += c[i];
  printf("%zu by %zu: trace %.12f, sum %.12f, first %.12f, last %.12f\n", n, n, trace, sum, c[0], c[n * n - 1]);
  return 0;
}
