/*
 * A process of two traced threads is stopped, of which none, one or both have taken part in that when its group is left an orphan:
 * which signals its tracer sees then. The output is the same on every Linux.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "../say.h"

static struct shared { volatile pid_t child, threads[2]; } *shared;

static void *waits(void *thread) {
  shared->threads[(long)thread] = syscall(SYS_gettid);
  for (;;) pause();
}

/* Waits for a thread to stop, and prints how it does. Returns whether it has. */
static int stops(pid_t tid) {
  int status = 0;
  if (waitpid(tid, &status, __WALL) != tid) return say(" lost"), 0;
  if (!WIFSTOPPED(status)) return say(" ended %x", status), 0;
  say(" %d/%d", WSTOPSIG(status), status >> 16);
  return 1;
}

static int goes_on(pid_t tid, int signal) {
  ptrace(PTRACE_CONT, tid, 0L, (long)signal);
  return stops(tid);
}

static void leave(int stopped) {
  shared->child = shared->threads[0] = shared->threads[1] = 0;
  pid_t parent = fork();
  if (parent == 0) {
    setpgid(0, 0);
    pid_t child = fork();
    for (; child; pause()) shared->child = child;
    pthread_t other;
    pthread_create(&other, NULL, waits, (void *)1L);
    waits(NULL);
  }
  while (!shared->child || !shared->threads[0] || !shared->threads[1]) usleep(100);
  pid_t child = shared->child, first = child, second = shared->threads[1];
  say("%d stopped:", stopped);
  for (int i = 0; i < 2; i++) {
    ptrace(PTRACE_SEIZE, shared->threads[i], 0L, 0L);
    ptrace(PTRACE_INTERRUPT, shared->threads[i], 0L, 0L);
    stops(shared->threads[i]);
  }
  say("\n stopping");
  syscall(SYS_tgkill, child, first, SIGSTOP);
  goes_on(first, 0);
  if (stopped > 0) goes_on(first, SIGSTOP);
  if (stopped > 1) goes_on(second, 0);
  kill(parent, SIGKILL);
  waitpid(parent, NULL, 0);
  say("\n left");
  syscall(SYS_tgkill, child, second, SIGUSR1);
  for (int turns = 0, status; turns < 6; turns++) {
    siginfo_t info;
    if (!goes_on(second, 0) || (ptrace(PTRACE_GETSIGINFO, second, 0L, &info) == 0 && info.si_signo == SIGUSR1)) break;
  }
  say("\n");
  kill(child, SIGKILL);
  for (int status; waitpid(-1, &status, __WALL) > 0;) {}
}

int main(void) {
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  /* The tracer starts a session of its own, so that the process that adopts its orphans is in a different one. */
  pid_t tracer = fork();
  if (tracer == 0) {
    setsid();
    for (int stopped = 0; stopped < 3; stopped++) leave(stopped);
    return 0;
  }
  waitpid(tracer, NULL, 0);
  return 0;
}
