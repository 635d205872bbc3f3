/*
 * Prints the levels of x86-64 that the processor has by CPUID, and what instructions of different levels do, or which exception
 * they raise. With a number: LZCNT is executed so often.
 */
#include <cpuid.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static sigjmp_buf after;
static void on_signal(int number) { siglongjmp(after, number); }

static long times = 1;

static long lzcnt(void)
{
    long result = 0;
    for (long i = 0; i < times; i++) __asm__ volatile("lzcnt %k1, %k0" : "=r"(result) : "r"(8L));
    return result;
}

static long popcnt(void)
{
    long result;
    __asm__ volatile("popcnt %1, %0" : "=r"(result) : "r"(64L));
    return result;
}

static long fma(void)
{
    double x = 2, y = 3, z = 1;
    __asm__ volatile("movsd %1, %%xmm1\n movsd %2, %%xmm2\n movsd %0, %%xmm0\n vfmadd231sd %%xmm1, %%xmm2, %%xmm0\n"
                     "movsd %%xmm0, %0"
                     : "+m"(z)
                     : "m"(x), "m"(y)
                     : "xmm0", "xmm1", "xmm2");
    return (long)z;
}

static long aes(void)
{
    __asm__ volatile("aesimc %%xmm0, %%xmm0\n vaesimc %%xmm0, %%xmm0" : : : "xmm0");
    return 1;
}

/* The components in use: x87, SSE and AVX. */
static long in_use(void)
{
    unsigned low, high;
    __asm__ volatile("vaddps %%ymm0, %%ymm0, %%ymm0\n fldz\n xgetbv\n fstp %%st(0)" : "=a"(low), "=d"(high) : "c"(1) : "xmm0");
    return low;
}

static void show(const char *name, long (*run)(void))
{
    switch (sigsetjmp(after, 1)) {
    case 0: printf("%s %ld\n", name, run()); break;
    case SIGILL: printf("%s: #UD\n", name); break;
    default: printf("%s: #GP\n", name);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1) times = atol(argv[1]);
    signal(SIGILL, on_signal);
    signal(SIGSEGV, on_signal);
    printf("x86-64");
    if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt")) printf(" v2");
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")) printf(" v3");
    printf("\n");
    show("lzcnt", lzcnt);
    show("popcnt", popcnt);
    show("fma", fma);
    show("aes", aes);
    show("xgetbv 1", in_use);
    return 0;
}
