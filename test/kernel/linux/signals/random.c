/*
 * Makes a random sequence of calls that have to do with signals, by the seed in argv[1], and prints what it sees: actions,
 * masks, signals sent to itself in every way, handlers in handlers, stacks for signals, exceptions whose handlers mend the
 * registers or jump away, and the floating-point registers around all that. The output is the same on every Linux.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include "../sequences.h"

#include "../random.h"
#include "../say.h"

enum { DEPTH_MAX = 3, STEPS = 60, STACK_BYTES = 32768 };

/* Those that are sent; the last few by exceptions too. */
static const int SENT[] = {SIGUSR1, SIGUSR2, SIGHUP, SIGALRM, SIGCHLD, SIGWINCH, SIGURG, SIGCONT,
                           34, 35, 40, 64, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGBUS};
enum { SENT_COUNT = sizeof SENT / sizeof *SENT };

static char stacks[2][STACK_BYTES] __attribute__((aligned(64)));
static char *read_only;
static volatile int depth;
/* What rt_sigreturn makes of such stacks is another thing on older Linux: see sequences.h. */
static int sets_stacks_in_handlers;
static volatile int expects_fault;
static sigjmp_buf escape;
static volatile double kept = 1.25;

static unsigned long word(const sigset_t *set) {
  unsigned long bits;
  memcpy(&bits, set, 8);
  return bits;
}

static unsigned long mask_now(void) {
  sigset_t set;
  sigemptyset(&set);
  sigprocmask(SIG_BLOCK, NULL, &set);
  return word(&set);
}

static void random_set(sigset_t *set, unsigned most) {
  sigemptyset(set);
  for (unsigned count = below(most + 1); count > 0; count--) sigaddset(set, SENT[below(SENT_COUNT)]);
}

static void step(void);

static int place_of(void) {
  char here;
  for (int i = 0; i < 2; i++)
    if (&here >= stacks[i] && &here < stacks[i] + STACK_BYTES) return i + 1;
  return 0;
}

static void mend(int number, siginfo_t *info, ucontext_t *context) {
  greg_t *gregs = context->uc_mcontext.gregs;
  int is_page_fault = gregs[REG_TRAPNO] == 14;
  const char *where = info->si_addr == NULL ? "null" : info->si_addr == (void *)read_only ? "page"
                      : info->si_addr == (void *)gregs[REG_RIP]                            ? "rip"
                                                                                           : "?";
  say(" fault %d code %d at %s trap %d error %d rf %d\n", number, info->si_code, info->si_code == SI_KERNEL ? "-" : where,
      (int)gregs[REG_TRAPNO], is_page_fault ? (int)gregs[REG_ERR] & 6 : (int)gregs[REG_ERR], (int)(gregs[REG_EFL] >> 16 & 1));
  expects_fault = 0;
  if (below(3) == 0) {
    depth = 0;
    siglongjmp(escape, 1);
  }
  /* r12 holds where to go on. */
  gregs[REG_RIP] = gregs[REG_R12];
  gregs[REG_RAX] = 0x5a5a;
  context->uc_mcontext.fpregs->mxcsr = 0x1f80;
  memset(&context->uc_mcontext.fpregs->_xmm[7], 0x3c, 16);
}

static void with_info(int number, siginfo_t *info, void *raw) {
  ucontext_t *context = raw;
  double fresh;
  unsigned mxcsr;
  asm volatile("movsd %%xmm9, %0; stmxcsr %1" : "=m"(fresh), "=m"(mxcsr));
  if (expects_fault && info->si_code > 0) return mend(number, info, context);
  depth++;
  stack_t stack;
  sigaltstack(NULL, &stack);
  say(" handler %d code %d pid %d value %d on %d flags %x mask %lx saved %lx stack %x/%d fresh %g %x\n", number, info->si_code,
      info->si_pid == getpid(), info->si_code == SI_QUEUE ? info->si_value.sival_int : 0, place_of(), stack.ss_flags, mask_now(),
      word(&context->uc_sigmask), context->uc_stack.ss_flags, (int)context->uc_stack.ss_size, fresh, mxcsr);
  kept = kept * 0.5 + number;
  if (depth < DEPTH_MAX && below(2)) step();
  if (below(6) == 0) sigaddset(&context->uc_sigmask, SENT[below(8)]);
  depth--;
  if (below(12) == 0) {
    depth = 0;
    siglongjmp(escape, 1);
  }
}

static void plain(int number) {
  depth++;
  say(" plain %d on %d mask %lx\n", number, place_of(), mask_now());
  if (depth < DEPTH_MAX && below(2)) step();
  depth--;
}

static void set_action(void) {
  static const int FLAGS[] = {SA_ONSTACK, SA_NODEFER, SA_RESETHAND, SA_RESTART, SA_NOCLDSTOP};
  struct sigaction action = {0}, old;
  int number = SENT[below(SENT_COUNT)];
  int is_harmless = number == SIGCHLD || number == SIGWINCH || number == SIGURG || number == SIGCONT;
  for (int i = 0; i < 5; i++)
    if (below(3) == 0) action.sa_flags |= FLAGS[i];
  /* The others would end the program; that they do is shown by another. */
  if (!is_harmless) action.sa_flags &= ~SA_RESETHAND;
  random_set(&action.sa_mask, 3);
  unsigned kind = below(8);
  if (kind == 0) action.sa_handler = SIG_IGN;
  else if (kind == 1 && is_harmless) action.sa_handler = SIG_DFL;
  else if (kind == 2) action.sa_handler = plain;
  else action.sa_sigaction = with_info, action.sa_flags |= SA_SIGINFO;
  /* An exception that is ignored or has a plain handler ends the program. */
  if (number == SIGSEGV || number == SIGFPE || number == SIGILL || number == SIGTRAP || number == SIGBUS)
    action.sa_sigaction = with_info, action.sa_flags |= SA_SIGINFO;
  int result = sigaction(number, &action, &old);
  say("action %d flags %x: %d, was %s %x %lx\n", number, action.sa_flags, result,
      old.sa_handler == SIG_DFL   ? "default"
      : old.sa_handler == SIG_IGN ? "ignored"
      : old.sa_handler == plain   ? "plain"
                                  : "info",
      old.sa_flags, word(&old.sa_mask));
}

static void set_mask(void) {
  sigset_t set, old;
  sigemptyset(&old);
  random_set(&set, 4);
  int how = below(4);
  int result = sigprocmask(how, &set, &old);
  say("mask %d %lx: %d, was %lx, is %lx\n", how, word(&set), result, result == 0 ? word(&old) : 0, mask_now());
}

static void send(void) {
  int number = SENT[below(SENT_COUNT)];
  int result;
  unsigned way = below(5);
  union sigval value = {.sival_int = (int)below(1000)};
  if (way == 0) result = raise(number);
  else if (way == 1) result = kill(getpid(), number);
  else if (way == 2) result = sigqueue(getpid(), number, value);
  else if (way == 3) result = syscall(SYS_tkill, syscall(SYS_gettid), number);
  else {
    siginfo_t info = {.si_code = -60, .si_value = value};
    result = syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), number, &info);
  }
  say("send %d by %u: %d\n", number, way, result);
}

static void look(void) {
  sigset_t set;
  sigemptyset(&set);
  sigpending(&set);
  say("pending %lx mask %lx kept %a\n", word(&set), mask_now(), kept);
}

static void set_stack(void) {
  if (depth > 0 && !sets_stacks_in_handlers) return;
  stack_t stack = {.ss_sp = stacks[below(2)], .ss_size = below(5) ? STACK_BYTES : 1000, .ss_flags = below(4) ? 0 : SS_DISABLE};
  if (below(8) == 0) stack.ss_flags = 1 << below(32);
  stack_t old;
  int result = sigaltstack(&stack, &old);
  say("stack %x %d: %d %d", stack.ss_flags, (int)stack.ss_size, result, result < 0 ? errno : 0);
  if (result == 0) say(", was %x %d", old.ss_flags, (int)old.ss_size);
  say("\n");
}

static void wait_for(void) {
  sigset_t set;
  random_set(&set, 3);
  struct timespec time = {0, below(2) ? 0 : 1000};
  siginfo_t info = {0};
  int result = sigtimedwait(&set, &info, &time);
  say("wait %lx: %d %d code %d\n", word(&set), result, result < 0 ? errno : 0, result > 0 ? info.si_code : 0);
}

/* A signal is blocked and sent, so that it is there when the mask lets it through. */
static void suspend(void) {
  sigset_t old, set;
  int number = SENT[below(4)];
  struct sigaction action;
  sigaction(number, NULL, &action);
  if (action.sa_handler == SIG_IGN || action.sa_handler == SIG_DFL) return;
  sigemptyset(&set);
  sigaddset(&set, number);
  sigprocmask(SIG_BLOCK, &set, &old);
  kill(getpid(), number);
  set = old;
  sigdelset(&set, number);
  say("suspend %lx\n", word(&set));
  int result = sigsuspend(&set);
  int error = errno;
  say("suspended: %d %d mask %lx\n", result, error, mask_now());
  sigprocmask(SIG_SETMASK, &old, NULL);
}

static void fault(void) {
  static const int SIGNALS[] = {SIGSEGV, SIGSEGV, SIGILL, SIGTRAP, SIGFPE, SIGSEGV, SIGFPE, SIGBUS};
  unsigned kind = below(8);
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, SIGNALS[kind]);
  sigprocmask(SIG_UNBLOCK, &set, &old);
  expects_fault = 1;
  unsigned long result = kind;
  uint64_t seven[2] = {1, 2};
  say("fault %u\n", kind);
  /* #SS by way of RBP: where RSP is not canonical, some hypervisors emulate instructions, and raise other exceptions. */
#define FAULT(text)                                                                                            \
  asm volatile("movdqu %1, %%xmm7\n lea 1f(%%rip), %%r12\n mov %%rbp, %%r13\n" text                            \
               "\n1: mov %%r13, %%rbp\n movdqu %%xmm7, %1\n movl $0x1f80, %2\n ldmxcsr %2"                      \
               : "+a"(result), "+m"(seven)                                                                     \
               : "m"(*(unsigned *)&depth_scratch), "b"(read_only), "c"(0L), "d"(0L)                            \
               : "r12", "r13", "xmm7", "xmm8", "memory", "cc")
  static unsigned depth_scratch = 0x1f80;
  switch (kind) {
    case 0: FAULT("mov %%rax, (%%rcx)"); break;
    case 1: FAULT("mov %%rax, (%%rbx)"); break;
    case 2: FAULT("ud2"); break;
    case 3: FAULT("int3"); break;
    case 4: FAULT("div %%rcx"); break;
    case 5: FAULT("bts $63, %%rcx\n mov (%%rcx), %%rax"); break;
    case 6: FAULT("movl $0x1d80, %2\n ldmxcsr %2\n cvtsi2sd %%rcx, %%xmm8\n divsd %%xmm8, %%xmm8\n"); break;
    case 7: FAULT("bts $62, %%rbp\n mov (%%rbp), %%rax\n"); break;
  }
  expects_fault = 0;
  say("mended %lx %lx\n", result, (unsigned long)seven[0]);
  sigprocmask(SIG_SETMASK, &old, NULL);
}

static void step(void) {
  switch (below(12)) {
    case 0: case 1: return set_action();
    case 2: case 3: return set_mask();
    case 4: case 5: case 6: return send();
    case 7: return look();
    case 8: return set_stack();
    case 9: return wait_for();
    case 10: return suspend();
    default: return fault();
  }
}

static int run(uint64_t seed, int is_new) {
  state = seed;
  sets_stacks_in_handlers = is_new;
  read_only = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct sigaction action = {.sa_sigaction = with_info, .sa_flags = SA_SIGINFO};
  for (int i = 0; i < SENT_COUNT; i++) sigaction(SENT[i], &action, NULL);
  /* Its flags are those of whoever began the program. */
  sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
  volatile int steps = 0;
  if (sigsetjmp(escape, 1)) say("escaped mask %lx\n", mask_now());
  expects_fault = 0;
  while (steps++ < STEPS) step();
  say("kept %a\n", kept);
  /* A signal without a handler ends the program, or a frame that has no place. */
  signal(SIGSEGV, SIG_DFL);
  sigset_t all;
  sigemptyset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  if (below(2)) {
    /* tkill */
    asm volatile("mov $8, %%rsp\n mov $200, %%eax\n syscall\n hlt" ::"D"(syscall(SYS_gettid)), "S"(10L));
  }
  static const int LAST[] = {SIGTERM, SIGKILL, SIGABRT, SIGPIPE, SIGVTALRM};
  int number = LAST[below(5)];
  signal(number, SIG_DFL);
  kill(getpid(), number);
  return 0;
}

int main(int argc, char **argv) { return sequences(argc, argv, run); }
