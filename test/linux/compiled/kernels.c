/** Numeric kernels on numbers of every kind. */
#include "report.h"
#include <math.h>

enum { N = 24, LENGTH = 300 };

static double a[N][N], b[N][N], c[N][N], vector[LENGTH];
static float af[N][N], bf[N][N], cf[N][N];

static void fill(void) {
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      a[i][j] = fraction(), b[i][j] = fraction();
      af[i][j] = (float)a[i][j], bf[i][j] = (float)b[i][j];
    }
  for (int i = 0; i < LENGTH; i++) vector[i] = fraction() * 100;
}

static void matrices(void) {
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      double sum = 0;
      float sumf = 0;
      for (int k = 0; k < N; k++) sum += a[i][k] * b[k][j], sumf += af[i][k] * bf[k][j];
      c[i][j] = sum, cf[i][j] = sumf;
    }
  report("product of doubles", c, sizeof c);
  report("product of floats", cf, sizeof cf);
}

/** Gauss with pivots; the determinant. */
static double determinant(void) {
  double m[N][N], result = 1;
  memcpy(m, a, sizeof m);
  for (int i = 0; i < N; i++) {
    int pivot = i;
    for (int j = i + 1; j < N; j++)
      if (fabs(m[j][i]) > fabs(m[pivot][i])) pivot = j;
    for (int k = 0; k < N; k++) {
      double other = m[i][k];
      m[i][k] = m[pivot][k], m[pivot][k] = other;
    }
    if (pivot != i) result = -result;
    result *= m[i][i];
    for (int j = i + 1; j < N; j++) {
      double factor = m[j][i] / m[i][i];
      for (int k = i; k < N; k++) m[j][k] -= factor * m[i][k];
    }
  }
  return result;
}

static int mandelbrot(double x, double y) {
  double re = 0, im = 0;
  int steps = 0;
  while (re * re + im * im < 4 && steps < 60) {
    double t = re * re - im * im + x;
    im = 2 * re * im + y, re = t, steps++;
  }
  return steps;
}

struct body {
  double x[3], v[3], mass;
};

static void bodies(void) {
  struct body all[5];
  for (int i = 0; i < 5; i++) {
    for (int k = 0; k < 3; k++) all[i].x[k] = fraction() * 10, all[i].v[k] = fraction();
    all[i].mass = 1 + below(10);
  }
  for (int step = 0; step < 60; step++) {
    for (int i = 0; i < 5; i++)
      for (int j = i + 1; j < 5; j++) {
        double d[3], square = 0.01;
        for (int k = 0; k < 3; k++) d[k] = all[i].x[k] - all[j].x[k], square += d[k] * d[k];
        double pull = 0.001 / (square * sqrt(square));
        for (int k = 0; k < 3; k++) all[i].v[k] -= d[k] * all[j].mass * pull, all[j].v[k] += d[k] * all[i].mass * pull;
      }
    for (int i = 0; i < 5; i++)
      for (int k = 0; k < 3; k++) all[i].x[k] += 0.001 * all[i].v[k];
  }
  report("bodies", all, sizeof all);
}

static void transform(double *re, double *im, int n) {
  for (int i = 1, j = 0; i < n; i++) {
    int bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      double t = re[i];
      re[i] = re[j], re[j] = t, t = im[i], im[i] = im[j], im[j] = t;
    }
  }
  for (int length = 2; length <= n; length <<= 1)
    for (int i = 0; i < n; i += length)
      for (int k = 0; k < length / 2; k++) {
        double angle = -6.283185307179586 * k / length, wr = cos(angle), wi = sin(angle);
        double *xr = &re[i + k], *xi = &im[i + k], *yr = xr + length / 2, *yi = xi + length / 2;
        double tr = *yr * wr - *yi * wi, ti = *yr * wi + *yi * wr;
        *yr = *xr - tr, *yi = *xi - ti, *xr += tr, *xi += ti;
      }
}

static void integers(void) {
  uint64_t sums[12] = {0};
  for (int i = 0; i < 2000; i++) {
    uint64_t x = next(), y = next() >> below(64), z = y | 1;
    int64_t sx = (int64_t)x, sz = (int64_t)(z >> 1 | 1);
    unsigned __int128 wide = (unsigned __int128)x * y;
    sums[0] += (uint64_t)(wide >> 64) ^ (uint64_t)wide;
    sums[1] += x / z + x % z;
    sums[2] += (uint64_t)(sx / sz ^ sx % sz);
    sums[3] += (uint64_t)(((unsigned __int128)x << 64 | y) / z);
    sums[4] += (x << (y & 63)) ^ (x >> (y & 63)) ^ (uint64_t)(sx >> (y & 63));
    sums[5] += (x << (y & 63)) | (x >> (-y & 63));
    sums[6] += (uint64_t)__builtin_popcountll(x) + (uint64_t)__builtin_ctzll(z) + (uint64_t)__builtin_clzll(z);
    sums[7] += __builtin_bswap64(x) ^ __builtin_bswap32((uint32_t)y) ^ __builtin_bswap16((uint16_t)y);
    int32_t narrow;
    sums[8] += (uint64_t)__builtin_add_overflow((int32_t)x, (int32_t)y, &narrow) + (uint32_t)narrow;
    sums[9] += (uint64_t)__builtin_mul_overflow((int32_t)x, (int32_t)y, &narrow) + (uint32_t)narrow;
    sums[10] += (uint64_t)(int8_t)x * (uint8_t)y + (uint64_t)((int16_t)x % ((int16_t)y | 1));
    sums[11] += x & -x ? (x & (x - 1)) ^ (~x & y) : 0;
  }
  report("integers", sums, sizeof sums);
}

static int ascending(const void *x, const void *y) {
  double p = *(const double *)x, q = *(const double *)y;
  return (p > q) - (p < q);
}

int main(int argc, char **argv) {
  begin(argc, argv);
  fill();
  matrices();
  printf("determinant %.17g %a\n", determinant(), determinant());
  int points = 0;
  for (int i = 0; i < 24; i++)
    for (int j = 0; j < 24; j++) points = points * 31 + mandelbrot(i / 12.0 - 1.5, j / 12.0 - 1);
  printf("mandelbrot %d\n", points);
  bodies();
  double re[64], im[64];
  for (int i = 0; i < 64; i++) re[i] = fraction(), im[i] = fraction();
  transform(re, im, 64);
  report("transform", re, sizeof re);
  integers();
  double sum = 0, product = 1, polynomial = 0, least = vector[0];
  float sumf = 0;
  for (int i = 0; i < LENGTH; i++) {
    sum += vector[i], sumf += (float)vector[i], product *= 1 + vector[i] / 1000;
    polynomial = polynomial * 0.99 + vector[i], least = fmin(least, vector[i]);
  }
  printf("sums %a %a %a %a %a\n", sum, (double)sumf, product, polynomial, least);
  qsort(vector, LENGTH, sizeof vector[0], ascending);
  report("sorted", vector, sizeof vector);
  double functions = 0;
  for (int i = 0; i < LENGTH; i++) {
    double x = vector[i];
    functions += sqrt(fabs(x)) + floor(x) - ceil(x / 3) + trunc(x * 7) + rint(x * 5) + round(x) + fmod(x, 3.7) + ldexp(x, -3);
    functions += exp(x / 50) + log(fabs(x) + 1) + pow(fabs(x), 0.3) + atan2(x, 2) + tanh(x) + cbrt(x) + hypot(x, 1) + fma(x, x, 1);
  }
  printf("functions %a\n", functions);
  return 0;
}
