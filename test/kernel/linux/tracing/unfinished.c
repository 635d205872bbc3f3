/* SIGCONT comes while some threads of a process have stopped with it and others have not: what its parent is told. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SEIZE 0x4206
#define INTERRUPT 0x4207

static int fds[2];

static void *other(void *unused) {
  pid_t tid = syscall(SYS_gettid);
  write(fds[1], &tid, sizeof tid);
  for (;;) pause();
}

static void child(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, other, NULL);
  for (;;) pause();
}

static void stop_of(const char *what, pid_t tid, pid_t pid) {
  int status = 0;
  pid_t found = waitpid(tid, &status, __WALL);
  printf("%s: %s status %x\n", what, found == pid ? "first" : found == tid ? "other" : "none", status);
}

static void told(const char *what) {
  sigset_t set;
  siginfo_t info;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  while (sigtimedwait(&set, &info, &(struct timespec){0, 50000000}) > 0)
    printf("%s: SIGCHLD code %d status %d\n", what, info.si_code, info.si_status);
}

static void jobs(const char *what, pid_t pid) {
  siginfo_t info = {0};
  int result = waitid(P_PID, pid, &info, WCONTINUED | WNOHANG);
  printf("%s: continued %d code %d status %d\n", what, result, info.si_code, info.si_status);
}

static void round_of(int goes_first, int is_finished) {
  pid_t tid, pid = fork();
  if (pid == 0) child();
  read(fds[0], &tid, sizeof tid);
  ptrace(SEIZE, pid, 0, 0);
  ptrace(SEIZE, tid, 0, 0);
  ptrace(INTERRUPT, tid, 0, 0);
  stop_of("interrupted", tid, pid);
  kill(pid, SIGSTOP);
  stop_of("signal", pid, pid);
  told("signal");
  ptrace(PTRACE_CONT, pid, 0, SIGSTOP);
  stop_of("group", pid, pid);
  told("group");
  if (is_finished) {
    ptrace(PTRACE_CONT, tid, 0, 0);
    stop_of("group of the other", tid, pid);
    told("group of the other");
  }
  kill(pid, SIGCONT);
  told("continue");
  jobs("continue", pid);
  pid_t order[] = {goes_first ? pid : tid, goes_first ? tid : pid};
  for (int i = 0; i < 2; i++) {
    ptrace(PTRACE_CONT, order[i], 0, 0);
    told(i == 0 ? "one runs" : "both run");
    jobs(i == 0 ? "one runs" : "both run", pid);
  }
  kill(pid, SIGKILL);
  while (waitpid(-1, NULL, __WALL) > 0) ;
  told("end");
}

int main(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, NULL);
  setvbuf(stdout, NULL, _IOLBF, 0);
  pipe(fds);
  for (int i = 0; i < 4; i++) round_of(i & 1, i >> 1);
  return 0;
}
