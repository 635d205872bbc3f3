/*
 * Makes a random tree of processes, by the seed in argv[1], whose members fork, begin programs, end, wait for each other, move
 * between groups and sessions, send signals to each other, stop and go on. A controller tells one of them at a time what to do,
 * lets all of them come to rest, and prints what they answer and what has become of each. The output is the same on every Linux.
 *
 * Left out is what Linux leaves open: when somebody waits for a process whose parent has ended. Such a one counts as gone once it
 * has ended, and the group that it was in is not founded as a session any more.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../sequences.h"

#include "../random.h"
#include "../say.h"

enum { SLOTS = 6, STEPS = 45, COMMANDS = 20, REPLIES = 20 + SLOTS };

enum operation { FORK, SPAWN, EXEC, EXIT, KILL, WAIT4, WAITID, SETPGID, SETSID, LOOK, ACTION, MASK, PENDING, PAUSE, SUSPEND, OPERATIONS };

static const char *OPERATION_NAMES[] = {"fork", "spawn", "exec", "exit", "kill", "wait4", "waitid", "setpgid",
                                        "setsid", "look", "action", "mask", "pending", "pause", "suspend"};

static const int SIGNALS[] = {SIGUSR1, SIGTERM, SIGHUP, SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGKILL, SIGURG, SIGCONT, 0, 65};
enum { SIGNAL_COUNT = sizeof SIGNALS / sizeof *SIGNALS };

/* What a process is to do. */
struct command {
  int operation, slot;
  long a, b, c;
};

/* What a process answers. */
struct reply {
  int slot, operation, error, status;
  long result, more[2];
  unsigned long seen;
};

/* ---- those who are told ---- */

static int self;
static volatile unsigned long seen;

static void handler(int number) { seen |= 1ul << number; }

static void answer(int operation, long result, int status, long more, long yet_more) {
  struct reply reply = {self, operation, result < 0 ? errno : 0, status, result, {more, yet_more}, 0};
  reply.seen = __atomic_exchange_n(&seen, 0, __ATOMIC_SEQ_CST);
  while (write(REPLIES, &reply, sizeof reply) < 0 && errno == EINTR) ;
}

static sigset_t set_of(unsigned long bits) {
  sigset_t set;
  sigemptyset(&set);
  memcpy(&set, &bits, sizeof bits);
  return set;
}

static void become(int slot, const char *last) {
  char number[8], path[] = "/proc/self/exe";
  sprintf(number, "%d", slot);
  execl(path, "told", number, last, (char *)NULL);
  _exit(97);
}

static void do_one(struct command *told) {
  int status = 0;
  long result = 0, more[2] = {0, 0};
  switch (told->operation) {
    case FORK:
      result = fork();
      if (result == 0) {
        self = told->slot;
        seen = 0;
        return;
      }
      break;
    case SPAWN:
      result = told->a ? vfork() : fork();
      if (result == 0) become(told->slot, "new");
      break;
    case EXEC: become(self, "again");
    case EXIT:
      if (told->b) syscall(SYS_exit, told->a);
      _exit(told->a);
    case KILL: result = kill(told->a, told->b); break;
    case WAIT4: result = wait4(told->a, &status, told->b, NULL); break;
    case WAITID: {
      siginfo_t info;
      memset(&info, 0, sizeof info);
      result = waitid(told->a, told->b, &info, told->c);
      status = info.si_code * 256 + info.si_status;
      more[0] = info.si_pid;
      more[1] = info.si_signo;
      break;
    }
    case SETPGID: result = setpgid(told->a, told->b); break;
    case SETSID: result = setsid(); break;
    case LOOK:
      result = getppid();
      more[0] = getpgid(told->a);
      more[1] = getsid(told->b);
      break;
    case ACTION: {
      struct sigaction action = {.sa_flags = told->c}, old = {0};
      action.sa_handler = told->b == 0 ? SIG_DFL : told->b == 1 ? SIG_IGN : handler;
      result = sigaction(told->a, &action, &old);
      more[0] = old.sa_handler == SIG_DFL ? 0 : old.sa_handler == SIG_IGN ? 1 : 2;
      break;
    }
    case MASK: {
      sigset_t set = set_of(told->b), old;
      sigemptyset(&old);
      result = sigprocmask(told->a, &set, &old);
      memcpy(more, &old, 8);
      break;
    }
    case PENDING: {
      sigset_t set;
      sigemptyset(&set);
      result = sigpending(&set);
      memcpy(more, &set, 8);
      break;
    }
    case PAUSE: result = pause(); break;
    case SUSPEND: {
      sigset_t set = set_of(told->a);
      result = sigsuspend(&set);
      break;
    }
  }
  answer(told->operation, result, status, more[0], more[1]);
}

static void obey(void) {
  struct command told;
  for (;;) {
    ssize_t length = read(COMMANDS + self, &told, sizeof told);
    if (length == sizeof told) do_one(&told);
    else if (length >= 0 || errno != EINTR) _exit(98);
  }
}

/* ---- the one who tells ---- */

static struct {
  pid_t pid; /* 0: nobody */
  int parent; /* a slot; -1: the controller; -2: it has ended */
  int is_busy;
  char state;
} slots[SLOTS];
static pid_t tainted[64];
static int tainted_count;
static int writers[SLOTS], answers;

/* The letter of /proc/PID/stat; '.' for a process that is not there any more. */
static char state_of(pid_t pid) {
  char path[40], text[200];
  sprintf(path, "/proc/%d/stat", pid);
  int fd = open(path, O_RDONLY);
  ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  if (length <= 0) return '.';
  text[length] = 0;
  return strrchr(text, ')')[2];
}

/* Waits until nobody does anything. */
static void settle(void) {
  for (int quiet = 0; quiet < 2;) {
    int is_moving = 0;
    for (int i = 0; i < SLOTS; i++) {
      if (!slots[i].pid) continue;
      slots[i].state = state_of(slots[i].pid);
      int left = 0;
      if (slots[i].state == 'S') ioctl(writers[i], FIONREAD, &left);
      if (!strchr("STZ.", slots[i].state) || left > 0) is_moving = 1;
    }
    quiet = is_moving ? 0 : quiet + 1;
    /* A process that is ending has told its parent by the time that the list of processes can be read. */
    kill(-getpgrp(), 0);
    if (is_moving) nanosleep(&(struct timespec){0, 50000}, NULL);
  }
  /* Those whose parents have ended. */
  for (int again = 1; again;) {
    again = 0;
    for (int i = 0; i < SLOTS; i++) {
      if (!slots[i].pid) continue;
      int is_gone = slots[i].state == '.' || (slots[i].state == 'Z' && slots[i].parent == -2);
      if (slots[i].state == 'Z' || is_gone)
        for (int k = 0; k < SLOTS; k++)
          if (slots[k].pid && slots[k].parent == i) slots[k].parent = -2, again = 1;
      if (is_gone) slots[i].pid = 0, slots[i].state = 0, again = 1;
    }
  }
}

/* Groups of processes that may be waited for at any time, or not. */
static void note_groups(void) {
  tainted_count = tainted_count > 40 ? 0 : tainted_count;
  for (int i = 0; i < SLOTS; i++)
    if (slots[i].pid && (slots[i].parent < -1 || slots[i].parent >= 0)) tainted[tainted_count++ % 64] = getpgid(slots[i].pid);
}

static int is_tainted(pid_t group) {
  for (int i = 0; i < 64; i++)
    if (tainted[i] == group) return 1;
  return 0;
}

static const char *name_of(pid_t pid) {
  static char names[4][8];
  static int turn;
  char *name = names[turn++ % 4];
  if (pid == 0) return "0";
  if (pid == getpid()) return "me";
  for (int i = 0; i < SLOTS; i++)
    if (slots[i].pid == pid) return sprintf(name, "#%d", i), name;
  return pid < 0 ? "none" : "other";
}

static void tell_reply(struct reply *reply) {
  int i = reply->slot;
  slots[i].is_busy = 0;
  say("  #%d %s:", i, OPERATION_NAMES[reply->operation]);
  int is_pid = reply->operation == FORK || reply->operation == SPAWN || reply->operation == WAIT4 || reply->operation == SETSID ||
               reply->operation == LOOK;
  if (reply->result < 0) say(" error %d", reply->error);
  else if (is_pid) say(" %s", name_of(reply->result));
  else say(" %ld", reply->result);
  if (reply->operation == LOOK) say(" group %s session %s", name_of(reply->more[0]), name_of(reply->more[1]));
  else if (reply->operation == WAITID) say(" of %s signal %ld", name_of(reply->more[0]), reply->more[1]);
  else say(" %lx", reply->more[0]);
  say(" status %x seen %lx\n", reply->status, reply->seen);
}

/* Takes what was answered, in the order of those who did. */
static void take_replies(int fresh) {
  struct reply replies[SLOTS];
  int count = 0;
  struct pollfd polled = {answers, POLLIN, 0};
  while (count < SLOTS && poll(&polled, 1, 0) > 0 && read(answers, &replies[count], sizeof *replies) > 0) count++;
  for (int i = 0; i < count; i++)
    if ((replies[i].operation == FORK || replies[i].operation == SPAWN) && replies[i].result > 0 && fresh >= 0) {
      slots[fresh].pid = replies[i].result;
      slots[fresh].parent = replies[i].slot;
      slots[fresh].is_busy = 0;
    }
  for (int slot = 0; slot < SLOTS; slot++)
    for (int i = 0; i < count; i++)
      if (replies[i].slot == slot) tell_reply(&replies[i]);
}

static int any_slot(int must_live) {
  int first = below(SLOTS);
  for (int i = 0; i < SLOTS; i++) {
    int slot = (first + i) % SLOTS;
    if (slots[slot].pid && (!must_live || slots[slot].state == 'S' || slots[slot].state == 'T')) return slot;
  }
  return -1;
}

static pid_t any_pid(void) {
  int slot = any_slot(1);
  return slot < 0 ? 0 : slots[slot].pid;
}

/* A group of processes that live. */
static pid_t any_group(void) {
  pid_t pid = any_pid();
  return pid ? getpgid(pid) : 0;
}

/* Several processes that get a signal at once are too many for somebody who waits: which of them is first is left open. */
static int may_signal_groups(void) {
  for (int i = 0; i < SLOTS; i++)
    if (slots[i].pid && slots[i].is_busy) return 0;
  return 1;
}

static int wait_flags(void) { return (below(4) ? WNOHANG : 0) | (below(2) ? WUNTRACED : 0) | (below(2) ? WCONTINUED : 0); }

static void start(int slot) {
  pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    self = slot;
    close(answers);
    obey();
  }
  slots[slot].pid = pid;
  slots[slot].parent = -1;
  slots[slot].is_busy = 0;
  say("start #%d\n", slot);
}

/* What the controller does itself. */
static void act(void) {
  int slot = any_slot(0), status = 0;
  if (slot < 0) return;
  if (below(3)) {
    int number = below(2) ? SIGCONT : below(3) ? SIGNALS[below(SIGNAL_COUNT)] : SIGKILL;
    pid_t target = below(5) || !may_signal_groups() ? any_pid() : -any_group();
    if (!target) return;
    int result = kill(target, number);
    say("kill %s%s %d: %d %d\n", target < 0 ? "-" : "", name_of(target < 0 ? -target : target), number, result, result < 0 ? errno : 0);
    return;
  }
  pid_t target = below(2) ? -1 : slots[slot].pid;
  int flags = wait_flags() | WNOHANG;
  int result = waitpid(target, &status, flags);
  say("wait for %s %x: %s %d status %x\n", name_of(target), flags, name_of(result), result < 0 ? errno : 0, result > 0 ? status : 0);
}

static void command(int slot, int *fresh) {
  struct command told = {below(OPERATIONS), slot, 0, 0, 0};
  if (below(4) == 0) told.operation = below(2) ? FORK : WAIT4;
  const char *target = "";
  switch (told.operation) {
    case FORK: case SPAWN:
      for (*fresh = 0; *fresh < SLOTS && slots[*fresh].pid; ++*fresh) ;
      if (*fresh == SLOTS) return;
      told.slot = *fresh;
      told.a = below(2);
      break;
    case EXEC: break;
    case EXIT: told.a = below(300), told.b = below(2); break;
    case KILL:
      told.a = below(4) ? any_pid() : below(2) ? -any_group() : 0;
      told.b = SIGNALS[below(SIGNAL_COUNT)];
      if (told.a <= 0 && !may_signal_groups()) return;
      break;
    case WAIT4: {
      unsigned kind = below(6);
      told.a = kind < 3 ? -1 : kind == 3 ? 0 : kind == 4 ? any_pid() : -any_group();
      if (told.a == 0 && kind != 3) told.a = -1;
      told.b = wait_flags() | (below(20) ? 0 : 0x40);
      if (!(told.b & WNOHANG)) told.b = told.a > 0 ? told.b & ~WCONTINUED : told.b | WNOHANG;
      break;
    }
    case WAITID: {
      told.a = below(4);
      told.b = told.a == P_PID ? any_pid() : told.a == P_PGID ? any_group() : 0;
      told.c = wait_flags() | (below(4) ? WEXITED : 0) | (below(3) ? 0 : WNOWAIT);
      if (told.a == 3) told.a = P_ALL;
      if (!(told.c & WNOHANG)) told.c = told.a == P_PID ? told.c & ~WCONTINUED : told.c | WNOHANG;
      break;
    }
    case SETPGID:
      told.a = below(2) ? 0 : any_pid();
      told.b = below(2) ? 0 : below(8) ? any_group() : -5;
      break;
    case SETSID:
      if (is_tainted(slots[slot].pid)) return;
      break;
    case LOOK: told.a = any_pid(), told.b = any_pid(); break;
    case ACTION: {
      static const int FLAGS[] = {SA_RESTART, SA_NOCLDSTOP, SA_NOCLDWAIT, SA_RESETHAND};
      told.a = SIGNALS[below(SIGNAL_COUNT)];
      told.b = below(3);
      for (int i = 0; i < 4; i++)
        if (below(3) == 0) told.c |= FLAGS[i];
      /* Both come to those who are left alone, with the end of others that they may wait for. */
      if (told.a == SIGHUP || told.a == SIGCONT) told.c |= SA_RESTART;
      break;
    }
    case MASK:
      told.a = below(3);
      for (unsigned count = below(3); count > 0; count--) told.b |= 1ul << ((SIGNALS[below(SIGNAL_COUNT - 2)] + 63) % 64);
      break;
    case SUSPEND:
      told.a = below(2) ? 1ul << (SIGTERM - 1) : 0;
      break;
  }
  say("#%d %s", slot, OPERATION_NAMES[told.operation]);
  if (told.operation == KILL || told.operation == WAIT4) say(" %s%s %lx", told.a < 0 ? "-" : "", name_of(told.a == -1 ? -1 : labs(told.a)), told.b);
  else if (told.operation == WAITID) say(" %ld %s %lx", told.a, name_of(told.b), told.c);
  else if (told.operation == SETPGID || told.operation == LOOK) say(" %s %s", name_of(told.a), name_of(told.b));
  else say(" %lx %lx %lx", told.a, told.b, told.c);
  say("\n");
  slots[slot].is_busy = 1;
  if (write(writers[slot], &told, sizeof told) != sizeof told) say("  nobody reads\n");
  /* Somebody new is known once it was answered for. */
  if (*fresh >= 0) {
    struct pollfd polled = {answers, POLLIN, 0};
    while (poll(&polled, 1, 0) == 0 && strchr("SRD", state_of(slots[slot].pid))) nanosleep(&(struct timespec){0, 20000}, NULL);
    take_replies(*fresh);
  }
}

static void tell_states(void) {
  say("  [");
  for (int i = 0; i < SLOTS; i++) say("%c%s", slots[i].pid ? slots[i].state : '.', slots[i].pid && slots[i].is_busy ? "+" : "");
  say("]\n");
}

static void end_all(void) {
  for (int i = 0; i < SLOTS; i++)
    if (slots[i].pid) kill(slots[i].pid, SIGKILL);
  settle();
  int status;
  while (waitpid(-1, &status, 0) > 0) ;
}

static int run(uint64_t seed, int is_new) {
  state = seed * 2654435761u + 5;
  setsid();
  int pipes[2];
  signal(SIGPIPE, SIG_IGN);
  if (pipe(pipes) < 0 || dup2(pipes[1], REPLIES) < 0) return 91;
  answers = fcntl(pipes[0], F_DUPFD_CLOEXEC, 40);
  close(pipes[0]), close(pipes[1]);
  for (int i = 0; i < SLOTS; i++) {
    if (pipe(pipes) < 0 || dup2(pipes[0], COMMANDS + i) < 0) return 92;
    writers[i] = fcntl(pipes[1], F_DUPFD_CLOEXEC, 50 + i);
    close(pipes[0]), close(pipes[1]);
  }
  for (int i = 0; i < STEPS; i++) {
    int slot = any_slot(1), fresh = -1;
    note_groups();
    if (slot < 0 || (i < 2 && !slots[i].pid)) start(slot < 0 ? 0 : i);
    else if (slots[slot].state == 'S' && !slots[slot].is_busy && below(6)) command(slot, &fresh);
    else act();
    settle();
    take_replies(-1);
    tell_states();
  }
  end_all();
  return 0;
}

int main(int argc, char **argv) {
  if (!strcmp(argv[0], "told")) {
    self = atoi(argv[1]);
    if (!strcmp(argv[2], "again")) answer(EXEC, 0, 0, 0, 0);
    obey();
  }
  return sequences(argc, argv, run);
}
