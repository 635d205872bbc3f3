/* Signals of timers are not lost: each timer has a place in the queue. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static volatile int rung[3], other;

static void on(int number, siginfo_t *info, void *context) {
  (void)number, (void)context;
  if (info->si_code == SI_TIMER) rung[info->si_value.sival_int]++;
  else other++;
}

static timer_t made(int number, int value) {
  timer_t timer = 0;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = number, .sigev_value.sival_int = value};
  printf("create %d\n", timer_create(CLOCK_MONOTONIC, &event, &timer));
  return timer;
}

static void start(timer_t timer, long ns, long interval_ns) {
  struct itimerspec setting = {{0, interval_ns}, {0, ns}};
  printf("set %d\n", timer_settime(timer, 0, &setting, NULL));
}

/* Longer than the timers, also in the machine's clock. */
static void wait_for_all(void) {
  struct timespec left = {0, 20000000};
  while (nanosleep(&left, &left) < 0)
    ;
}

static void block(int how, int number) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  sigprocmask(how, &set, NULL);
}

static void say(const char *what) {
  printf("%s: %d %d %d, others %d\n", what, rung[0], rung[1], rung[2], other);
  rung[0] = rung[1] = rung[2] = other = 0;
}

int main(void) {
  struct sigaction action = {.sa_sigaction = on, .sa_flags = SA_SIGINFO};
  sigaction(SIGALRM, &action, NULL);
  sigaction(SIGRTMIN, &action, NULL);
  timer_t timers[3] = {made(SIGALRM, 0), made(SIGALRM, 1), made(SIGRTMIN, 2)};

  block(SIG_BLOCK, SIGALRM);
  start(timers[0], 1000, 0);
  start(timers[1], 1000, 0);
  wait_for_all();
  kill(getpid(), SIGALRM);
  block(SIG_UNBLOCK, SIGALRM);
  say("two timers with one signal");

  /* The queue is full: the limit leaves no room for others. */
  struct rlimit limit;
  getrlimit(RLIMIT_SIGPENDING, &limit);
  limit.rlim_cur = 0;
  printf("limit %d\n", setrlimit(RLIMIT_SIGPENDING, &limit));
  block(SIG_BLOCK, SIGRTMIN);
  int queued = sigqueue(getpid(), SIGRTMIN, (union sigval){0});
  printf("queue %d %d\n", queued, queued < 0 ? errno : 0);
  start(timers[2], 1000, 0);
  wait_for_all();
  block(SIG_UNBLOCK, SIGRTMIN);
  say("a timer where the queue is full");
  timer_t more;
  printf("a further timer %d", timer_create(CLOCK_MONOTONIC, NULL, &more));
  printf(" %d\n", errno);

  block(SIG_BLOCK, SIGRTMIN);
  start(timers[2], 1000, 500000000);
  wait_for_all();
  block(SIG_UNBLOCK, SIGRTMIN);
  say("one that repeats");
  struct itimerspec setting;
  timer_gettime(timers[2], &setting);
  printf("goes on %d\n", setting.it_value.tv_nsec > 0);
  for (int i = 0; i < 3; i++) printf("delete %d\n", timer_delete(timers[i]));
  return 0;
}
