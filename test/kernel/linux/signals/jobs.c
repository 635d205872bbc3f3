/*
 * Process groups, sessions, processes that are stopped and go on, timers, and calls that handlers interrupt or that are made
 * again. The output is the same on every Linux.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../say.h"

/* What a call answers, or its error as a negative number. */
#define TRY(call)                       \
  ({                                    \
    long answer = (call);               \
    answer < 0 ? -(long)errno : answer; \
  })

static volatile int alarms;
static int first_child, parent;

static const char *name_of(int pid) { return pid == first_child ? "child" : pid == parent ? "parent" : pid == 0 ? "nobody" : "other"; }

static void on_alarm(int number) {
  alarms++;
  say(" signal %d\n", number);
}

static void on_child(int number, siginfo_t *info, void *raw) {
  (void)raw;
  say(" signal %d code %d of %s status %d\n", number, info->si_code, name_of(info->si_pid), info->si_status);
}

static void handle(int number, void (*handler)(int), int flags) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
  sigaction(number, &action, NULL);
}

static void status(const char *what, int result, int word) {
  say("%s: %s", what, result < 0 ? strerrorname_np(errno) : name_of(result));
  if (result > 0)
    say(" exited %d/%d killed %d/%d stopped %d/%d continued %d", WIFEXITED(word), WIFEXITED(word) ? WEXITSTATUS(word) : 0,
        WIFSIGNALED(word), WIFSIGNALED(word) ? WTERMSIG(word) : 0, WIFSTOPPED(word), WIFSTOPPED(word) ? WSTOPSIG(word) : 0,
        WIFCONTINUED(word));
  say("\n");
}

#define STATUS(what, call)      \
  do {                          \
    int found = (call);         \
    status(what, found, word);  \
  } while (0)

static void after(long microseconds, long interval) {
  struct itimerval timer = {{0, interval}, {0, microseconds}};
  setitimer(ITIMER_REAL, &timer, NULL);
}

static void groups(void) {
  say("setpgid: %ld\n", TRY(setpgid(0, -5)));
  say("setpgid of nobody: %ld\n", TRY(setpgid(999999, 0)));
  say("setpgid to no group: %ld\n", TRY(setpgid(0, 999999)));
  say("getpgid of nobody: %ld\n", TRY(getpgid(999999)));
  say("kill of no group: %ld\n", TRY(kill(-999999, 0)));
  int word;
  if ((first_child = fork()) == 0) {
    int before = getpgrp() == getpgid(getppid());
    int made = setpgid(0, 0);
    say("child: group of its parent %d, setpgid %d, own %d, session %d\n", before, made, getpgrp() == getpid(),
        getsid(0) == getsid(getppid()));
    say("setsid as a leader: %ld\n", TRY(setsid()));
    int grandchild = fork();
    if (grandchild == 0) {
      int session = setsid();
      say("setsid: %d group %d session %d\n", session == getpid(), getpgrp() == getpid(), getsid(0) == getpid());
      say("setpgid of a session leader: %ld\n", TRY(setpgid(0, 0)));
      _exit(4);
    }
    waitpid(grandchild, &word, 0);
    say("grandchild %d\n", WEXITSTATUS(word));
    raise(SIGTERM);
    _exit(1);
  }
  int result = waitpid(first_child, &word, 0);
  status("wait", result, word);
  if ((first_child = fork()) == 0) {
    setpgid(0, 0);
    if (fork() == 0) {
      pause();
      _exit(1);
    }
    raise(SIGSTOP);
    pause();
    _exit(1);
  }
  waitpid(first_child, &word, WUNTRACED);
  say("kill of a group: %d\n", kill(-first_child, SIGKILL));
  STATUS("wait of a group", waitpid(-first_child, &word, 0));
  STATUS("wait again", waitpid(-first_child, &word, 0));
}

static void stops(int number) {
  int word;
  struct sigaction action = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigaction(SIGCHLD, &action, NULL);
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, &old);
  if ((first_child = fork()) == 0) {
    handle(SIGCONT, on_alarm, 0);
    say("stopping by %d\n", number);
    raise(number);
    say("goes on\n");
    _exit(5);
  }
  sigprocmask(SIG_SETMASK, &old, NULL);
  STATUS("stopped", waitpid(first_child, &word, WUNTRACED | WCONTINUED));
  STATUS("nothing new", waitpid(first_child, &word, WUNTRACED | WNOHANG));
  sigprocmask(SIG_BLOCK, &set, NULL);
  kill(first_child, SIGCONT);
  siginfo_t info = {0};
  int result = waitid(P_PID, first_child, &info, WEXITED | WNOWAIT);
  say("waitid: %d code %d status %d\n", result, info.si_code, info.si_status);
  sigprocmask(SIG_SETMASK, &old, NULL);
  STATUS("ended", waitpid(first_child, &word, WUNTRACED));
  handle(SIGCHLD, SIG_DFL, 0);
}

static void timers(void) {
  handle(SIGALRM, on_alarm, 0);
  say("alarm: %u", alarm(100));
  say(" %u", alarm(200));
  say(" %u\n", alarm(0));
  after(2000, 0);
  say("pause: %ld\n", TRY(pause()));
  int pipes[2];
  char byte;
  if (pipe(pipes) != 0) _exit(98);
  after(2000, 0);
  say("read: %ld\n", TRY(read(pipes[0], &byte, 1)));
  struct pollfd polled = {pipes[0], POLLIN, 0};
  handle(SIGALRM, on_alarm, SA_RESTART);
  after(2000, 0);
  say("poll: %ld\n", TRY(poll(&polled, 1, -1)));
  struct timespec time = {5, 0}, left = {-1, -1};
  after(2000, 0);
  long result = TRY(nanosleep(&time, &left));
  say("nanosleep: %ld left %d\n", result, left.tv_sec == 4 && left.tv_nsec > 0);
  after(2000, 0);
  result = clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &left);
  say("clock_nanosleep: %ld left %ld\n", result, (long)left.tv_sec);
  sigset_t none;
  sigemptyset(&none);
  after(2000, 0);
  say("sigsuspend: %ld\n", TRY(sigsuspend(&none)));
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGALRM);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  after(2000, 0);
  say("ppoll: %ld\n", TRY(ppoll(&polled, 1, NULL, &none)));
  after(2000, 0);
  int number = sigwaitinfo(&blocked, NULL);
  say("sigwaitinfo: %d\n", number);
  sigprocmask(SIG_UNBLOCK, &blocked, NULL);
  /* Made again after three signals, the call gets what a child writes. */
  alarms = 0;
  int back[2];
  if (pipe(back) != 0) _exit(98);
  if (fork() == 0) {
    struct timespec while_it_reads = {0, 20000000};
    if (read(back[0], &byte, 1) != 1 || nanosleep(&while_it_reads, NULL) != 0 || write(pipes[1], "x", 1) != 1) _exit(1);
    _exit(0);
  }
  after(1000, 0);
  while (alarms < 1) pause();
  if (write(back[1], "y", 1) != 1) _exit(98);
  after(2000, 0);
  int count = read(pipes[0], &byte, 1);
  say("read again: %d %c\n", count, byte);
  int word;
  after(0, 0);
  say("wait: %d\n", wait(&word) > 0);
  alarms = 0;
  after(1000, 1000);
  while (alarms < 3) pause();
  after(0, 0);
  struct itimerval timer;
  getitimer(ITIMER_REAL, &timer);
  say("timer: %ld %ld\n", (long)timer.it_value.tv_usec, (long)timer.it_interval.tv_usec);
}

static void pipes_and_children(void) {
  int ends[2], word;
  if (pipe(ends) != 0) _exit(98);
  close(ends[0]);
  handle(SIGPIPE, on_alarm, 0);
  say("write: %ld\n", TRY(write(ends[1], "x", 1)));
  handle(SIGPIPE, SIG_DFL, 0);
  if ((first_child = fork()) == 0) _exit(write(ends[1], "x", 1) < 0);
  STATUS("broken pipe", waitpid(first_child, &word, 0));
  handle(SIGCHLD, SIG_IGN, 0);
  if ((first_child = fork()) == 0) _exit(3);
  STATUS("ignored child", waitpid(first_child, &word, 0));
  handle(SIGCHLD, SIG_DFL, 0);
}

int main(void) {
  parent = getpid();
  groups();
  stops(SIGSTOP);
  pipes_and_children();
  timers();
  return 0;
}
