/** Loops that compilers make vectors of, and vectors as gcc's extensions have them. */
#include "report.h"
#include <math.h>

enum { N = 203 };

/** Loops on elements of one type; the names of the results have the type's. */
#define LOOPS(type, wider)                                                                           \
  static type x_##type[N], y_##type[N], z_##type[N];                                                 \
  static void loops_##type(void) {                                                                   \
    type *x = x_##type, *y = y_##type, *z = z_##type;                                                \
    for (int i = 0; i < N; i++) x[i] = (type)(fraction() * 100), y[i] = (type)(fraction() * 100);    \
    for (int i = 0; i < N; i++) z[i] = (type)(x[i] * 3 + y[i]);                                      \
    report(#type " linear", z, sizeof z_##type);                                                     \
    for (int i = 0; i < N; i++) z[i] = x[i] > y[i] ? x[i] : y[i];                                    \
    report(#type " greater", z, sizeof z_##type);                                                    \
    for (int i = 0; i < N; i++) z[i] = x[i] < y[i] ? (type)(y[i] - x[i]) : (type)(x[i] - y[i]);      \
    report(#type " distance", z, sizeof z_##type);                                                   \
    for (int i = 0; i < N; i++)                                                                      \
      if (x[i] != y[i]) z[i] = (type)(z[i] + (x[i] < 10 ? 1 : y[i]));                                \
    report(#type " masked", z, sizeof z_##type);                                                     \
    for (int i = 0; i < N / 2; i++) z[i] = (type)(x[2 * i] + y[2 * i + 1]), z[N - 1 - i] = x[i];     \
    report(#type " strides", z, sizeof z_##type);                                                    \
    for (int i = 0; i < N; i++) z[i] = x[(i * 37) % N];                                              \
    report(#type " gathered", z, sizeof z_##type);                                                   \
    wider sum = 0, product = 0;                                                                      \
    for (int i = 0; i < N; i++) sum = (wider)(sum + x[i]), product = (wider)(product + (wider)x[i] * y[i]); \
    type most = x[0], least = x[0];                                                                  \
    for (int i = 0; i < N; i++) most = x[i] > most ? x[i] : most, least = x[i] < least ? x[i] : least; \
    double results[] = {(double)sum, (double)product, (double)most, (double)least};                  \
    report(#type " reduced", results, sizeof results);                                               \
  }

typedef unsigned long ulong;
typedef unsigned char uchar;
typedef signed char schar;
typedef unsigned short ushort;
typedef unsigned int uint;
LOOPS(schar, int)
LOOPS(uchar, int)
LOOPS(short, int)
LOOPS(ushort, uint)
LOOPS(int, long)
LOOPS(uint, ulong)
LOOPS(long, long)
LOOPS(ulong, ulong)
LOOPS(float, float)
LOOPS(double, double)

static void mixed(void) {
  static float f[N];
  static double d[N];
  static int n[N];
  static short s[N];
  static uint8_t bytes[N];
  static int64_t wide[N];
  for (int i = 0; i < N; i++) n[i] = (int)next() >> below(20), s[i] = (short)next(), bytes[i] = (uint8_t)next();
  for (int i = 0; i < N; i++) f[i] = (float)n[i] / 3, d[i] = (double)n[i] * s[i];
  report("to floats", f, sizeof f);
  for (int i = 0; i < N; i++) d[i] = (double)f[i] + bytes[i], n[i] = (int)(f[i] / 100) + s[i];
  report("to doubles", d, sizeof d);
  report("to integers", n, sizeof n);
  for (int i = 0; i < N; i++) wide[i] = (int64_t)n[i] * s[i] + (int64_t)d[i];
  report("to longs", wide, sizeof wide);
  for (int i = 0; i < N; i++) s[i] = (short)(s[i] * 3 > 30000 ? 30000 : s[i] * 3 < -30000 ? -30000 : s[i] * 3), bytes[i] = (uint8_t)((bytes[i] + bytes[N - 1 - i] + 1) >> 1);
  report("limited", s, sizeof s);
  report("averages", bytes, sizeof bytes);
  for (int i = 0; i < N; i++) d[i] = sqrt(fabs(d[i])) + floor(d[i]) - trunc(d[i] / 7), f[i] = fabsf(f[i]) > 1000 ? sqrtf(fabsf(f[i])) : -f[i];
  report("roots", d, sizeof d);
  report("roots of floats", f, sizeof f);
  for (int i = 0; i < N; i++) n[i] = __builtin_popcount((uint)n[i]) + (n[i] >> (i & 31)) + (int)((uint)n[i] << (i & 7)), wide[i] = wide[i] >> (i & 63);
  report("shifted", n, sizeof n);
  report("shifted longs", wide, sizeof wide);
  static uint histogram[256];
  for (int i = 0; i < N; i++) histogram[bytes[i]]++;
  report("histogram", histogram, sizeof histogram);
}

typedef float v8f __attribute__((vector_size(32)));
typedef int v8i __attribute__((vector_size(32)));
typedef double v2d __attribute__((vector_size(16)));
typedef long v2l __attribute__((vector_size(16)));
typedef uint8_t v16b __attribute__((vector_size(16)));
typedef short v16s __attribute__((vector_size(32)));

/** C has no ?: for vectors: the bits of `x` where `mask` has ones, those of `y` elsewhere. */
#define CHOOSE(type, mask, x, y) ((type)(((mask) & (__typeof__(mask))(x)) | (~(mask) & (__typeof__(mask))(y))))

static void extensions(void) {
  v8f f, g;
  v8i n, m;
  v2d d, e;
  v2l l;
  v16b b, order;
  v16s s;
  for (int i = 0; i < 8; i++) f[i] = (float)fraction(), g[i] = (float)fraction(), n[i] = (int)next(), m[i] = (int)below(8);
  for (int i = 0; i < 2; i++) d[i] = fraction(), e[i] = fraction(), l[i] = (long)next();
  for (int i = 0; i < 16; i++) b[i] = (uint8_t)next(), order[i] = (uint8_t)below(16), s[i] = (short)next();
  v8f h = f * g + f / g - g, chosen = CHOOSE(v8f, f < g, h, f);
  v8i k = (n * m + (n >> 3) - (n << m)) ^ ~n, shuffled = __builtin_shuffle(n, k, m);
  v2d quotient = d / e;
  v2l compared = (d > e) & l;
  v16b mixed_bytes = __builtin_shuffle(b, order) + CHOOSE(v16b, b > order, b, order);
  v16s t = s * s - (s >> 2), u = CHOOSE(v16s, s == t, s, -t);
  v8i converted = __builtin_convertvector(h * 100, v8i);
  v8f back = __builtin_convertvector(k, v8f);
  report("floats", &chosen, sizeof chosen), report("integers", &k, sizeof k), report("shuffled", &shuffled, sizeof shuffled);
  report("quotient", &quotient, sizeof quotient), report("compared", &compared, sizeof compared);
  report("bytes", &mixed_bytes, sizeof mixed_bytes), report("shorts", &u, sizeof u);
  report("converted", &converted, sizeof converted), report("back", &back, sizeof back);
}

int main(int argc, char **argv) {
  begin(argc, argv);
  loops_schar(), loops_uchar(), loops_short(), loops_ushort(), loops_int(), loops_uint(), loops_long(), loops_ulong();
  loops_float(), loops_double();
  mixed();
  for (int i = 0; i < 8; i++) extensions();
  return 0;
}
