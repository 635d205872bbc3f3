/*
 * Random breakpoints in debug registers: a child loads, stores and calls, handles signals, and makes other processes, and its
 * parent sets the registers in between. What wait4 and requests of ptrace tell is printed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include "../random.h"
#include "../say.h"
#include "../sequences.h"

enum { ACTS = 40, STOPS = 60, BYTES = 64, STACK_BYTES = 4096 };

static long call6(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 asm("r10") = d, r8 asm("r8") = e, r9 asm("r9") = f;
  asm volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return number;
}

/* The last bytes lie in the second page. */
static char pages[8192] __attribute__((aligned(4096)));
#define data (pages + 4096 - BYTES / 2)
static char stack[STACK_BYTES] __attribute__((aligned(16)));

void target0(void *), target1(void *), target2(void *), target3(void *);
asm("target0: incb (%rdi); ret\n"
    "target1: mov $3, %ecx; rep stosb; ret\n"
    "target2: ud2; ret\n"
    "target3: rep movsb; ret\n");
static void (*const TARGETS[])(void *) = {target0, target1, target2, target3};

static void handler(int number, siginfo_t *info, void *context) {
  ucontext_t *user = context;
  data[8] = (char)info->si_code;
  if (number == SIGILL) user->uc_mcontext.gregs[REG_RIP] += 2;
}

enum { THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM };

static void start_child(long flags) {
  asm volatile(
      "syscall\n test %%eax, %%eax\n jnz 1f\n"
      "movq $7, (%%rbx)\n mov %%rbx, %%rdi\n call target0\n xor %%edi, %%edi\n mov $60, %%eax\n syscall\n hlt\n 1:"
      : "+a"((long){SYS_clone}) : "D"(flags), "S"(stack + STACK_BYTES), "d"(0L), "b"(data) : "rcx", "r11", "memory");
}

static void act(void) {
  char *at = data + below(BYTES - 16), *from = data + below(BYTES - 16);
  long count = below(9);
  switch (below(20)) {
    case 0: asm volatile("movb $1, (%0)" ::"r"(at) : "memory"); break;
    case 1: asm volatile("movw $2, (%0)" ::"r"(at) : "memory"); break;
    case 2: asm volatile("movl $3, (%0)" ::"r"(at) : "memory"); break;
    case 3: asm volatile("movq $4, (%0)" ::"r"(at) : "memory"); break;
    case 4: asm volatile("movups %%xmm0, (%0)" ::"r"(at) : "memory"); break;
    case 5: asm volatile("mov (%0), %%rax" ::"r"(at) : "rax"); break;
    case 6: asm volatile("movups (%0), %%xmm1" ::"r"(at) : "xmm1"); break;
    case 7: asm volatile("lock incl (%0)" ::"r"(at) : "memory"); break;
    case 8: asm volatile("xchg %%ax, (%0)" ::"r"(at) : "rax", "memory"); break;
    case 9: asm volatile("cmpxchg %%ebx, (%0)" ::"r"(at) : "rax", "memory"); break;
    case 10: asm volatile("pushq (%0)\n popq (%1)" ::"r"(at), "r"(from) : "memory"); break;
    case 11: asm volatile("rep stosb" : "+D"(at), "+c"(count)::"memory"); break;
    case 12: asm volatile("std\n rep movsb\n cld" : "+D"(at), "+S"(from), "+c"(count)::"memory"); break;
    case 13: asm volatile("repe cmpsw" : "+D"(at), "+S"(from), "+c"(count)::"memory"); break;
    case 14: case 15: case 16: {
      void (*target)(void *) = TARGETS[below(4)];
      asm volatile("call *%2" : "+D"(at), "+S"(from) : "r"(target), "c"(count) : "memory");
      break;
    }
    case 17: call6(SYS_getppid, 0, 0, 0, 0, 0, 0); break;
    case 18: asm volatile(".byte 0xf1"); break;
    case 19: start_child(below(2) ? CLONE_VM | CLONE_VFORK | SIGCHLD : THREAD); break;
  }
}

/* The path of this program. */
static const char *program;

static void traced(void) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  if (below(3)) sigaction(SIGTRAP, &action, NULL);
  sigaction(SIGILL, &action, NULL);
  ptrace(PTRACE_TRACEME, 0, 0, 0);
  kill(getpid(), SIGSTOP);
  for (int i = 0; i < ACTS; i++) act();
  char *arguments[] = {"breakpoints", "end", NULL};
  execve(program, arguments, NULL);
  _exit(9);
}

/* Its tracer. */

#define REGISTER(n) (offsetof(struct user, u_debugreg) + 8 * (n))

/* The child runs another program, which lies elsewhere. */
static int has_executed;

static void say_registers(pid_t tid) {
  for (int i = 0; i < 8; i++) {
    errno = 0;
    unsigned long value = (unsigned long)ptrace(PTRACE_PEEKUSER, tid, REGISTER(i), 0);
    unsigned long place = value - (unsigned long)(i < 4 && value - (unsigned long)pages < sizeof pages ? pages : 0);
    if (i < 4 && value - (unsigned long)target0 < 64) place = value - (unsigned long)target0;
    say(" %lx%s", place, errno ? "!" : "");
  }
  say("\n");
}

static unsigned long some_address(void) {
  static const unsigned long OTHERS[] = {0, 1, 0x7fffffffefff, 0x7fffffffeff8, 0x7fffffffefff - 2, 0x7fffffffffff, 1ul << 47, 1ul << 62, -1ul};
  switch (below(8)) {
    case 0: return OTHERS[below(9)];
    case 1: case 2: return (unsigned long)TARGETS[below(4)];
    case 3: return (unsigned long)data + below(BYTES);
    default: return (unsigned long)data + (below(BYTES) & ~7u);
  }
}

static unsigned long some_control(void) {
  static const unsigned KINDS[] = {1, 1, 3, 3, 5, 7, 13, 15, 9, 11, 0, 0};
  unsigned long control = below(10) ? below(256) : 0;
  for (int i = 0; i < 4; i++) control |= (unsigned long)(below(20) ? KINDS[below(12)] : below(16)) << (16 + 4 * i);
  if (below(6) == 0) control |= (unsigned long)below(64) << 8;
  if (below(12) == 0) control |= (unsigned long)below(64) << 32;
  return control;
}

static void set_registers(pid_t tid) {
  for (unsigned count = below(5); count > 0; count--) {
    unsigned number = below(12) ? (unsigned[]){0, 1, 2, 3, 7, 7, 7}[below(7)] : below(8);
    unsigned long value = number < 4 ? some_address() : number == 7 ? some_control() : below(2) * 0x123456789abcdefu;
    long offset = (long)REGISTER(number) + (below(30) == 0);
    errno = 0;
    ptrace(PTRACE_POKEUSER, tid, offset, value);
    say("set %u: %d\n", number, errno);
  }
}

static void say_stop(pid_t tid, int status) {
  struct user_regs_struct registers;
  siginfo_t info = {0};
  ptrace(PTRACE_GETREGS, tid, 0, &registers);
  ptrace(PTRACE_GETSIGINFO, tid, 0, &info);
  if (status >> 16 == PTRACE_EVENT_EXEC) has_executed = 1;
  long at = has_executed ? 0 : (long)registers.rip - (long)act;
  say("stop %x code %d at %ld%s flags %llx count %llx:", status >> 8, info.si_code, at,
      (unsigned long)info.si_addr == registers.rip ? " itself" : "", registers.eflags & 0x10500, registers.rcx & 15);
  say_registers(tid);
}

static int run(uint64_t seed, int is_new) {
  (void)is_new;
  state = seed * 7919 + 1;
  has_executed = 0;
  pid_t child = fork();
  if (child == 0) traced();
  int status;
  waitpid(child, &status, 0);
  /* From here on, the random numbers of both have nothing to do with each other. */
  state = seed * 104729 + 5;
  ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL);
  set_registers(child);
  for (int i = 0; i < STOPS; i++) {
    if (below(3) == 0) set_registers(child);
    int signal = WSTOPSIG(status);
    int is_passed = status >> 16 == 0 && (signal == SIGILL || (signal == SIGTRAP && below(3) == 0));
    int how = below(4) ? PTRACE_CONT : PTRACE_SINGLESTEP;
    ptrace(how, child, 0, is_passed ? signal : 0);
    if (waitpid(child, &status, 0) != child) return 94;
    if (!WIFSTOPPED(status)) break;
    say_stop(child, status);
    int event = status >> 16;
    if (event != PTRACE_EVENT_CLONE && event != PTRACE_EVENT_VFORK) continue;
    long other;
    int end;
    ptrace(PTRACE_GETEVENTMSG, child, 0, &other);
    waitpid((pid_t)other, &end, __WALL);
    say("other:");
    say_registers((pid_t)other);
    if (below(2)) set_registers((pid_t)other);
    for (int j = 0; j < 6 && WIFSTOPPED(end); j++) {
      ptrace(PTRACE_CONT, (pid_t)other, 0, 0);
      waitpid((pid_t)other, &end, __WALL);
      if (WIFSTOPPED(end)) say_stop((pid_t)other, end);
    }
    if (WIFSTOPPED(end)) {
      ptrace(PTRACE_POKEUSER, (pid_t)other, REGISTER(7), 0L);
      ptrace(PTRACE_CONT, (pid_t)other, 0, 0);
      waitpid((pid_t)other, &end, __WALL);
    }
    say("other ends %x\n", end);
  }
  if (WIFSTOPPED(status)) {
    kill(child, SIGKILL);
    while (waitpid(child, &status, __WALL) == child && WIFSTOPPED(status)) continue;
  }
  say("end %x\n", status);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 2 && !strcmp(argv[1], "end")) return 7;
  program = argv[0];
  return sequences(argc, argv, run);
}
