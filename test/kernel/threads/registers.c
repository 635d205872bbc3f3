/*
 * Threads that hold a value of their own in every register, for longer than their time slices, and look whether it is
 * still there: general registers, status flags, all that FXSAVE stores, and the base of FS.
 */
#include <bd0.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { THREADS = 5, GENERAL = 14, TURNS = 1500000 };
enum { FCW = 0, ST = 32, MXCSR = 24, XMM = 160, XMM_END = 416 }; /* SDM Vol. 1 10.5.1, the FXSAVE area */

/* What a thread puts into its registers, and what it found in them afterwards. */
struct registers {
  uint64_t general[GENERAL]; /* rax rbx rdx rsi rdi rbp r8 to r15; rcx counts */
  uint64_t flags;
  uint64_t unused;
  uint8_t extended[512];
} __attribute__((aligned(16)));
_Static_assert(offsetof(struct registers, flags) == 112, "the offsets in `hold`");
_Static_assert(offsetof(struct registers, extended) == 128, "the offsets in `hold`");

static _Thread_local struct registers before, after;

/* Fills all registers from `put`, counts down without touching a flag, and stores them at `found`. The pointers are kept
   on the stack meanwhile. */
void hold(const struct registers *put, struct registers *found, uint64_t turns);
__asm__(
    ".text\n"
    "hold:\n"
    "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "push %rsi; push %rdi; push %rdx\n"
    "mov %rdi, %rax\n"
    "fxrstor 128(%rax)\n"
    "mov 8(%rax), %rbx; mov 16(%rax), %rdx; mov 24(%rax), %rsi; mov 32(%rax), %rdi; mov 40(%rax), %rbp\n"
    "mov 48(%rax), %r8; mov 56(%rax), %r9; mov 64(%rax), %r10; mov 72(%rax), %r11; mov 80(%rax), %r12\n"
    "mov 88(%rax), %r13; mov 96(%rax), %r14; mov 104(%rax), %r15\n"
    "pushq 112(%rax); popfq\n"
    "mov (%rsp), %rcx; mov (%rax), %rax\n"
    "1: lea -1(%rcx), %rcx; jrcxz 2f; jmp 1b\n"
    "2: mov 16(%rsp), %rcx; mov %rax, (%rcx)\n"
    "pushfq; popq 112(%rcx)\n"
    "mov %rbx, 8(%rcx); mov %rdx, 16(%rcx); mov %rsi, 24(%rcx); mov %rdi, 32(%rcx); mov %rbp, 40(%rcx)\n"
    "mov %r8, 48(%rcx); mov %r9, 56(%rcx); mov %r10, 64(%rcx); mov %r11, 72(%rcx); mov %r12, 80(%rcx)\n"
    "mov %r13, 88(%rcx); mov %r14, 96(%rcx); mov %r15, 104(%rcx)\n"
    "fxsave 128(%rcx)\n"
    "add $24, %rsp\n"
    "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "ret\n");

static int body(void *argument) {
  uint64_t seed = (uint64_t)argument;
  for (int i = 0; i < GENERAL; i++) before.general[i] = (seed * 1000 + (uint64_t)i) * 0x9e3779b97f4a7c15;
  before.flags = 0x202 | (seed & 1) | (seed & 2) << 5 | (seed & 4) << 9; /* CF, ZF, OF */
  __asm__("fxsave %0" : "=m"(before.extended));
  for (int i = XMM; i < XMM_END; i++) before.extended[i] = (uint8_t)(seed * 77 + (uint64_t)i * 13);
  for (int i = 0; i < 8; i++) before.extended[ST + 16 * i] = (uint8_t)(seed + (uint64_t)i);
  uint32_t mxcsr = 0x1f80 | (uint32_t)(seed % 4) << 13;               /* rounding */
  uint16_t control_word = (uint16_t)(0x37f ^ (seed % 4) << 10);       /* rounding */
  memcpy(before.extended + MXCSR, &mxcsr, sizeof mxcsr);
  memcpy(before.extended + FCW, &control_word, sizeof control_word);
  after = before; /* FXSAVE leaves some bytes as they are */
  memset(after.extended, 0xee, XMM_END);
  hold(&before, &after, TURNS);
  return memcmp(&before, &after, sizeof before) == 0 ? (int)seed : 1000;
}

int main(void) {
  int64_t threads[THREADS];
  int wrong = 0;
  for (int i = 0; i < THREADS; i++) threads[i] = bd0_thread_spawn(body, (void *)(uint64_t)(i + 1), 65536);
  for (int i = 0; i < THREADS; i++) wrong += bd0_thread_join((uint64_t)threads[i], BD0_FOREVER) != i + 1;
  printf("%d threads, %d with other registers than their own\n", THREADS, wrong);
  return wrong;
}
