/* What becomes of YMM registers in a handler, in its frame, and behind it. */
#define _GNU_SOURCE
#include <immintrin.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { MAGIC1 = 0x46505853, SOFTWARE = 464, XSTATE_BV = 512, YMM = 576, REGISTER = 7 };

static unsigned char kept[32], left[32], found[32];
static int change;

__attribute__((target("avx"))) static void handler(int number, siginfo_t *info, void *context) {
  (void)number, (void)info;
  unsigned char *area = (unsigned char *)((ucontext_t *)context)->uc_mcontext.fpregs;
  __asm__ volatile("vmovdqu %%ymm7, %0" : "=m"(found));
  unsigned magic;
  unsigned long long held;
  memcpy(&magic, area + SOFTWARE, 4);
  memcpy(&held, area + XSTATE_BV, 8);
  printf("magic %d, AVX held %d, in the frame %d, initial %d\n", magic == MAGIC1, (int)(held >> 2 & 1),
         memcmp(area + YMM + 16 * REGISTER, kept + 16, 16) == 0, memcmp(found + 16, (char[16]){0}, 16) == 0);
  if (change) memset(area + YMM + 16 * REGISTER, 0x5a, 16);
  __asm__ volatile("vpcmpeqd %%xmm7, %%xmm7, %%xmm7; vinsertf128 $1, %%xmm7, %%ymm7, %%ymm7" ::: "xmm7");
}

__attribute__((target("avx"))) static void raise_with_vectors(void) {
  long result = SYS_tgkill;
  __asm__ volatile("vmovdqu %[kept], %%ymm7\n\tsyscall\n\tvmovdqu %%ymm7, %[left]\n\tvzeroupper"
                   : "+a"(result), [left] "=m"(left)
                   : [kept] "m"(kept), "D"(getpid()), "S"(syscall(SYS_gettid)), "d"(SIGUSR1)
                   : "rcx", "r11", "memory", "xmm7");
}

int main(void) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &action, 0);
  for (int i = 0; i < 32; i++) kept[i] = 7 * i + 1;
  for (change = 0; change < 2; change++) {
    raise_with_vectors();
    for (int i = 0; i < 32; i++) printf("%02x%s", left[i], i == 31 ? "\n" : "");
  }
  return 0;
}
