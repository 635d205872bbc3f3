/* Calls with another mask and no time to wait, while a signal is pending that only the mask before blocks. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>
#include "../say.h"

static volatile int handled;
static int fds[2], events;

static void handler(int number) { handled = number; }

static int by_poll(int fd, const sigset_t *mask) {
  struct pollfd one = {fd, POLLIN, 0};
  return ppoll(&one, 1, &(struct timespec){0, 0}, mask);
}

static int by_select(int fd, const sigset_t *mask) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd, &set);
  return pselect(fd + 1, &set, NULL, NULL, &(struct timespec){0, 0}, mask);
}

static int by_epoll(int fd, const sigset_t *mask) {
  struct epoll_event event;
  return epoll_pwait(events, &event, 1, 0, mask);
}

static void try(const char *name, int (*wait)(int, const sigset_t *), int is_ready) {
  sigset_t open, left;
  sigemptyset(&open);
  char byte = 0;
  if (is_ready) write(fds[1], &byte, 1);
  for (int is_pending = 0; is_pending < 2; is_pending++) {
    handled = errno = 0;
    if (is_pending) raise(SIGUSR1);
    int result = wait(fds[0], &open);
    int error = result < 0 ? errno : 0;
    sigpending(&left);
    say("%s ready %d pending %d: %d error %d handled %d left %d\n", name, is_ready, is_pending, result, error, handled,
        sigismember(&left, SIGUSR1));
    if (sigismember(&left, SIGUSR1)) sigwaitinfo(&(sigset_t){{1ul << (SIGUSR1 - 1)}}, NULL);
  }
  if (is_ready) read(fds[0], &byte, 1);
}

int main(void) {
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  signal(SIGUSR1, handler);
  pipe(fds);
  events = epoll_create1(0);
  epoll_ctl(events, EPOLL_CTL_ADD, fds[0], &(struct epoll_event){.events = EPOLLIN});
  for (int is_ready = 0; is_ready < 2; is_ready++) {
    try("ppoll", by_poll, is_ready);
    try("pselect", by_select, is_ready);
    try("epoll_pwait", by_epoll, is_ready);
  }
  return 0;
}
