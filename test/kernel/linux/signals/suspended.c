/*
 * A process waits with a mask that blocks a signal that has come. Signals that nothing is done about let it through: those that
 * would stop a process of an orphaned group, but not those that are ignored when they come. So do stopping and going on. Where
 * SIGCONT has a handler, that of the other signal runs later.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../say.h"

/* Waits until a process sleeps or has ended. */
static void settle(pid_t pid) {
  char path[40], line[300];
  sprintf(path, "/proc/%d/stat", pid);
  for (;; usleep(500)) {
    FILE *file = fopen(path, "r");
    fgets(line, sizeof line, file);
    fclose(file);
    char state = strrchr(line, ')')[2];
    if (strchr("STZ", state)) return;
  }
}

static void handler(int number) { say(" handler %d", number); }

static void waits(int way, const sigset_t *mask, int count) {
  for (; count > 0; count--) {
    int result = way == 0   ? sigsuspend(mask)
                 : way == 1 ? ppoll(NULL, 0, NULL, mask)
                 : way == 2 ? pselect(0, NULL, NULL, NULL, NULL, mask)
                            : epoll_pwait(epoll_create1(0), &(struct epoll_event){0}, 1, -1, mask);
    say(" interrupted %d", result);
  }
}

/* Who waits does so in one of four ways; somebody else may let it go on where its group is not orphaned. */
static void try(int way, int number, int has_handler, int is_orphaned) {
  say("way %d signal %d handler %d%s:", way, number, has_handler, is_orphaned ? " orphaned" : "");
  int status = 0, fds[2];
  char ready;
  pipe(fds);
  pid_t child = fork();
  if (child == 0) {
    sigset_t blocked;
    if (is_orphaned) setsid();
    else setpgid(0, 0);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    if (has_handler) signal(SIGTERM, handler);
    if (has_handler == 2) signal(SIGCONT, handler);
    write(fds[1], "", 1);
    waits(way, &blocked, 2);
    exit(3);
  }
  read(fds[0], &ready, 1);
  for (int turn = 0; turn < 3; turn++) {
    settle(child);
    if (turn != 1 || is_orphaned) kill(child, SIGTERM);
    kill(child, number);
    if (is_orphaned) continue;
    settle(child);
    if (turn == 1) kill(child, SIGTERM);
    kill(child, SIGCONT);
  }
  settle(child);
  kill(child, SIGUSR1);
  waitpid(child, &status, 0);
  say(" status %x\n", status);
  close(fds[0]), close(fds[1]);
}

int main(void) {
  static const int NUMBERS[] = {SIGTTIN, SIGTSTP, SIGTTOU, SIGCONT, SIGWINCH, SIGURG};
  for (int way = 0; way < 4; way++)
    for (int has_handler = 0; has_handler < 3; has_handler++) {
      for (int i = 0; i < 6; i++) try(way, NUMBERS[i], has_handler, 1);
      try(way, SIGTTIN, has_handler, 0);
      try(way, SIGSTOP, has_handler, 0);
    }
  return 0;
}
