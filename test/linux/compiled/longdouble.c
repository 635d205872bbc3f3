/** long double and complex numbers. What the CPU may compute in more than one way is shown with 15 digits. */
#include "report.h"
#include <complex.h>
#include <fenv.h>
#include <math.h>

static long double some(void) { return (long double)(int64_t)next() * ldexpl(1, (int)below(120) - 120); }

static void arithmetic(void) {
  long double x = some(), y = some(), z = x * y;
  printf("%La %La %La %La %La\n", x + y, x - y, z, x / y, fmal(x, y, -z));
  printf("%La %La %La %La %La\n", sqrtl(fabsl(x)), fmodl(x, y), remainderl(y, x), floorl(x), rintl(y * 100));
  int exponent, quotient;
  long double mantissa = frexpl(x, &exponent), rest = remquol(x, y, &quotient), whole, part = modfl(y * 1000, &whole);
  printf("%La %d %La %d %La %La %d\n", mantissa, exponent, rest, quotient & 7, whole, part, ilogbl(y));
  printf("%La %La %La %d%d%d\n", copysignl(x, y), nextafterl(x, y), scalbnl(x, 9), x < y, islessgreater(x, y), signbit(x) != 0);
}

static void conversions(void) {
  long double x = some() * 1000;
  double d = (double)x;
  float f = (float)x;
  printf("%a %a %lld %d %d %lu\n", d, (double)f, (long long)x, (int)fmodl(x, 1e9L), (short)fmodl(x, 3e4L), (unsigned long)fabsl(x));
  printf("%La %La %La %La\n", (long double)d, (long double)f, (long double)(int64_t)next(), (long double)next());
  __int128 wide = (__int128)(x * 1e12L);
  printf("%lld %llu %La\n", (long long)(wide >> 64), (unsigned long long)wide, (long double)wide);
}

static void transcendental(void) {
  long double x = some(), y = fabsl(some()) + 0.001L;
  long double results[] = {sinl(x),  cosl(x),       tanl(x),    atanl(x), asinl(fmodl(x, 1)), atan2l(x, y), expl(x / 1e18L), expm1l(y / 1e19L),
                           logl(y),  log2l(y),      log10l(y),  log1pl(y), powl(y, 0.7L),      sinhl(x / 1e18L), tanhl(x),   cbrtl(x),
                           hypotl(x, y), exp2l(fmodl(x, 60)), erfl(x), lgammal(y)};
  for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) printf("%.15Lg ", results[i]);
  printf("\n");
}

static void complex_numbers(void) {
  long double complex x = some() + some() * I, y = some() + some() * I, z = x * y, q = x / y, s = x + conjl(y);
  double complex xd = fraction() + fraction() * I, yd = fraction() + fraction() * I, zd = xd * yd, qd = xd / yd;
  float complex xf = (float complex)xd, yf = (float complex)yd, zf = xf * yf, qf = xf / yf;
  printf("%La %La %La %La %La %La\n", creall(z), cimagl(z), creall(q), cimagl(q), creall(s), cimagl(s));
  printf("%a %a %a %a %a %a %a %a\n", creal(zd), cimag(zd), creal(qd), cimag(qd), (double)crealf(zf), (double)cimagf(zf), (double)crealf(qf), (double)cimagf(qf));
  long double complex u = x / 1e19L;
  long double complex results[] = {csqrtl(x), cexpl(u), clogl(x), cpowl(u, 0.3L), csinl(u), ccosl(u), catanl(u), ctanhl(u)};
  for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) printf("%.14Lg %.14Lg ", creall(results[i]), cimagl(results[i]));
  printf("%.15Lg %.15Lg\n", cabsl(x), cargl(y));
}

int main(int argc, char **argv) {
  static const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
  begin(argc, argv);
  for (int i = 0; i < 40; i++) {
    fesetround(modes[i & 3]);
    feclearexcept(FE_ALL_EXCEPT);
    arithmetic();
    conversions();
    fesetround(FE_TONEAREST);
    transcendental();
    complex_numbers();
  }
  return 0;
}
