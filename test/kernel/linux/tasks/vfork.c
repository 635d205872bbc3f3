/*
 * Signals for a process that waits for its child after vfork: those that end it do so at once, the others wait; the child goes on
 * in the memory that it shares, and may begin another program there.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include "../say.h"

static int pipes[2], done[2];
static volatile int seen, shared;

static void handler(int number) { seen = number; }

static void nap(void) { nanosleep(&(struct timespec){0, 2000000}, NULL); }

/* A process that calls vfork; its child sends it a signal and waits until it is gone, or for a while. */
static void run(int number, int way) {
  pid_t parent = fork();
  if (parent == 0) {
    if (way == 1) signal(number, handler);
    if (way == 2) signal(number, SIG_IGN);
    if (way == 3) sigprocmask(SIG_BLOCK, &(sigset_t){{1ul << (number - 1)}}, NULL);
    pid_t self = getpid();
    pid_t child = vfork();
    if (child == 0) {
      shared = 1;
      kill(self, number);
      for (int i = 0; i < 20 && getppid() == self; i++) nap();
      shared = 2;
      char is_gone = getppid() != self;
      if (write(pipes[1], &is_gone, 1) != 1) _exit(3);
      if (is_gone && way == 0) execl("/proc/self/exe", "vfork", "last", (char *)NULL);
      _exit(7);
    }
    int status = 0;
    waitpid(child, &status, 0);
    say("  goes on: shared %d seen %d child %x\n", shared, seen, status);
    _exit(5);
  }
  char is_gone = 9;
  int status;
  if (read(pipes[0], &is_gone, 1) != 1) _exit(4);
  waitpid(parent, &status, 0);
  say("signal %d way %d: gone %d status %x\n", number, way, is_gone, status);
  if (is_gone && way == 0) {
    char bytes[8] = "";
    if (read(pipes[0], bytes, 4) == 4) say("  the child: %s\n", bytes);
  }
}

int main(int argc, char **argv) {
  if (argc > 1) return write(11, "last", 4) == 4 ? 0 : 1;
  if (pipe(pipes) < 0) return 9;
  dup2(pipes[1], 11);
  run(SIGKILL, 0);
  for (int way = 0; way < 4; way++) {
    run(SIGTERM, way);
    run(SIGUSR1, way);
    if (way > 0) run(SIGCHLD, way);
  }
  run(SIGWINCH, 0);
  run(SIGALRM, 0);
  return 0;
}
