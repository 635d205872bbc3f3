/*
 * float-exceptions SEED: loops of SSE and AVX instructions on edge values and ordinary ones, in every mode of MXCSR, with exceptions
 * unmasked. A handler of SIGFPE notes what it sees and masks them, so that the instruction runs again. Prints for each
 * instruction how many signals came and a hash of all that was seen.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

enum { MXCSR = 24, XMM = 160, XSTATE_BV = 512, YMM_HIGH = 576, VECTORS = 3, XSTATE_AVX = 4, ALL_MASKED = 0x1f80 };

/* What an instruction works on: XMM0 to XMM2 or YMM0 to YMM2, and RAX; MXCSR before and after it. */
struct operands {
    unsigned char vectors[VECTORS][32];
    uint64_t rax;
    uint32_t before, after;
} __attribute__((aligned(32)));

static uint64_t hash, state;
static long signals;
static int loads_ymm;

static void note(const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    while (length--) hash = (hash ^ *at++) * 1099511628211ull;
}

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    ucontext_t *user = context;
    unsigned char *image = (unsigned char *)user->uc_mcontext.fpregs;
    uint32_t mxcsr;
    uint64_t components = 0;
    signals++;
    memcpy(&mxcsr, image + MXCSR, 4);
    note(&number, 4);
    note(&info->si_code, 4);
    note(&mxcsr, 4);
    note((void *)user->uc_mcontext.gregs[REG_RIP], 4);
    note(image + XMM, 16 * VECTORS);
    if (loads_ymm) memcpy(&components, image + XSTATE_BV, 8);
    if (components & XSTATE_AVX) note(image + YMM_HIGH, 16 * VECTORS);
    mxcsr = (mxcsr | ALL_MASKED) & ~0x3fu;
    memcpy(image + MXCSR, &mxcsr, 4);
}

#define RUN(name, load, code, save)                                                                                    \
    static void name(struct operands *o, long n)                                                                       \
    {                                                                                                                  \
        for (long i = 0; i < n; i++)                                                                                   \
            __asm__ volatile(load " 0(%0), %%" REGISTER "0\n" load " 32(%0), %%" REGISTER "1\n" load " 64(%0), %%" REGISTER  \
                                  "2\n xor %%eax, %%eax\n ldmxcsr 104(%0)\n" code "\n stmxcsr 108(%0)\n mov %%rax, 96(%0)\n"  \
                                  load " %%" REGISTER "0, 0(%0)\n" save                                                \
                             : : "r"(o) : "rax", "xmm0", "xmm1", "xmm2", "memory", "cc");                              \
    }

#define REGISTER "xmm"
RUN(addsd, "movups", "addsd %%xmm1, %%xmm0", "")
RUN(mulss, "movups", "mulss %%xmm1, %%xmm0", "")
RUN(divpd, "movups", "divpd %%xmm1, %%xmm0", "")
RUN(subps, "movups", "subps %%xmm1, %%xmm0", "")
RUN(sqrtps, "movups", "sqrtps %%xmm1, %%xmm0", "")
RUN(minsd, "movups", "minsd %%xmm1, %%xmm0", "")
RUN(cmpltps, "movups", "cmpltps %%xmm1, %%xmm0", "")
RUN(comisd, "movups", "comisd %%xmm1, %%xmm0\n seta %%al", "")
RUN(cvtsd2si, "movups", "cvtsd2si %%xmm0, %%rax", "")
RUN(cvttps2dq, "movups", "cvttps2dq %%xmm1, %%xmm0", "")
RUN(cvtpd2ps, "movups", "cvtpd2ps %%xmm1, %%xmm0", "")
RUN(cvtss2sd, "movups", "cvtss2sd %%xmm1, %%xmm0", "")
RUN(mulpd_memory, "movups", "movups 32(%0), %%xmm1\n mulpd 64(%0), %%xmm0", "")
#undef REGISTER
#define REGISTER "ymm"
RUN(vaddps, "vmovups", "vaddps %%ymm1, %%ymm0, %%ymm0", "vzeroupper")
RUN(vdivpd, "vmovups", "vdivpd 32(%0), %%ymm0, %%ymm0", "vzeroupper")
RUN(vsqrtpd, "vmovups", "vsqrtpd %%ymm1, %%ymm0", "vzeroupper")
RUN(vcmpps, "vmovups", "vcmpps $0x1b, %%ymm1, %%ymm0, %%ymm0", "vzeroupper")
RUN(vcvtpd2dq, "vmovups", "vcvtpd2dq %%ymm1, %%xmm0", "vzeroupper")
RUN(vroundps, "vmovups", "vroundps $4, %%ymm1, %%ymm0", "vzeroupper")
RUN(vdpps, "vmovups", "vdpps $0xff, %%ymm1, %%ymm0, %%ymm0", "vzeroupper")
RUN(vhaddpd, "vmovups", "vhaddpd %%ymm1, %%ymm0, %%ymm0", "vzeroupper")
RUN(vmulsd, "vmovups", "vmulsd %%xmm1, %%xmm0, %%xmm0", "vzeroupper")
RUN(vfmaddps, "vmovups", "vfmadd213ps %%ymm2, %%ymm1, %%ymm0", "vzeroupper")
RUN(vfnmaddsd, "vmovups", "vfnmadd231sd %%xmm2, %%xmm1, %%xmm0", "vzeroupper")

static const struct {
    const char *name;
    void (*run)(struct operands *o, long n);
    int needs;
    int nan_varies; /* which of several NaNs gets into which element depends on the CPU: SDM Vol. 2A "DPPS" */
} instructions[] = {
#define I(name, needs) {#name, name, needs, 0}
    I(addsd, 0), I(mulss, 0), I(divpd, 0), I(subps, 0), I(sqrtps, 0), I(minsd, 0), I(cmpltps, 0), I(comisd, 0),
    I(cvtsd2si, 0), I(cvttps2dq, 0), I(cvtpd2ps, 0), I(cvtss2sd, 0), I(mulpd_memory, 0), I(vaddps, 1), I(vdivpd, 1),
    I(vsqrtpd, 1), I(vcmpps, 1), I(vcvtpd2dq, 1), I(vroundps, 1), {"vdpps", vdpps, 1, 1}, I(vhaddpd, 1), I(vmulsd, 1),
    I(vfmaddps, 2), I(vfnmaddsd, 2),
};

static const uint64_t DOUBLES[] = {0, 1ull << 63, 0x3ff0000000000000, 0xbff8000000000001, 1, 0x000fffffffffffff,
    0x0010000000000000, 0x7fefffffffffffff, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000001,
    0x7ff0000000000001, 0x43e0000000000000, 0x36a0000000000000, 0x47efffffffffffff, 0x3fd5555555555555};
static const uint32_t SINGLES[] = {0, 1u << 31, 0x3f800000, 0xbfc00001, 1, 0x007fffff, 0x00800000, 0x7f7fffff,
    0x7f800000, 0xff800000, 0x7fc00001, 0x7f800001, 0x4b800001, 0x4f000000, 0xcf000001, 0x3eaaaaab};

/* A double or two singles: about 1, or an edge value. */
static uint64_t number(int is_tame)
{
    uint64_t chance = next();
    if (is_tame && (chance & 1)) return 0x3ff0000000000000 | (chance >> 8 & 15) << 48;
    if (is_tame) return 0x3f8000003f800000 + ((chance >> 8 & 7) << 20) + ((chance >> 11 & 7) << 52);
    if (chance & 1) return DOUBLES[chance >> 8 & 15];
    return SINGLES[chance >> 8 & 15] | (uint64_t)SINGLES[chance >> 12 & 15] << 32;
}

/* Makes one NaN of all NaNs among singles. */
static void unite_nans(void *singles, size_t length)
{
    const uint32_t nan = 0x7fc00000;
    uint32_t bits;
    for (unsigned char *at = singles, *end = at + length; at < end; at += sizeof bits) {
        memcpy(&bits, at, sizeof bits);
        if ((bits & 0x7fffffff) > 0x7f800000) memcpy(at, &nan, sizeof nan);
    }
}

/* Masks, mode and flags. */
static uint32_t mode(int is_tame)
{
    uint64_t chance = next();
    uint32_t mxcsr = ALL_MASKED | (chance & 3) << 13;
    if (!is_tame || (chance & 4)) mxcsr ^= 1u << (7 + (chance >> 8) % 6);
    if ((chance >> 16 & 7) == 0) mxcsr &= ~(uint32_t)ALL_MASKED;
    if ((chance >> 20 & 7) == 0) mxcsr |= 0x8000;
    if ((chance >> 24 & 7) == 0) mxcsr |= 0x40;
    if ((chance >> 28 & 3) == 0) mxcsr |= chance >> 32 & 0x3f;
    return mxcsr;
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    static struct operands o;
    int seed = argc > 1 ? atoi(argv[1]) : 1;
    int level = 0;
    if (__builtin_cpu_supports("avx")) level = __builtin_cpu_supports("fma") ? 2 : 1;
    sigaction(SIGFPE, &action, 0);
    for (unsigned k = 0; k < sizeof instructions / sizeof *instructions; k++) {
        if (instructions[k].needs > level) continue;
        loads_ymm = instructions[k].needs > 0;
        hash = 14695981039346656037ull;
        signals = 0;
        state = 88172645463325252ull + 1000003ull * seed + k;
        for (int round = 0; round < 120; round++) {
            int is_tame = round % 4 != 0;
            for (int i = 0; i < 32 * VECTORS; i += 8) {
                uint64_t bits = number(is_tame);
                memcpy(o.vectors[0] + i, &bits, 8);
            }
            o.before = mode(is_tame);
            for (int left = is_tame ? 5 : 1, turns = instructions[k].nan_varies ? 1 : left; left > 0; left -= turns) {
                instructions[k].run(&o, turns);
                if (instructions[k].nan_varies) unite_nans(o.vectors[0], sizeof o.vectors[0]);
            }
            note(&o, sizeof o);
        }
        uint32_t usual = ALL_MASKED;
        __asm__ volatile("ldmxcsr %0" : : "m"(usual));
        printf("%s %ld %016llx\n", instructions[k].name, signals, (unsigned long long)hash);
    }
}
