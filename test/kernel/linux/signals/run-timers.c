/* Timers that go by the time in which a process or a thread has run, and not by that which it has slept. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "../say.h"

/* Of times, in nanoseconds: Linux looks at such timers some hundred times a second, so nothing may be expected to be in time. */
enum { UNIT = 5000 };

static volatile int rung;
static timer_t timer;

static void ring(int number, siginfo_t *info, void *context) {
  rung++;
}

static long long now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void work_until(clockid_t clock, long long time) {
  while (now(clock) < time) ;
}

static int set(long value, long interval, int flags, long long base) {
  long long first = base + value * (long long)UNIT;
  struct itimerspec setting = {{0, interval * UNIT}, {first / 1000000000, first % 1000000000}}, old;
  rung = 0;
  int result = timer_settime(timer, flags, &setting, &old);
  struct itimerspec is;
  timer_gettime(timer, &is);
  say("  set %d: left %d, interval %ld\n", result, is.it_value.tv_nsec > 0 || is.it_value.tv_sec > 0, is.it_interval.tv_nsec / UNIT);
  return result;
}

static void by(const char *name, clockid_t clock) {
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
  int result = timer_create(clock, &event, &timer);
  say("%s: %d %d\n", name, result, result < 0 ? errno : 0);
  if (result < 0) return;
  set(40, 0, 0, 0);
  struct timespec pause = {0, 60 * UNIT};
  nanosleep(&pause, NULL);
  say("  after a sleep: %d\n", rung);
  long long start = now(clock);
  while (rung == 0) ;
  say("  after work: %d, not too early %d\n", rung, now(clock) - start >= 30 * UNIT);
  set(20, 0, TIMER_ABSTIME, now(clock));
  while (rung == 0) ;
  say("  at a time: %d\n", rung);
  set(1, 0, TIMER_ABSTIME, 0);
  while (rung == 0) ;
  say("  in the past: %d\n", rung);
  sigset_t set_of;
  sigemptyset(&set_of);
  sigaddset(&set_of, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set_of, NULL);
  set(10, 10, 0, 0);
  sigset_t pending;
  do sigpending(&pending);
  while (!sigismember(&pending, SIGUSR1));
  sigprocmask(SIG_UNBLOCK, &set_of, NULL);
  say("  repeated: %d\n", rung > 0);
  say("  deleted: %d\n", timer_delete(timer));
  say("  deleted again: %d\n", timer_delete(timer));
}

static void *worker(void *unused) {
  while (rung == 0) ;
  return NULL;
}

static void *idle(void *unused) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, NULL);
  for (;;) pause();
}

int main(void) {
  struct sigaction action = {.sa_sigaction = ring, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &action, NULL);
  by("process", CLOCK_PROCESS_CPUTIME_ID);
  by("thread", CLOCK_THREAD_CPUTIME_ID);
  clockid_t clock;
  clock_getcpuclockid(0, &clock);
  by("of a process", clock);
  clock_getcpuclockid(getpid(), &clock);
  by("of the same", clock);
  by("of no process", (clockid_t)(~0u << 3 ^ 99999999u << 3 | 2));
  by("of no kind", (clockid_t)(~0u << 3 | 3));
  by("raw", CLOCK_MONOTONIC_RAW);
  by("coarse", CLOCK_REALTIME_COARSE);
  by("no clock", 10);
  by("no clock", 12);

  /* A thread's work counts for the process, not for another thread. */
  pthread_t first, second;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
  timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer);
  set(15, 0, 0, 0);
  pthread_create(&first, NULL, worker, NULL);
  pthread_join(first, NULL);
  say("work of another thread: %d\n", rung);
  timer_delete(timer);
  pthread_create(&second, NULL, idle, NULL);
  pthread_getcpuclockid(second, &clock);
  say("of an idle thread: %d\n", timer_create(clock, &event, &timer));
  set(15, 0, 0, 0);
  work_until(CLOCK_PROCESS_CPUTIME_ID, now(CLOCK_PROCESS_CPUTIME_ID) + 30 * UNIT);
  say("it has not run: %d\n", rung);
  struct timespec time = {0, 1};
  say("sleeping by a thread's clock: %d\n", (int)syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &time, NULL) < 0 ? errno : 0);
  return 0;
}
