/*
 * One instruction on the CPU itself.
 *
 * IRETQ loads rip, rflags and rsp at once, so the instruction starts with every register as asked. It ends in an
 * exception, which becomes a signal whose frame holds the state after: its own fault, or
 *
 * - stepped: the #DB of RFLAGS.TF after one instruction, or one iteration of REP;
 * - free: the #BP of an INT3, or the fault of the fetch, wherever it leads. Where a hypervisor
 *   keeps the debug registers to itself, a #DB takes three times as long.
 *
 * The handler keeps the state and goes back to step() by itself, without the system call that returns from a signal.
 *
 *   step() ── execute ── IRETQ ──► instruction ── exception ──► Linux ── signal ──► handler ── capture() ──┐
 *     ▲                                 ▲                                              │ REP: once more    │
 *     │                                 └──────────── rt_sigreturn ◄───────────────────┘                   │
 *     └────────────────────────────────────────────────────────────────────────────────────────────────────┘
 */
#include "step.h"
#include "linux.h"

/** FXSAVE image. SDM Vol. 1 10.5.1 "FXSAVE Area". */
struct fxsave_image {
  uint8_t x87[24];
  uint32_t mxcsr, mxcsr_mask;
  uint8_t st[128];
  uint8_t xmm[256];
  uint8_t unused[96];
};

/** XSAVE area with the upper halves of YMM in its standard place. SDM Vol. 1 13.4 "XSAVE Area". */
struct xsave_image {
  struct fxsave_image fx;
  uint64_t xstate_bv, xcomp_bv, reserved[6];
  uint8_t ymm_high[256];
};

enum { XSTATE_X87_SSE_AVX = 7, XSTATE_AVX = 4 };

/** What `execute` loads; its offsets stand in the assembly below. */
struct entry {
  struct xsave_image image;
  uint64_t gpr[16];
  uint64_t rip, cs, rflags, rsp, ss;
  uint64_t harness_rsp;
  /** XRSTOR loads YMM; FXRSTOR where the host has no AVX. */
  uint32_t has_avx;
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct fxsave_image) == 512, "SDM Vol. 1 10.5.1");
_Static_assert(offsetof(struct entry, gpr) == 832, "execute");
_Static_assert(offsetof(struct entry, rip) == 960, "execute");
_Static_assert(offsetof(struct entry, harness_rsp) == 1000, "execute, trapped");
_Static_assert(offsetof(struct entry, has_avx) == 1008, "execute");

/* Seen by the assembly and by nothing outside the executable: rip-relative, wherever it is linked. */
#pragma GCC visibility push(hidden)
struct entry entry;
void execute(struct entry *);
void trapped(void);
void return_from_signal(void);
#pragma GCC visibility pop

__asm__(".text\n"
        ".globl execute\n"
        "execute:\n"
        "  push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "  mov %rsp, 1000(%rdi)\n"
        "  cmpl $0, 1008(%rdi)\n"
        "  je 1f\n"
        "  mov $7, %eax; xor %edx, %edx\n"
        "  xrstor64 (%rdi)\n"
        "  jmp 2f\n"
        "1: fxrstor64 (%rdi)\n"
        "2:\n"
        "  lea 960(%rdi), %rsp\n"
        "  mov 832(%rdi), %rax\n"
        "  mov 840(%rdi), %rcx\n"
        "  mov 848(%rdi), %rdx\n"
        "  mov 856(%rdi), %rbx\n"
        "  mov 872(%rdi), %rbp\n"
        "  mov 880(%rdi), %rsi\n"
        "  mov 896(%rdi), %r8\n"
        "  mov 904(%rdi), %r9\n"
        "  mov 912(%rdi), %r10\n"
        "  mov 920(%rdi), %r11\n"
        "  mov 928(%rdi), %r12\n"
        "  mov 936(%rdi), %r13\n"
        "  mov 944(%rdi), %r14\n"
        "  mov 952(%rdi), %r15\n"
        "  mov 888(%rdi), %rdi\n"
        "  iretq\n"
        /* Linux leaves AC and NT as the instruction left them; neither may reach compiled code or the next IRETQ. */
        ".globl trapped\n"
        "trapped:\n"
        "  pushq $2; popfq\n"
        "  sub $8, %rsp\n"
        "  call capture\n"
        "  add $8, %rsp\n"
        "  test %eax, %eax\n"
        "  jnz 1f\n"
        "  ret\n"
        "1:\n"
        "  lea entry(%rip), %rdi\n"
        "  mov 1000(%rdi), %rsp\n"
        "  pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "  ret\n"
        ".globl return_from_signal\n"
        "return_from_signal:\n"
        "  mov $15, %eax\n"
        "  syscall\n");

_Static_assert(__NR_rt_sigreturn == 15, "return_from_signal");

/* The case on the CPU; NULL between cases. */
static const struct before *running;
static struct after *captured;
static uint64_t cases;
static int can_write_bases;
/* Quarters of a second that one step may take. */
static uint32_t patience;

static void read_bases(uint64_t *fs_base, uint64_t *gs_base) {
  if (can_write_bases) {
    __asm__ volatile("rdfsbase %0; rdgsbase %1" : "=r"(*fs_base), "=r"(*gs_base));
  } else {
    system_call(__NR_arch_prctl, ARCH_GET_FS, (long)fs_base, 0, 0, 0, 0);
    system_call(__NR_arch_prctl, ARCH_GET_GS, (long)gs_base, 0, 0, 0, 0);
  }
}

/** False where only arch_prctl can set a base and Linux refuses this one (the upper half of the address space). */
static int write_bases(uint64_t fs_base, uint64_t gs_base) {
  if (can_write_bases) {
    __asm__ volatile("wrfsbase %0; wrgsbase %1" ::"r"(fs_base), "r"(gs_base));
    return 1;
  }
  return system_call(__NR_arch_prctl, ARCH_SET_FS, fs_base, 0, 0, 0, 0) == 0 &&
         system_call(__NR_arch_prctl, ARCH_SET_GS, gs_base, 0, 0, 0, 0) == 0;
}

static void read_selectors(uint16_t *selectors) {
  __asm__ volatile("mov %%es, %0" : "=r"(selectors[0]));
  __asm__ volatile("mov %%ds, %0" : "=r"(selectors[3]));
  __asm__ volatile("mov %%fs, %0" : "=r"(selectors[4]));
  __asm__ volatile("mov %%gs, %0" : "=r"(selectors[5]));
}

/** Puts back the null selectors that a 64-bit Linux process starts with, where an instruction has loaded others. */
static void reset_selectors(const uint16_t *selectors) {
  if (selectors[0] | selectors[3] | selectors[4] | selectors[5])
    __asm__ volatile("mov %0, %%es; mov %0, %%ds; mov %0, %%fs; mov %0, %%gs" ::"r"(0));
}

/** The opcode after legacy and REX prefixes; 0 if there is none. SDM Vol. 2A 2.1.1 "Instruction Prefixes". */
static uint8_t opcode_at(const uint8_t *bytes, uint32_t length) {
  for (uint32_t i = 0; i < length; i++) {
    switch (bytes[i]) {
      case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65: case 0x66: case 0x67:
      case 0xf0: case 0xf2: case 0xf3: case 0x40 ... 0x4f:
        continue;
      default:
        return bytes[i];
    }
  }
  return 0;
}

enum { OPCODE_PUSHF = 0x9c, OPCODE_POPF = 0x9d, OPCODE_IRET = 0xcf, OPCODE_INT1 = 0xf1 };

/** A stepped instruction has seen TF, which is the harness's own: clears it in rflags and in what PUSHF stored. */
static void hide_trap_flag(struct after *after, const struct before *before) {
  uint8_t opcode = opcode_at(before->bytes, before->length);
  int loads_flags = opcode == OPCODE_POPF || opcode == OPCODE_IRET;
  if (after->vector != NO_FAULT || !loads_flags) after->rflags &= ~(uint32_t)RFLAGS_TF;
  if (after->vector == NO_FAULT && opcode == OPCODE_PUSHF) *(uint16_t *)after->gpr[4] &= ~RFLAGS_TF;
}

/**
 * The exception in the signal frame, or none for the #DB of the step itself: any but INT1's own. The signal's code should
 * tell, but a virtual machine's DR6 now and then lacks BS.
 */
static void capture_exception(struct after *after, int signal, int code, const struct sigcontext *frame) {
  after->outcome = signal == SIGSYS ? OUTCOME_SYSTEM_CALL : OUTCOME_STEPPED;
  int own = code != TRAP_TRACE && opcode_at(running->bytes, running->length) == OPCODE_INT1;
  int stepped = signal == SIGSYS || (signal == SIGTRAP && frame->trapno == VECTOR_DB && !own);
  after->vector = stepped ? NO_FAULT : (uint32_t)frame->trapno;
  after->error_code = stepped ? 0 : (uint32_t)frame->err;
  after->cr2 = after->vector == VECTOR_PF ? frame->cr2 : 0;
  /* Linux shows P for every address beyond the user half, so as not to tell what the kernel maps. */
  if (after->vector == VECTOR_PF && frame->cr2 >= USER_END) after->error_code &= ~1u;
}

/**
 * Takes back what came after the instruction: an INT3 it fell or jumped to, or the fault of the fetch there. A stepped
 * MOV SS comes here too, as it holds the #DB back. SDM Vol. 3A 6.8.3 "Masking Exceptions and Interrupts When Switching
 * Stacks".
 */
static void undo_what_followed(struct after *after, const struct before *before) {
  if (after->vector == VECTOR_BP) {
    uint64_t breakpoint = after->rip - 1;
    if (breakpoint - before->rip < before->length) return;
    after->rip = breakpoint;
  } else if (after->rip == before->rip || after->vector == VECTOR_DB || after->vector == VECTOR_OF) {
    return;
  }
  after->vector = NO_FAULT;
  after->error_code = 0;
  after->cr2 = 0;
}

/** The upper halves of YMM: zero if Linux says that they are in their initial state, as before where there are none. */
static void capture_ymm_high(struct after *after, const struct xsave_image *image) {
  uint8_t *high = after->xmm + sizeof image->fx.xmm;
  if (!entry.has_avx)
    __builtin_memcpy(high, running->xmm + sizeof image->fx.xmm, sizeof image->ymm_high);
  else if (image->xstate_bv & XSTATE_AVX)
    __builtin_memcpy(high, image->ymm_high, sizeof image->ymm_high);
  else
    __builtin_memset(high, 0, sizeof image->ymm_high);
}

static void capture_registers(struct after *after, const struct sigcontext *frame) {
  const struct fxsave_image *fx = (const struct fxsave_image *)frame->fpstate;
  uint64_t gpr[16] = {frame->rax, frame->rcx, frame->rdx, frame->rbx, frame->rsp, frame->rbp, frame->rsi, frame->rdi,
                      frame->r8,  frame->r9,  frame->r10, frame->r11, frame->r12, frame->r13, frame->r14, frame->r15};
  __builtin_memcpy(after->gpr, gpr, sizeof gpr);
  __builtin_memcpy(after->xmm, fx->xmm, sizeof fx->xmm);
  capture_ymm_high(after, (const struct xsave_image *)fx);
  __builtin_memcpy(after->x87, fx->x87, sizeof fx->x87);
  __builtin_memcpy(after->x87 + 32, fx->st, sizeof fx->st);
  after->rip = frame->rip;
  after->rflags = (uint32_t)frame->eflags & ~(uint32_t)RFLAGS_RF;
  after->mxcsr = fx->mxcsr;
  after->selectors[1] = frame->cs;
  after->selectors[2] = frame->ss;
}

/** Called every quarter of a second of CPU time; ends the process once `patience` of them in a row went to one step. */
static void watch_progress(void) {
  static uint64_t watched_case;
  static uint32_t watched_steps, quarters;
  if (!running) return;
  quarters = watched_case == cases && watched_steps == captured->steps ? quarters + 1 : 0;
  if (quarters >= patience) fail(EXIT_ENDLESS);
  watched_case = cases;
  watched_steps = captured->steps;
}

/** The signal handler's body. Answers whether the case is finished; if not, Linux restores the frame and goes on. */
__attribute__((used)) int capture(int signal, siginfo_t *info, struct ucontext *context) {
  const struct sigcontext *frame = &context->uc_mcontext;
  if (signal == SIGVTALRM) {
    watch_progress();
    return 0;
  }
  if (!running) fail(EXIT_HARNESS_FAULT);
  captured->steps++;
  capture_exception(captured, signal, info->si_code, frame);
  if (captured->vector == NO_FAULT && frame->rip == running->rip && captured->steps < running->steps) return 0;
  capture_registers(captured, frame);
  if (captured->vector != NO_FAULT) undo_what_followed(captured, running);
  if (running->steps != FREE_RUN) hide_trap_flag(captured, running);
  running = NULL;
  return 1;
}

void step(const struct before *before, struct after *after) {
  __builtin_memset(after, 0, sizeof *after);
  if (!write_bases(before->fs_base, before->gs_base)) {
    after->outcome = OUTCOME_BASE_REFUSED;
    return;
  }
  struct fxsave_image *fx = &entry.image.fx;
  __builtin_memcpy(fx->xmm, before->xmm, sizeof fx->xmm);
  __builtin_memcpy(fx->x87, before->x87, sizeof fx->x87);
  __builtin_memcpy(fx->st, before->x87 + 32, sizeof fx->st);
  __builtin_memcpy(entry.image.ymm_high, before->xmm + sizeof fx->xmm, sizeof entry.image.ymm_high);
  entry.image.xstate_bv = XSTATE_X87_SSE_AVX;
  __builtin_memcpy(entry.gpr, before->gpr, sizeof entry.gpr);
  fx->mxcsr = before->mxcsr;
  entry.rip = before->rip;
  entry.rsp = before->gpr[4];
  entry.rflags = before->rflags | RFLAGS_RESERVED_1 | RFLAGS_IF | (before->steps != FREE_RUN ? RFLAGS_TF : 0);
  cases++;
  captured = after;
  running = before;
  execute(&entry);
  read_selectors(after->selectors);
  read_bases(&after->fs_base, &after->gs_base);
  reset_selectors(after->selectors);
}

/** Returns whether Linux intercepts system calls made outside the harness. */
static int catch_signals(void) {
  static uint8_t signal_stack[65536] __attribute__((aligned(64)));
  static const int signals[] = {SIGTRAP, SIGSEGV, SIGILL, SIGFPE, SIGBUS, SIGSYS, SIGVTALRM};
  static const struct itimerval tick = {{0, 250000}, {0, 250000}};
  stack_t stack = {.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
  struct sigaction action = {
      .sa_handler = (__sighandler_t)trapped,
      .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTORER,
      .sa_restorer = return_from_signal,
  };
  if (system_call(__NR_sigaltstack, (long)&stack, 0, 0, 0, 0, 0)) leave(EXIT_NO_SIGNALS);
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
    if (system_call(__NR_rt_sigaction, signals[i], (long)&action, 0, sizeof action.sa_mask, 0, 0))
      leave(EXIT_NO_SIGNALS);
  if (system_call(__NR_setitimer, ITIMER_VIRTUAL, (long)&tick, 0, 0, 0, 0)) leave(EXIT_NO_SIGNALS);
  /* A system call from anywhere but the harness's own code becomes SIGSYS: a second guard, from Linux 5.11 on. */
  return system_call(__NR_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, HARNESS, HARNESS_BYTES_MAX, 0, 0) == 0;
}

/** Whether the CPU has AVX and Linux keeps its registers. SDM Vol. 1 14.3 "Detection of Intel AVX Instructions". */
static uint32_t has_avx(void) {
  enum { OSXSAVE_AND_AVX = 1 << 27 | 1 << 28 };
  uint32_t eax = 1, ebx, ecx = 0, edx;
  __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  if ((ecx & OSXSAVE_AND_AVX) != OSXSAVE_AND_AVX) return 0;
  __asm__ volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
  return (eax & XSTATE_X87_SSE_AVX) == XSTATE_X87_SSE_AVX;
}

int prepare_to_step(int user_mode_can_write_bases, uint32_t quarters_per_step) {
  uint16_t cs, ss;
  __asm__("mov %%cs, %0; mov %%ss, %1" : "=r"(cs), "=r"(ss));
  entry.cs = cs;
  entry.ss = ss;
  entry.has_avx = has_avx();
  can_write_bases = user_mode_can_write_bases;
  patience = quarters_per_step;
  return catch_signals();
}
