/* Processes as files, processes that have ended and were not waited for, and the limit of descriptors. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAY(call)                                                      \
  do {                                                                 \
    long result_ = (long)(call);                                       \
    printf("%s = %ld", #call, result_);                                \
    if (result_ < 0) printf(" %s", strerrorname_np(errno));            \
    puts("");                                                          \
  } while (0)

static int ready(int fd) {
  struct pollfd one = {fd, POLLIN, 0};
  return poll(&one, 1, 0) > 0 ? one.revents : 0;
}

static volatile int got;
static void on(int number, siginfo_t *info, void *context) { got = number * 1000 + (info->si_code & 255); (void)context; }

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  int self = syscall(SYS_pidfd_open, getpid(), 0);
  SAY(self >= 0);
  SAY(fcntl(self, F_GETFD));
  SAY(ready(self));
  SAY(syscall(SYS_pidfd_open, 0, 0));
  SAY(syscall(SYS_pidfd_open, -5, 0));
  SAY(syscall(SYS_pidfd_open, 999999, 0));
  SAY(syscall(SYS_pidfd_open, getpid(), 0x10));
  char byte;
  SAY(read(self, &byte, 1));
  SAY(write(self, &byte, 1));
  sigaction(SIGUSR1, &(struct sigaction){.sa_sigaction = on, .sa_flags = SA_SIGINFO}, NULL);
  SAY(syscall(SYS_pidfd_send_signal, self, SIGUSR1, NULL, 0));
  SAY(got);
  siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
  SAY(syscall(SYS_pidfd_send_signal, self, SIGUSR1, &info, 0));
  SAY(got);
  SAY(syscall(SYS_pidfd_send_signal, self, SIGUSR2, &info, 0));
  SAY(syscall(SYS_pidfd_send_signal, self, 0, NULL, 0));
  SAY(syscall(SYS_pidfd_send_signal, self, 0, NULL, 64));
  SAY(syscall(SYS_pidfd_send_signal, 1, SIGUSR1, NULL, 0));
  SAY(syscall(SYS_pidfd_send_signal, 77, SIGUSR1, NULL, 0));

  int gate[2];
  SAY(pipe(gate));
  pid_t child = fork();
  if (child == 0) {
    close(gate[1]);
    read(gate[0], &byte, 1);
    _exit(7);
  }
  int fd = syscall(SYS_pidfd_open, child, O_NONBLOCK);
  int poller = epoll_create1(0);
  struct epoll_event event = {EPOLLIN, {.u32 = 5}}, found;
  SAY(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event));
  SAY(ready(fd));
  memset(&info, 0, sizeof info);
  SAY(waitid(P_PIDFD, fd, &info, WEXITED));
  int taken = syscall(SYS_pidfd_getfd, fd, gate[0], 0);
  SAY(taken >= 0);
  SAY(syscall(SYS_pidfd_getfd, fd, 500, 0));
  SAY(fcntl(taken, F_GETFD));
  close(gate[1]);
  SAY(epoll_wait(poller, &found, 1, 10000));
  SAY(ready(fd));
  /* It has ended, and was not waited for. */
  SAY(kill(child, 0));
  SAY(kill(child, SIGKILL));
  SAY(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
  SAY(waitid(P_PIDFD, fd, &info, WEXITED));
  SAY(info.si_status);
  SAY(kill(child, 0));
  SAY(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
  SAY(waitid(P_PIDFD, fd, &info, WEXITED));
  SAY(ready(fd) & POLLIN);

  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = 20;
  SAY(setrlimit(RLIMIT_NOFILE, &limit));
  int last = 0, fds;
  while ((fds = dup(0)) >= 0) last = fds;
  SAY(errno == EMFILE);
  SAY(last);
  SAY(dup2(0, 20));
  SAY(fcntl(0, F_DUPFD, 20));
  struct pollfd many[30] = {{0}};
  SAY(poll(many, 30, 0));
  limit.rlim_cur = 2000;
  if (limit.rlim_max > limit.rlim_cur) SAY(setrlimit(RLIMIT_NOFILE, &limit));
  SAY(dup2(0, 1999));
  child = fork();
  if (child == 0) _exit(dup2(0, 1998) == 1998 ? 3 : 4);
  int status;
  waitpid(child, &status, 0);
  SAY(WEXITSTATUS(status));
  return 0;
}
