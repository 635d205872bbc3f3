/*
 * Random tracers and what they trace: a child makes random calls and raises signals, with children and threads of its own, and its
 * parent stops, changes and resumes it, one thread at a time, so that all that happens has one order. What wait4 and requests
 * of ptrace tell is printed: calls by their numbers, addresses not at all.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include "../random.h"
#include "../say.h"
#include "../sequences.h"

enum { THREAD_EXIT = 3, STEPS = 14, STOPS = 70, TASKS = 12, STACK_BYTES = 16384 };

/* The child. */

static long call6(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 asm("r10") = d, r8 asm("r8") = e, r9 asm("r9") = f;
  asm volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return number;
}

static long call(long number, long a, long b, long c) { return call6(number, a, b, c, 0, 0, 0); }

static volatile long seen[4] = {11, 22, 33, 44};
static unsigned handled;

static void handler(int number, siginfo_t *info, void *context) {
  ucontext_t *user = context;
  handled += number;
  if (number == SIGILL && info->si_code > 0) user->uc_mcontext.gregs[REG_RIP] += 2;
  call(SYS_getuid, handled, 0, 0);
}

static const int SIGNALS[] = {SIGUSR1, SIGUSR2, SIGCHLD, SIGCONT, SIGWINCH, SIGURG, SIGSTOP, SIGTSTP, SIGTRAP, 40, SIGTERM, SIGILL};
enum { SIGNAL_COUNT = sizeof SIGNALS / sizeof *SIGNALS };

static char stacks[4][STACK_BYTES] __attribute__((aligned(16)));
static unsigned threads;

/* A further thread ends without a word of the C library. */
static void start_thread(int as_child) {
  if (threads == 4) return;
  char *top = stacks[threads++] + STACK_BYTES;
  long flags = as_child ? CLONE_VM | CLONE_VFORK | SIGCHLD
                        : CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
  asm volatile(
      "syscall\n test %%eax, %%eax\n jnz 1f\n"
      "mov $186, %%eax\n syscall\n mov $3, %%edi\n mov $60, %%eax\n syscall\n hlt\n 1:"
      : "+a"((long){SYS_clone}) : "D"(flags), "S"(top), "d"(0L) : "rcx", "r11", "r10", "memory");
}

static void set_action(void) {
  int number = SIGNALS[below(SIGNAL_COUNT)];
  struct sigaction action = {.sa_flags = SA_SIGINFO | (below(2) ? SA_RESTART : 0) | (below(6) ? 0 : SA_RESETHAND)};
  action.sa_sigaction = handler;
  switch (below(5)) {
    case 0: action.sa_handler = SIG_DFL; break;
    case 1: action.sa_handler = SIG_IGN; break;
  }
  sigaction(number, &action, NULL);
}

static void wait_a_little(void) {
  struct timespec time = {0, 300000};
  switch (below(5)) {
    case 0: call(SYS_nanosleep, (long)&time, 0, 0); break;
    case 1: call(SYS_poll, 0, 0, 1); break;
    case 2: call6(SYS_ppoll, 0, 0, (long)&time, 0, 8, 0); break;
    case 3: { long set = 1L << (SIGUSR1 - 1); call6(SYS_rt_sigtimedwait, (long)&set, 0, (long)&time, 8, 0, 0); break; }
    case 4: call6(SYS_futex, (long)&seen[3], 0, 44, (long)&time, 0, 0); break;
  }
}

static void traced(int depth, int steps) {
  for (int i = 0; i < steps; i++) {
    switch (below(14)) {
      case 0: call(SYS_getppid, 1, 2, 3); break;
      case 1: call(SYS_close, -1, 5, 6); break;
      case 2: call(SYS_lseek, 99, below(100), 1); break;
      case 3: case 4: call(SYS_tgkill, getpid(), call(SYS_gettid, 0, 0, 0), SIGNALS[below(SIGNAL_COUNT)]); break;
      case 5: call(SYS_kill, getpid(), SIGNALS[below(SIGNAL_COUNT)], 0); break;
      case 6: {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGNALS[below(SIGNAL_COUNT)]);
        sigprocmask((int)below(2), &set, NULL);
        break;
      }
      case 7: case 8: set_action(); break;
      case 9: wait_a_little(); break;
      case 10:
        if (depth == 0 && call6(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0) == 0) {
          traced(1, 3);
          call(SYS_exit_group, 5, 0, 0);
        }
        break;
      case 11: start_thread((int)below(2)); break;
      case 12: asm volatile("int3"); break;
      case 13: asm volatile("ud2"); break;
    }
  }
}

/* Its tracer. */

enum state { RUNS, STOPPED, LISTENS };
static struct task {
  pid_t tid, group;
  enum state state;
  /* 1 where it has stopped before a call, 2 behind one. */
  int kind;
  /* The child to which it has lent its memory. */
  pid_t borrower;
} tasks[TASKS];
static unsigned count;
static int is_seized, is_continued;

static const char *name_of(pid_t tid) {
  static char text[16];
  if (tid == getpid()) return "tracer";
  if (tid == 0) return "none";
  for (unsigned i = 0; i < count; i++)
    if (tasks[i].tid == tid) return snprintf(text, sizeof text, "task %u", i), text;
  return "another";
}

static struct task *task_of(pid_t tid) {
  for (unsigned i = 0; i < count; i++)
    if (tasks[i].tid == tid) return &tasks[i];
  return NULL;
}

static void add_task(pid_t tid, pid_t group) {
  if (count < TASKS) tasks[count++] = (struct task){.tid = tid, .group = group};
}

static void forget(struct task *task) {
  for (count--; task < tasks + count; task++) *task = task[1];
}

/* Threads and borrowers run to their ends before those that have made them go on: else one could wait for the other. */
static int may_run(const struct task *task) {
  if (task->borrower && task_of(task->borrower)) return 0;
  for (const struct task *other = task + 1; other < tasks + count; other++)
    if (other->group == task->group) return 0;
  return 1;
}

static int request(int number, pid_t tid, long address, long data) {
  long result = syscall(SYS_ptrace, (long)number, (long)tid, address, data);
  return result < 0 ? -errno : (int)result;
}

/* A number that is neither an address nor that of a task. */
static long plain(long value) {
  return (value <= 0 && value > -4096) || value == 4000 || value == 4001 ? value : 777777;
}

static void tell_info(pid_t tid) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  int result = request(PTRACE_GETSIGINFO, tid, 0, (long)&info);
  say(" info %d", result);
  if (result < 0) return;
  say(" signal %d code %x errno %d", info.si_signo, info.si_code, info.si_errno);
  if (info.si_code <= 0) say(" by %s", name_of(info.si_pid));
}

static void tell_call(pid_t tid) {
  struct __ptrace_syscall_info info;
  memset(&info, 0xaa, sizeof info);
  unsigned long size = below(3) ? sizeof info : below(90);
  int length = request(PTRACE_GET_SYSCALL_INFO, tid, (long)size, (long)&info);
  say(" call %d", length);
  if (size < sizeof info) return;
  say(" op %d arch %x", info.op, info.arch);
  if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
    say(" nr %lld", (long long)info.entry.nr);
    if (info.entry.nr == SYS_lseek || info.entry.nr == SYS_close)
      for (int i = 0; i < 3; i++) say(" %ld", (long)info.entry.args[i]);
  }
  if (info.op == PTRACE_SYSCALL_INFO_EXIT)
    say(" value %ld error %d", plain(info.exit.rval), info.exit.is_error);
}

static long word_of(pid_t tid, size_t offset) {
  long word = 0;
  int result = request(PTRACE_PEEKUSER, tid, (long)offset, (long)&word);
  return result < 0 ? result : word;
}

static void look(pid_t tid) {
  static const size_t WORDS[] = {offsetof(struct user_regs_struct, cs), offsetof(struct user_regs_struct, ss), 216, 848, 920, 928, 3};
  struct user_regs_struct registers;
  long value = 0;
  switch (below(12)) {
    case 0: tell_info(tid); break;
    case 1: {
      unsigned long message = 99;
      int result = request(PTRACE_GETEVENTMSG, tid, 0, (long)&message);
      say(" message %d %s", result, message < 4 ? (message == 0 ? "0" : message == 1 ? "1" : "2") : name_of((pid_t)message));
      break;
    }
    case 2: tell_call(tid); break;
    case 3: { size_t offset = WORDS[below(7)]; say(" word %lx", word_of(tid, offset) & 0xffff); break; }
    case 4: say(" peek %d", request(PTRACE_PEEKDATA, tid, (long)&seen[below(3)], (long)&value)); say(" %ld", value); break;
    case 5: say(" poke %d", request(PTRACE_POKEDATA, tid, (long)&seen[below(3)], below(1000))); break;
    case 6: say(" nowhere %d", request(PTRACE_PEEKTEXT, tid, 8, (long)&value)); break;
    case 7: {
      long copy[4] = {0};
      struct iovec local = {copy, sizeof copy}, remote = {(void *)seen, below(2) ? sizeof copy : 16};
      say(" copied %ld: %ld %ld", syscall(SYS_process_vm_readv, tid, &local, 1, &remote, 1, 0), copy[0], copy[2]);
      break;
    }
    case 8: {
      struct iovec part = {&registers, below(2) ? sizeof registers : 8 * below(30)};
      int result = request(PTRACE_GETREGSET, tid, NT_PRSTATUS, (long)&part);
      say(" set %d of %zu", result, part.iov_len);
      break;
    }
    case 9: {
      unsigned long mask = 0;
      int result = request(PTRACE_GETSIGMASK, tid, below(4) ? 8 : 4, (long)&mask);
      say(" mask %d %lx", result, mask);
      break;
    }
    case 10: say(" wrong %d %d", request(PTRACE_SETOPTIONS, tid, 0, 1 << 19), request(0x4299, tid, 0, 0)); break;
    case 11: say(" again %d %d", request(PTRACE_ATTACH, tid, 0, 0), request(PTRACE_SEIZE, tid, 0, 0)); break;
  }
}

/* At a call, the call or its result are changed. */
static void change(struct task *task) {
  struct user_regs_struct registers;
  if (task->kind == 1 && below(5) == 0) {
    request(PTRACE_GETREGS, task->tid, 0, (long)&registers);
    registers.orig_rax = below(2) ? (unsigned long)-1 : (unsigned long)SYS_getpgrp;
    if (below(2)) registers.rax = 4000;
    say(" changed %d", request(PTRACE_SETREGS, task->tid, 0, (long)&registers));
  } else if (task->kind == 2 && below(8) == 0) {
    say(" set %d", request(PTRACE_POKEUSER, task->tid, offsetof(struct user_regs_struct, rax), 4001));
  }
}

static void stopped(struct task *task, int status) {
  int event = status >> 16, number = WSTOPSIG(status);
  unsigned long message = 0;
  task->state = STOPPED;
  if (event == PTRACE_EVENT_STOP && number == SIGTRAP) is_continued = 0;
  task->kind = 0;
  if (number == (SIGTRAP | 0x80)) {
    request(PTRACE_GETEVENTMSG, task->tid, 0, (long)&message);
    task->kind = (int)message;
    long nr = word_of(task->tid, offsetof(struct user_regs_struct, orig_rax));
    say(" %s %ld rax %ld", message == 1 ? "enters" : "leaves", nr, plain(word_of(task->tid, offsetof(struct user_regs_struct, rax))));
  } else if (event >= 1 && event <= 3) {
    request(PTRACE_GETEVENTMSG, task->tid, 0, (long)&message);
    add_task((pid_t)message, event == 3 ? task->group : (pid_t)message);
    if (event == 2) task->borrower = (pid_t)message;
  } else if (event == PTRACE_EVENT_EXIT) {
    request(PTRACE_GETEVENTMSG, task->tid, 0, (long)&message);
    say(" ends with %lx", message);
  }
}

/* What has become of a task. Returns whether it is still there. */
static int wait_for(struct task *task) {
  int status = 0;
  pid_t tid = task->tid;
  pid_t found = waitpid(tid, &status, __WALL);
  say("%s:", name_of(tid));
  if (found != tid) return say(" lost %d\n", errno), forget(task), 0;
  if (WIFSTOPPED(status)) {
    say(" stop %d event %d", WSTOPSIG(status), status >> 16);
    stopped(task, status);
    return 1;
  }
  say(WIFEXITED(status) ? " exit %d\n" : " killed by %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
  pid_t group = task->group;
  forget(task);
  /* It has ended the others of its process, too. */
  if (!WIFEXITED(status) || WEXITSTATUS(status) != THREAD_EXIT)
    for (unsigned i = count; i > 0; i--)
      if (tasks[i - 1].group == group) return wait_for(&tasks[i - 1]);
  return 0;
}

static void resume(struct task *task) {
  static const int COURSES[] = {PTRACE_CONT, PTRACE_SYSCALL, PTRACE_SYSCALL, PTRACE_SYSCALL, PTRACE_SINGLESTEP};
  int course = COURSES[below(5)], number = 0;
  siginfo_t info;
  int has_signal = task->kind == 0 && request(PTRACE_GETSIGINFO, task->tid, 0, (long)&info) == 0;
  if (has_signal && info.si_signo != SIGTRAP && below(4)) number = info.si_signo;
  else if (has_signal && below(12) == 0) number = SIGUSR2;
  if (below(40) == 0) say(" bad %d", request(course, task->tid, 0, 65));
  say(" course %d signal %d: %d\n", course, number, request(course, task->tid, 0, number));
  task->state = RUNS;
}

static int options_of(void) {
  int options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE;
  if (below(2)) options |= PTRACE_O_TRACEVFORKDONE;
  return options;
}

/* One thread at a time: the one that runs stops before another one goes on. */
static int turn(void) {
  struct task *task;
  do task = &tasks[below(count)];
  while (!may_run(task));
  if (task->state == STOPPED) {
    for (unsigned looks = below(3); looks > 0; looks--) look(task->tid);
    change(task);
    if (below(12) == 0) {
      say(" sent %d", kill(task->tid, SIGNALS[below(SIGNAL_COUNT - 2)]));
      is_continued = 1;
    }
    if (is_seized && below(10) == 0) say(" interrupt %d", request(PTRACE_INTERRUPT, task->tid, 0, 0));
    /* A task with an event to report would stop again, before or after the signal. */
    if (below(12) == 0 && !is_continued) say(" listen %d", request(PTRACE_LISTEN, task->tid, 0, 0) == 0 ? (task->state = LISTENS, 0) : -1);
    if (task->state == LISTENS) {
      say(" goes on %d\n", kill(task->tid, SIGCONT));
      task->state = RUNS;
    } else resume(task);
  }
  return wait_for(task);
}

static int run(uint64_t seed, int is_new) {
  (void)is_new;
  state = seed;
  count = 0;
  signal(SIGCHLD, SIG_DFL);
  is_seized = below(2);
  is_continued = is_seized;
  int options = options_of();
  pid_t child = fork();
  if (child == 0) {
    setpgid(0, 0);
    if (!is_seized) syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    traced(0, STEPS);
    _exit(7);
  }
  add_task(child, child);
  int status;
  if (is_seized) {
    waitpid(child, &status, WUNTRACED);
    say("seized %d", request(PTRACE_SEIZE, child, 0, options));
    say(" continued %d\n", kill(child, SIGCONT));
  }
  for (int stops = 0; count > 0 && stops < STOPS; stops++) {
    if (turn() && stops == 0 && !is_seized) say(" options %d", request(PTRACE_SETOPTIONS, child, 0, options));
  }
  say("\n");
  /* The first thread of a process has not ended before the others have been waited for. */
  for (unsigned i = 0; i < count; i++) kill(tasks[i].tid, SIGKILL);
  while (count > 0) {
    struct task *last = &tasks[count - 1];
    waitpid(last->tid, &status, __WALL);
    if (!WIFSTOPPED(status)) forget(last);
  }
  while (waitpid(-1, NULL, __WALL) > 0) {}
  return 0;
}

int main(int argc, char **argv) { return sequences(argc, argv, run); }
