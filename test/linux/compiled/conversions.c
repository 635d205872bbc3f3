/** Conversions between all kinds of numbers, with their exceptions, in every rounding mode. */
#include "report.h"
#include <fenv.h>
#include <float.h>
#include <math.h>

#ifdef __FLT16_MAX__
typedef _Float16 half;
#else
typedef float half;
#endif

static const double edges[] = {0.0, -0.0, 0.5, 1.5, 2.5, -0.5, 0x1p-14, 0x1.ffcp-15, 0x1p-24, 0x1p-25, 65504, 65519.99, 65520, 0x1p-126,
                               0x1p-149, 0x1p-150, 0x1.fffffep127, 0x1.ffffffp127, 0x1p31, -0x1p31, 0x1p32, 0x1p53, 0x1p63, -0x1p63, 0x1p64,
                               2147483647.5, 4294967295.5, DBL_MAX, DBL_MIN, DBL_TRUE_MIN, HUGE_VAL, -HUGE_VAL};
enum { EDGES = sizeof edges / sizeof edges[0] };

static double some(int i) {
  if (i < EDGES) return edges[i];
  double x;
  uint64_t bits = next();
  memcpy(&x, &bits, sizeof x);
  return isnan(x) || i % 3 == 0 ? fraction() * ldexp(1, (int)below(70)) : x;
}

/** `x` if it is within the limits, so that its conversion is defined. */
static double within(double x, double low, double high) { return x > low && x < high ? x : 1.75; }

static void put_flags(void) {
  printf("%x ", fetestexcept(FE_ALL_EXCEPT));
  feclearexcept(FE_ALL_EXCEPT);
}

static void floats(volatile double *x) {
  volatile float f = (float)*x;
  put_flags();
  volatile half h = (half)*x;
  put_flags();
  volatile half hf = (half)f;
  put_flags();
  volatile long double l = (long double)*x / 3;
  volatile half hl = (half)l;
  volatile double d = (double)l;
  put_flags();
  printf("%a %a %a %a %La %a %a %a ", (double)f, (double)h, (double)hf, (double)hl, l, d, (double)(half)(h + hf), (double)(half)(h * hf));
}

static void integers(volatile double *x) {
  volatile int8_t i8 = (int8_t)within(*x, -128, 127);
  volatile int16_t i16 = (int16_t)within(*x, -32768, 32767);
  volatile int32_t i32 = (int32_t)within(*x, -0x1p31, 0x1p31);
  volatile uint32_t u32 = (uint32_t)within(*x, -1, 0x1p32);
  volatile int64_t i64 = (int64_t)within(*x, -0x1p63, 0x1p63);
  volatile uint64_t u64 = (uint64_t)within(*x, -1, 0x1p64);
  volatile __int128 i128 = (__int128)within(*x, -0x1p126, 0x1p126);
  volatile uint64_t from_float = (uint64_t)(float)within(*x, 0, 0x1p63);
  put_flags();
  printf("%d %d %d %u %lld %llu %llx %llx %llu ", i8, i16, i32, u32, (long long)i64, (unsigned long long)u64, (unsigned long long)(i128 >> 64),
         (unsigned long long)i128, (unsigned long long)from_float);
  printf("%ld %lld %ld %ld ", lrint(within(*x, -0x1p62, 0x1p62)), llround(within(*x, -0x1p62, 0x1p62)), lrintf((float)within(*x, -1e9, 1e9)), lrintl(within(*x, -0x1p62, 0x1p62)));
  put_flags();
}

static void from_integers(void) {
  volatile uint64_t u = next() >> below(64);
  volatile int64_t i = (int64_t)u - (int64_t)(u / 3) * 5;
  volatile unsigned __int128 wide = (unsigned __int128)next() << below(64);
  printf("%a %a %a %a ", (double)u, (double)i, (double)(float)u, (double)(float)i);
  printf("%a %a %La %La ", (double)(uint32_t)u, (double)(float)(int32_t)i, (long double)u, (long double)i);
  printf("%a %a %La %a %a ", (double)wide, (double)(float)wide, (long double)wide, (double)(half)(int16_t)i, (double)(half)(uint8_t)u);
  put_flags();
}

int main(int argc, char **argv) {
  static const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
  begin(argc, argv);
  for (int i = 0; i < EDGES + 60; i++)
    for (int mode = 0; mode < 4; mode++) {
      volatile double x = some(i);
      fesetround(modes[mode]);
      feclearexcept(FE_ALL_EXCEPT);
      floats(&x);
      integers(&x);
      from_integers();
      fesetround(FE_TONEAREST);
      printf("\n");
    }
  return 0;
}
