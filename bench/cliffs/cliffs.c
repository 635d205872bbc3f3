/*
 * Small loops, each around one kind of operation or of operand that emulators may be slow at:
 *
 *     cliffs NAME COUNT     runs a loop for COUNT iterations and prints a checksum
 *     cliffs all N          runs them all, for N thousandths of their usual number of iterations
 *     cliffs                prints the names and the usual numbers
 *
 * Loops of features that the processor lacks are left out.
 *
 * A program for Linux, to be run natively and by emulators alike: see compare.mjs.
 */
#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef float f32x4 __attribute__((vector_size(16)));
typedef double f64x2 __attribute__((vector_size(16)));
typedef float f32x8 __attribute__((vector_size(32)));
typedef double f64x4 __attribute__((vector_size(32)));

static unsigned char bytes[1 << 16] __attribute__((aligned(4096)));

static void set_mxcsr(unsigned value) { __asm__ volatile("ldmxcsr %0" : : "m"(value)); }

static uint64_t bits(double x)
{
    uint64_t b;
    memcpy(&b, &x, 8);
    return b;
}

#define NEAREST 0x1f80
#define INEXACT 0x1fa0 /* PE is already set */
#define DOWN 0x3fa0
#define FLUSH 0x9fe0 /* FTZ and DAZ */

/* COUNT times four scalar or packed instructions with the same operands. */
#define REPEAT_SSE(name, type, instruction, mxcsr, first, second)                                                     \
    static uint64_t name(long n)                                                                                      \
    {                                                                                                                 \
        type x = first, y = second, r = x, s = x;                                                                     \
        set_mxcsr(mxcsr);                                                                                             \
        for (long i = 0; i < n; i++)                                                                                  \
            __asm__ volatile("movaps %2, %0\n" instruction " %3, %0\n"                                                \
                             "movaps %2, %1\n" instruction " %3, %1\n"                                                \
                             "movaps %2, %0\n" instruction " %3, %0\n"                                                \
                             "movaps %2, %1\n" instruction " %3, %1"                                                  \
                             : "=&x"(r), "=&x"(s) : "x"(x), "x"(y));                                                  \
        set_mxcsr(NEAREST);                                                                                           \
        uint64_t b = 0;                                                                                               \
        memcpy(&b, &r, 8);                                                                                            \
        return b;                                                                                                     \
    }

REPEAT_SSE(exact_mulps, f32x4, "mulps", NEAREST, ((f32x4){3, 5, 7, 9}), ((f32x4){2, 4, 6, 8}))
REPEAT_SSE(exact_mulpd, f64x2, "mulpd", NEAREST, ((f64x2){3, 5}), ((f64x2){2, 4}))
REPEAT_SSE(exact_divpd, f64x2, "divpd", NEAREST, ((f64x2){6, 20}), ((f64x2){2, 4}))
REPEAT_SSE(exact_sqrtpd, f64x2, "sqrtpd", NEAREST, ((f64x2){6, 20}), ((f64x2){9, 16}))
REPEAT_SSE(exact_addpd, f64x2, "addpd", NEAREST, ((f64x2){6, 20}), ((f64x2){9, 16}))
REPEAT_SSE(exact_addsd, double, "addsd", NEAREST, 6, 9)
REPEAT_SSE(exact_mulsd, double, "mulsd", NEAREST, 6, 9)
REPEAT_SSE(exact_divsd, double, "divsd", NEAREST, 6, 3)
REPEAT_SSE(inexact_mulpd, f64x2, "mulpd", INEXACT, ((f64x2){1.1, 1.3}), ((f64x2){1.7, 1.9}))
REPEAT_SSE(denormal_addsd, double, "addsd", NEAREST, 4e-310, 5e-310)
REPEAT_SSE(denormal_mulsd, double, "mulsd", NEAREST, 4e-310, 0.3)
REPEAT_SSE(denormal_addps, f32x4, "addps", NEAREST, ((f32x4){1e-40f, 2e-40f, 3, 4}), ((f32x4){1e-39f, 2, 3, 4}))
REPEAT_SSE(nan_addsd, double, "addsd", NEAREST, __builtin_nan(""), 1.5)
REPEAT_SSE(nan_mulpd, f64x2, "mulpd", NEAREST, ((f64x2){1, __builtin_nan("")}), ((f64x2){1, 2}))
REPEAT_SSE(nan_comisd, double, "ucomisd", NEAREST, __builtin_nan(""), 1.5)
REPEAT_SSE(nan_cmppd, f64x2, "cmpltpd", NEAREST, ((f64x2){1, __builtin_nan("")}), ((f64x2){1, 2}))
REPEAT_SSE(nan_minsd, double, "minsd", NEAREST, __builtin_nan(""), 1.5)
REPEAT_SSE(infinity_addsd, double, "addsd", NEAREST, __builtin_inf(), 1.5)
REPEAT_SSE(infinity_divsd, double, "divsd", NEAREST, 1.5, __builtin_inf())
REPEAT_SSE(flush_mulsd, double, "mulsd", FLUSH, 1.1, 1.3)
REPEAT_SSE(flush_addps, f32x4, "addps", FLUSH, ((f32x4){1e-40f, 2e-40f, 3, 4}), ((f32x4){1e-39f, 2, 3, 4.7f}))
REPEAT_SSE(down_addsd, double, "addsd", DOWN, 1.1, 1.7)
REPEAT_SSE(down_mulsd, double, "mulsd", DOWN, 1.1, 1.7)
REPEAT_SSE(down_divpd, f64x2, "divpd", DOWN, ((f64x2){1.1, 1.3}), ((f64x2){1.7, 1.9}))
REPEAT_SSE(down_sqrtsd, double, "sqrtsd", DOWN, 1.1, 1.7)
REPEAT_SSE(down_cvtsd2ss, double, "cvtsd2ss", DOWN, 1.1, 1.7)
REPEAT_SSE(down_cvtpd2dq, f64x2, "cvtpd2dq", DOWN, ((f64x2){1.1, 1.3}), ((f64x2){1.7, 1.9}))
REPEAT_SSE(large_cvttps2dq, f32x4, "cvttps2dq", NEAREST, ((f32x4){1, 2, 3, 4}), ((f32x4){1e20f, 2, 3, 4}))
/* The estimates themselves differ from CPU to CPU. */
REPEAT_SSE(estimate_rcpps, f32x4, "rcpps", NEAREST, ((f32x4){3, 5, 7, 9}), ((f32x4){2, 4, 6, 8}))
REPEAT_SSE(estimate_rsqrtps, f32x4, "rsqrtps", NEAREST, ((f32x4){3, 5, 7, 9}), ((f32x4){2, 4, 6, 8}))

static uint64_t rcpps(long n) { return estimate_rcpps(n) >> 63; }
static uint64_t rsqrtps(long n) { return estimate_rsqrtps(n) >> 63; }

/* COUNT times four instructions of the form z := f(x, y, z), with the same operands, of vectors of 256 bits or of scalars. */
#define REPEAT_VEX(name, type, instruction, registers, mxcsr, first, second, third)                                   \
    static uint64_t name(long n)                                                                                      \
    {                                                                                                                 \
        type x = first, y = second, z = third, r = z;                                                                 \
        set_mxcsr(mxcsr);                                                                                             \
        for (long i = 0; i < n; i++)                                                                                  \
            __asm__ volatile("vmovups %1, %%ymm1\n vmovups %2, %%ymm2\n vmovups %3, %%ymm3\n"                         \
                             "vmovaps %%ymm3, %%ymm4\n" instruction " %%" registers "1, %%" registers "2, %%"         \
                             registers "4\n vmovaps %%ymm3, %%ymm5\n" instruction " %%" registers "1, %%" registers   \
                             "2, %%" registers "5\n vmovaps %%ymm3, %%ymm4\n" instruction " %%" registers "1, %%"    \
                             registers "2, %%" registers "4\n vmovaps %%ymm3, %%ymm5\n" instruction " %%" registers  \
                             "1, %%" registers "2, %%" registers "5\n vmovups %%ymm5, %0\n vzeroupper"              \
                             : "=m"(r)                                                                                \
                             : "m"(x), "m"(y), "m"(z)                                                                 \
                             : "xmm1", "xmm2", "xmm3", "xmm4", "xmm5");                                               \
        set_mxcsr(NEAREST);                                                                                           \
        uint64_t b = 0;                                                                                               \
        memcpy(&b, &r, 8);                                                                                            \
        return b;                                                                                                     \
    }

#define SINGLES(k) ((f32x8){1.1f * k, 1.3f * k, 1.7f * k, 1.9f * k, 2.1f * k, 2.3f * k, 2.7f * k, 2.9f * k})
#define DOUBLES(k) ((f64x4){1.1 * k, 1.3 * k, 1.7 * k, 1.9 * k})
#define WHOLE_SINGLES(k) ((f32x8){1 * k, 2 * k, 3 * k, 4 * k, 5 * k, 6 * k, 7 * k, 8 * k})
#define WHOLE_DOUBLES(k) ((f64x4){1 * k, 2 * k, 3 * k, 4 * k})

REPEAT_VEX(fma_sd, f64x4, "vfmadd231sd", "xmm", INEXACT, DOUBLES(1), DOUBLES(3), DOUBLES(5))
REPEAT_VEX(fma_ss, f32x8, "vfmadd231ss", "xmm", INEXACT, SINGLES(1), SINGLES(3), SINGLES(5))
REPEAT_VEX(fma_pd, f64x4, "vfmadd231pd", "ymm", INEXACT, DOUBLES(1), DOUBLES(3), DOUBLES(5))
REPEAT_VEX(fma_ps, f32x8, "vfmadd231ps", "ymm", INEXACT, SINGLES(1), SINGLES(3), SINGLES(5))
REPEAT_VEX(exact_fma_pd, f64x4, "vfmadd231pd", "ymm", NEAREST, WHOLE_DOUBLES(1), WHOLE_DOUBLES(3), WHOLE_DOUBLES(5))
REPEAT_VEX(exact_fma_ps, f32x8, "vfmadd231ps", "ymm", NEAREST, WHOLE_SINGLES(1), WHOLE_SINGLES(3), WHOLE_SINGLES(5))
REPEAT_VEX(down_fma_pd, f64x4, "vfmadd231pd", "ymm", DOWN, DOUBLES(1), DOUBLES(3), DOUBLES(5))
REPEAT_VEX(denormal_fma_pd, f64x4, "vfmadd231pd", "ymm", INEXACT, DOUBLES(1e-310), DOUBLES(3), DOUBLES(5))
REPEAT_VEX(nan_fma_pd, f64x4, "vfmadd231pd", "ymm", INEXACT, DOUBLES(__builtin_nan("")), DOUBLES(3), DOUBLES(5))

/* A product of matrices by fused multiplication. */
__attribute__((target("avx2,fma"))) static uint64_t fma_matmul(long n)
{
    static float a[64][64], b[64][64], c[64][64];
    for (int i = 0; i < 64; i++)
        for (int j = 0; j < 64; j++)
            a[i][j] = (i * 7 + j) % 11 * 0.1f, b[i][j] = (i + j * 5) % 13 * 0.3f;
    for (long round = 0; round < n; round++)
        for (int i = 0; i < 64; i++)
            for (int k = 0; k < 64; k++)
                for (int j = 0; j < 64; j += 8)
                    _mm256_storeu_ps(&c[i][j], _mm256_fmadd_ps(_mm256_set1_ps(a[i][k]), _mm256_loadu_ps(&b[k][j]),
                                                               _mm256_loadu_ps(&c[i][j])));
    return bits(c[5][7]);
}

/* Singles to half precision and back, in the rounding mode of MXCSR. */
__attribute__((target("avx2,f16c"))) static uint64_t halves(long n)
{
    static float x[1024];
    static uint16_t h[1024];
    for (int i = 0; i < 1024; i++) x[i] = 1.0f / (i + 1);
    for (long round = 0; round < n; round++)
        for (int i = 0; i < 1024; i += 8) {
            _mm_storeu_si128((__m128i *)(h + i), _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_CUR_DIRECTION));
            __m256 v = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(h + i)));
            _mm256_storeu_ps(x + i, _mm256_mul_ps(v, _mm256_set1_ps(x[i] < 1e-3f ? 700.3f : 0.7f)));
        }
    return bits(x[77]);
}

/* Integers and singles in vectors of 256 bits. */
__attribute__((target("avx2"))) static uint64_t avx2_integers(long n)
{
    uint64_t sums[4];
    __m256i sum = _mm256_setzero_si256();
    for (unsigned i = 0; i < sizeof bytes; i++) bytes[i] = i * 37 >> 3;
    for (long round = 0; round < n; round++)
        for (unsigned i = 0; i < 4096; i += 32) {
            __m256i v = _mm256_loadu_si256((const __m256i *)(bytes + i));
            sum = _mm256_add_epi32(_mm256_xor_si256(sum, _mm256_slli_epi32(v, 3)), _mm256_mullo_epi16(v, sum));
            sum = _mm256_max_epu8(_mm256_shuffle_epi8(sum, v), _mm256_permute4x64_epi64(sum, 0x4e));
        }
    _mm256_storeu_si256((__m256i *)sums, sum);
    return sums[0] ^ sums[1] ^ sums[2] ^ sums[3];
}

__attribute__((target("avx2"))) static uint64_t avx2_singles(long n)
{
    static float x[1024];
    __m256 sum = _mm256_setzero_ps();
    for (int i = 0; i < 1024; i++) x[i] = 1.0f / (i + 1);
    for (long round = 0; round < n; round++)
        for (int i = 0; i < 1024; i += 8) {
            __m256 v = _mm256_loadu_ps(x + i);
            sum = _mm256_add_ps(_mm256_mul_ps(sum, v), _mm256_max_ps(v, _mm256_sub_ps(v, sum)));
        }
    return bits(_mm256_cvtss_f32(sum));
}

/* A product of matrices of whole numbers, which is exact. */
static uint64_t exact_matmul(long n)
{
    static double a[64][64], b[64][64], c[64][64];
    for (int i = 0; i < 64; i++)
        for (int j = 0; j < 64; j++)
            a[i][j] = (i * 7 + j) % 11, b[i][j] = (i + j * 5) % 13;
    for (long round = 0; round < n; round++)
        for (int i = 0; i < 64; i++)
            for (int k = 0; k < 64; k++)
                for (int j = 0; j < 64; j++)
                    c[i][j] += a[i][k] * b[k][j];
    return bits(c[5][7]);
}

/* Numbers that decay until they are denormal. */
static uint64_t decay(long n)
{
    double x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (long i = 0; i < n; i++)
        for (int k = 0; k < 8; k++)
            x[k] = x[k] * 0.99 + 1e-320;
    return bits(x[3]);
}

static uint64_t float_to_int(long n)
{
    uint64_t sum = 0;
    double x = 0.25;
    for (long i = 0; i < n; i++) {
        long r;
        __asm__ volatile("cvtsd2si %1, %0" : "=r"(r) : "x"(x));
        sum += r;
        x += 1.5;
    }
    return sum;
}

/* Loads and stores of 8 bytes, one STRIDE after another, from FIRST on. */
#define ACCESSES(name, first, stride, mask)                                                                           \
    static uint64_t name(long n)                                                                                      \
    {                                                                                                                 \
        uint64_t sum = 0, at = first;                                                                                 \
        for (long i = 0; i < n; i++) {                                                                                \
            unsigned char *where = bytes + at;                                                                        \
            uint64_t value;                                                                                           \
            __asm__ volatile("mov (%1), %0" : "=r"(value) : "r"(where) : "memory");                                   \
            sum += value;                                                                                             \
            __asm__ volatile("mov %0, (%1)" : : "r"(sum), "r"(where) : "memory");                                     \
            at = (at + stride) & mask;                                                                                \
        }                                                                                                             \
        return sum;                                                                                                   \
    }

ACCESSES(page_crossing, 4092, 4096, 0x7fff)
ACCESSES(stride_61, 0, 61, 0x7fff)
ACCESSES(unaligned, 1, 8, 0x7ff)
ACCESSES(aligned, 0, 8, 0x7ff)

/* COUNT times an instruction of the assembler with RAX, RBX, RCX and RDX as below. */
#define REPEAT(name, code)                                                                                            \
    static uint64_t name(long n)                                                                                      \
    {                                                                                                                 \
        uint64_t sum = 0;                                                                                             \
        uint64_t memory[64] = {0x123456789abcdef, 7};                                                                 \
        register uint64_t *at __asm__("rdi") = memory;                                                                \
        for (long i = 0; i < n; i++) {                                                                                \
            uint64_t a = 0x123456789abcdef ^ i, b = (uint64_t)bytes, c = 5, d = 3;                                    \
            __asm__ volatile(code : "+a"(a), "+b"(b), "+c"(c), "+d"(d), "+r"(at) : : "memory", "cc", "rsi", "r8");    \
            sum += a + d;                                                                                             \
        }                                                                                                             \
        return sum;                                                                                                   \
    }

REPEAT(pushf_popf, "pushf\n popf")
REPEAT(popf_df, "pushf\n std\n popf")
REPEAT(rdtsc, "rdtsc\n xor %%eax, %%eax\n xor %%edx, %%edx")
REPEAT(cpuid, "xor %%eax, %%eax\n cpuid\n xor %%eax, %%eax\n xor %%edx, %%edx")
REPEAT(enter_leave, "enter $16, $0\n leave\n enter $32, $0\n leave")
REPEAT(div_128_by_64, "mov $7, %%r8d\n mov $3, %%edx\n div %%r8\n mov $2, %%edx\n div %%r8")
REPEAT(div_64_by_64, "mov $7, %%r8d\n xor %%edx, %%edx\n div %%r8\n xor %%edx, %%edx\n div %%r8")
REPEAT(div_32, "mov $7, %%r8d\n xor %%edx, %%edx\n div %%r8d\n xor %%edx, %%edx\n div %%r8d")
REPEAT(idiv_64, "mov $7, %%r8d\n cqo\n idiv %%r8\n cqo\n idiv %%r8")
REPEAT(bit_test, "bt $5, %%rax\n adc $0, %%rdx\n bts %%rcx, %%rax\n btr $9, %%rax\n btc %%rcx, %%rdx")
REPEAT(bit_test_memory, "btsq $5, (%%rdi)\n btq %%rcx, (%%rdi)\n adc $0, %%rdx\n btcq %%rcx, (%%rdi)")
REPEAT(xlat, "xlat\n xlat\n xlat\n xlat")
REPEAT(xchg, "xchg %%rax, (%%rdi)\n xchg %%rdx, %%rax\n xchg %%rdx, (%%rdi)")
REPEAT(mul_128, "mul %%rcx\n mul %%rcx\n mov %%rdx, %%rcx\n mul %%rcx")
REPEAT(imul_128, "imul %%rcx\n imul %%rcx\n mov %%rdx, %%rcx\n imul %%rcx")
REPEAT(rcl_rcr, "rcl $1, %%rax\n rcr $3, %%rdx\n rcl %%cl, %%rdx\n rcr $1, %%rax")
REPEAT(shift_mix, "shl %%cl, %%rax\n shrd %%cl, %%rax, %%rdx\n sar $3, %%rdx\n shld $7, %%rdx, %%rax\n ror %%cl, %%rax")
REPEAT(lahf_sahf, "lahf\n sahf\n lahf")
REPEAT(cmpxchg, "lock cmpxchg %%rcx, (%%rdi)\n lock xadd %%rdx, (%%rdi)")

/* x87: doubles of memory added, multiplied, divided and stored again. */
#define X87(name, code)                                                                                               \
    static uint64_t name(long n)                                                                                      \
    {                                                                                                                 \
        double x = 1.5, y = 1.25, z = 0;                                                                              \
        for (long i = 0; i < n; i++)                                                                                  \
            __asm__ volatile(code : "=m"(z) : "m"(x), "m"(y) : "st", "st(1)", "st(2)", "memory", "cc", "ax");         \
        return bits(z);                                                                                               \
    }

X87(x87_add, "fldl %1\n faddl %2\n fldl %1\n faddp\n fstpl %0")
X87(x87_mul, "fldl %1\n fmull %2\n fldl %1\n fmulp\n fstpl %0")
X87(x87_div, "fldl %1\n fdivl %2\n fld1\n fdivp\n fstpl %0")
X87(x87_int, "fildl %1\n fildl %2\n fxch\n fistpl %0\n fistpl %0")
X87(x87_compare, "fldl %1\n fldl %2\n fucomip %%st(1), %%st\n fstpl %0")
X87(x87_sqrt, "fldl %1\n fsqrt\n fstpl %0\n fldl %2\n fsqrt\n fstpl %0")
X87(x87_round, "fldl %1\n frndint\n fstpl %0\n fldl %2\n frndint\n fstpl %0")
X87(x87_scale, "fldl %2\n fldl %1\n fscale\n fstp %%st(1)\n fxtract\n fstp %%st(1)\n fstpl %0")
X87(x87_remainder, "fldl %2\n fldl %1\n fprem\n fprem1\n fstp %%st(1)\n fstpl %0")
X87(x87_examine, "fldl %1\n fxam\n fnstsw %%ax\n fstpl %0\n fldz\n fxam\n fnstsw %%ax\n fstpl %0")
X87(x87_power, "fldl %2\n fchs\n fld1\n faddp\n f2xm1\n fstpl %0")
X87(x87_log, "fldl %1\n fldl %2\n fyl2x\n fstpl %0")
X87(x87_log1, "fldl %1\n fldl %2\n fld1\n fsubrp\n fyl2xp1\n fstpl %0")
X87(x87_sine, "fldl %1\n fsin\n fstpl %0\n fldl %2\n fcos\n fstpl %0")
X87(x87_sincos, "fldl %1\n fsincos\n faddp\n fstpl %0")
X87(x87_tangent, "fldl %1\n fptan\n fstp %%st\n fstpl %0")
X87(x87_arctangent, "fldl %1\n fldl %2\n fpatan\n fstpl %0")
X87(x87_control, "fnstcw %0\n fldcw %0")

REPEAT_SSE(aes, f32x4, "aesenc", NEAREST, ((f32x4){3, 5, 7, 9}), ((f32x4){2, 4, 6, 8}))
REPEAT_SSE(aes_inverse, f32x4, "aesdec", NEAREST, ((f32x4){3, 5, 7, 9}), ((f32x4){2, 4, 6, 8}))
REPEAT_SSE(carryless, f32x4, "pclmulqdq $1,", NEAREST, ((f32x4){3, 5, 7, 9}), ((f32x4){2, 4, 6, 8}))

/* Words on MMX registers. */
static uint64_t mmx(long n)
{
    uint64_t x = 0x0123456789abcdef, y = 0x0003000500070009, z = 0;
    for (long i = 0; i < n; i++)
        __asm__ volatile("movq %1, %%mm0\n movq %2, %%mm1\n paddusw %%mm1, %%mm0\n pmullw %%mm1, %%mm0\n"
                         "punpcklbw %%mm0, %%mm1\n psrlw $3, %%mm1\n packuswb %%mm1, %%mm0\n movq %%mm0, %0"
                         : "=m"(z) : "m"(x), "m"(y) : "mm0", "mm1", "memory");
    __asm__ volatile("emms");
    return z;
}

static uint64_t long_double(long n)
{
    long double sum = 0, x = 1.1L;
    for (long i = 0; i < n; i++) {
        sum += x * i;
        x = x * 0.999L + 0.001L;
        if (sum > 1e9L) sum /= 3;
    }
    return (uint64_t)sum;
}

static int has_avx2(void) { return __builtin_cpu_supports("avx2"); }
static int has_f16c(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c"); }
static int has_fma(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

static const struct {
    const char *name;
    uint64_t (*run)(long n);
    long count;
    int (*is_supported)(void); /* without it, by every processor */
} loops[] = {
#define L(name, count) {#name, name, count, 0}
    L(exact_mulps, 10000000), L(exact_mulpd, 10000000), L(exact_divpd, 10000000), L(exact_sqrtpd, 10000000),
    L(exact_addpd, 10000000), L(exact_addsd, 10000000), L(exact_mulsd, 10000000), L(exact_divsd, 10000000),
    L(inexact_mulpd, 20000000), L(denormal_addsd, 5000000), L(denormal_mulsd, 5000000), L(denormal_addps, 5000000),
    L(nan_addsd, 5000000), L(nan_mulpd, 5000000), L(nan_comisd, 5000000), L(nan_cmppd, 5000000),
    L(nan_minsd, 5000000), L(infinity_addsd, 5000000), L(infinity_divsd, 5000000), L(flush_mulsd, 5000000),
    L(flush_addps, 5000000), L(down_addsd, 5000000), L(down_mulsd, 5000000), L(down_divpd, 5000000),
    L(down_sqrtsd, 2000000), L(down_cvtsd2ss, 5000000), L(down_cvtpd2dq, 5000000), L(large_cvttps2dq, 5000000),
    L(rcpps, 5000000), L(rsqrtps, 5000000), L(exact_matmul, 200), L(decay, 5000000), L(float_to_int, 50000000),
    L(page_crossing, 10000000), L(stride_61, 100000000), L(unaligned, 100000000), L(aligned, 100000000),
    L(pushf_popf, 10000000), L(popf_df, 10000000), L(rdtsc, 10000000), L(cpuid, 2000000), L(enter_leave, 20000000),
    L(div_128_by_64, 20000000), L(div_64_by_64, 20000000), L(div_32, 20000000), L(idiv_64, 20000000),
    L(bit_test, 50000000), L(bit_test_memory, 50000000), L(xlat, 50000000), L(xchg, 50000000), L(mul_128, 50000000),
    L(imul_128, 50000000), L(rcl_rcr, 30000000), L(shift_mix, 50000000), L(lahf_sahf, 50000000), L(cmpxchg, 20000000),
    L(x87_add, 2000000), L(x87_mul, 2000000), L(x87_div, 2000000), L(x87_int, 2000000), L(x87_compare, 2000000),
    L(x87_sqrt, 2000000), L(x87_round, 2000000), L(x87_scale, 2000000), L(x87_remainder, 2000000),
    L(x87_examine, 2000000), L(x87_power, 1000000), L(x87_log, 1000000), L(x87_log1, 1000000), L(x87_sine, 1000000),
    L(x87_sincos, 1000000), L(x87_tangent, 1000000), L(x87_arctangent, 1000000), L(x87_control, 20000000), L(mmx, 20000000), L(aes, 5000000), L(aes_inverse, 5000000),
    L(carryless, 5000000), L(long_double, 2000000),
#define AVX2(name, count) {#name, name, count, has_avx2}
#define FMA(name, count) {#name, name, count, has_fma}
    FMA(fma_sd, 5000000), FMA(fma_ss, 5000000), FMA(fma_pd, 3000000), FMA(fma_ps, 3000000),
    FMA(exact_fma_pd, 5000000), FMA(exact_fma_ps, 5000000), FMA(down_fma_pd, 5000000), FMA(denormal_fma_pd, 5000000),
    FMA(nan_fma_pd, 5000000), FMA(fma_matmul, 1000), {"halves", halves, 100000, has_f16c}, AVX2(avx2_integers, 200000), AVX2(avx2_singles, 200000),
};

int main(int argc, char **argv)
{
    for (unsigned i = 0; i < sizeof loops / sizeof *loops; i++) {
        if (loops[i].is_supported && !loops[i].is_supported()) continue;
        if (argc < 3) printf("%s %ld\n", loops[i].name, loops[i].count);
        else if (strcmp(argv[1], "all") == 0)
            printf("%s %016llx\n", loops[i].name,
                   (unsigned long long)loops[i].run(loops[i].count / 1000 * atol(argv[2]) + 1));
        else if (strcmp(argv[1], loops[i].name) == 0)
            return printf("%016llx\n", (unsigned long long)loops[i].run(atol(argv[2]))) < 0;
    }
    return argc < 3 || strcmp(argv[1], "all") == 0 ? 0 : 2;
}
