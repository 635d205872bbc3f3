/* SIGKILL comes to threads in each kind of stop, and in vfork: they end, and stop no more. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../say.h"

enum { ENTRY, EXIT, EVENT, SIGNAL, IN_CALL, PLACES };
static const int COURSES[] = {PTRACE_CONT, PTRACE_SYSCALL, PTRACE_SINGLESTEP};

static void end_of(const char *what, pid_t pid) {
  int status = 0;
  pid_t found = waitpid(pid, &status, __WALL);
  say(" %s %s status %x\n", what, found == pid ? "ended" : "lost", status);
}

/* It makes a child with its memory, which waits to be ended. */
static void child(void) {
  ptrace(PTRACE_TRACEME, 0, 0, 0);
  raise(SIGSTOP);
  raise(SIGUSR1);
  if (vfork() == 0) for (;;) pause();
  _exit(1);
}

static void round_of(int place, int course) {
  int status = 0;
  pid_t pid = fork();
  if (pid == 0) child();
  waitpid(pid, &status, __WALL);
  ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEVFORK | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  say("place %d course %d:", place, course);
  if (place == SIGNAL) {
    ptrace(PTRACE_CONT, pid, 0, 0);
    waitpid(pid, &status, __WALL);
    say(" stop %x\n", status);
    kill(pid, SIGKILL);
    return end_of("parent", pid);
  }
  if (place == ENTRY || place == EXIT) {
    for (int stops = 0; stops <= (place == EXIT); stops++) {
      ptrace(PTRACE_SYSCALL, pid, 0, 0);
      waitpid(pid, &status, __WALL);
    }
    say(" stop %x\n", status);
    kill(pid, SIGKILL);
    return end_of("parent", pid);
  }
  do {
    ptrace(PTRACE_CONT, pid, 0, 0);
    waitpid(pid, &status, __WALL);
  } while (status >> 16 != PTRACE_EVENT_VFORK);
  say(" stop %x\n", status);
  unsigned long borrower = 0;
  ptrace(PTRACE_GETEVENTMSG, pid, 0, &borrower);
  /* Its parent waits for it, on the course that has stops at the end of its call, or has not begun to. */
  if (place == IN_CALL) ptrace(course, pid, 0, 0);
  if (place == EVENT || course == PTRACE_CONT) kill(pid, SIGKILL);
  kill((pid_t)borrower, SIGKILL);
  if (place == IN_CALL) kill(pid, SIGKILL);
  end_of("child", (pid_t)borrower);
  end_of("parent", pid);
}

int main(void) {
  for (int place = 0; place < PLACES; place++)
    for (unsigned course = 0; course < sizeof COURSES / sizeof *COURSES; course++) round_of(place, COURSES[course]);
  return 0;
}
