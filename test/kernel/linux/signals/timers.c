/* Timers of every kind, and signals that are read from a file: prints what the calls answer. Times are compared loosely. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static volatile int rung, last_code, last_value, first_overrun;
static void on(int n, siginfo_t* i, void* c) {
  if (rung++ == 0) first_overrun = i->si_overrun;
  last_code = i->si_code;
  last_value = i->si_value.sival_int;
}
#define T(x)                                \
  do {                                      \
    long r_ = (x);                          \
    printf("%s -> %ld", #x, r_);            \
    if (r_ < 0) printf(" errno %d", errno); \
    puts("");                               \
  } while (0)
static void nap(long us) {
  struct timespec t = {us / 1000000, us % 1000000 * 1000};
  while (nanosleep(&t, &t))
    ;
}
int main(void) {
  int t = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  uint64_t n = 0;
  struct itimerspec s = {{0, 20000000}, {0, 30000000}}, o;
  T(timerfd_create(99, 0));
  T(timerfd_create(2, 0));
  T(timerfd_create(1, 8));
  T(read(t, &n, 8));
  T(read(t, &n, 7));
  T(timerfd_settime(t, 0, &s, &o));
  printf("%ld %ld\n", o.it_value.tv_nsec, o.it_interval.tv_nsec);
  struct pollfd p = {t, POLLIN | POLLOUT, 0};
  T(poll(&p, 1, 0));
  printf("%x\n", p.revents);
  T(poll(&p, 1, 2000));
  printf("%x\n", p.revents);
  T(read(t, &n, 8));
  printf("%d\n", (int)n);
  nap(50000);
  T(read(t, &n, 100));
  printf("%d\n", n >= 2);
  timerfd_gettime(t, &o);
  printf("%d %ld\n", o.it_value.tv_nsec <= 20000000, o.it_interval.tv_nsec);
  s.it_value.tv_nsec = 0;
  T(timerfd_settime(t, 0, &s, &o));
  nap(40000);
  T(read(t, &n, 8));
  T(write(t, &n, 8));
  s.it_value.tv_nsec = 1;
  s.it_interval.tv_nsec = 0;
  T(timerfd_settime(t, TFD_TIMER_ABSTIME, &s, 0));
  T(read(t, &n, 8));
  printf("%d\n", (int)n);
  T(timerfd_settime(t, 64, &s, 0));
  s.it_value.tv_nsec = 1000000000;
  T(timerfd_settime(t, 0, &s, 0));
  T(timerfd_settime(0, 0, &s, 0));
  // signalfd
  sigset_t m;
  sigemptyset(&m);
  sigaddset(&m, SIGUSR1);
  sigaddset(&m, SIGCHLD);
  sigaddset(&m, 40);
  sigprocmask(SIG_BLOCK, &m, 0);
  int f = signalfd(-1, &m, SFD_NONBLOCK | SFD_CLOEXEC);
  struct signalfd_siginfo i[4];
  T(read(f, i, sizeof i));
  T(read(f, i, 100));
  kill(getpid(), SIGUSR1);
  union sigval v = {.sival_int = 77};
  sigqueue(getpid(), 40, v);
  sigqueue(getpid(), 40, v);
  p.fd = f;
  T(poll(&p, 1, 0));
  printf("%x\n", p.revents);
  int e = epoll_create1(0);
  struct epoll_event ev = {EPOLLIN, {.u64 = 5}};
  T(epoll_ctl(e, 1, f, &ev));
  T(epoll_wait(e, &ev, 1, 0));
  T(read(f, i, sizeof i));
  for (int k = 0; k < 3; k++)
    printf("%d code %d pid %d int %d ptr %d\n", i[k].ssi_signo, i[k].ssi_code, i[k].ssi_pid == getpid(), i[k].ssi_int,
           (int)i[k].ssi_ptr);
  int c = fork();
  if (!c) {
    nap(30000);
    _exit(9);
  }
  p.fd = f;
  T(poll(&p, 1, 3000));
  T(read(f, i, sizeof i));
  printf("%d code %d pid %d status %d\n", i[0].ssi_signo, i[0].ssi_code, i[0].ssi_pid == c, i[0].ssi_status);
  int st;
  T(wait(&st) > 0);
  T(signalfd(0, &m, 0));
  T(signalfd(f, &m, 0) == f);
  // posix timers
  struct sigaction a = {.sa_sigaction = on, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR2, &a, 0);
  sigaction(SIGALRM, &a, 0);
  sigaction(SIGVTALRM, &a, 0);
  sigaction(SIGPROF, &a, 0);
  timer_t id;
  struct sigevent se = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2, .sigev_value = {.sival_int = 123}};
  T(timer_create(CLOCK_MONOTONIC, &se, &id));
  struct itimerspec q = {{0, 0}, {0, 20000000}};
  T(timer_settime(id, 0, &q, &o));
  nap(40000);
  printf("rung %d code %d value %d\n", rung, last_code, last_value);
  T(timer_gettime(id, &o));
  printf("%ld\n", o.it_value.tv_nsec);
  sigset_t u;
  sigemptyset(&u);
  sigaddset(&u, SIGUSR2);
  sigprocmask(SIG_BLOCK, &u, 0);
  rung = 0;
  q.it_interval.tv_nsec = 10000000;
  T(timer_settime(id, 0, &q, 0));
  nap(55000);
  sigprocmask(SIG_UNBLOCK, &u, 0);
  /* On a busy machine it may have rung again by now. */
  printf("rung %d overrun %d\n", rung >= 1, first_overrun >= 3);
  T(timer_delete(id));
  rung = 0;
  nap(30000);
  printf("rung %d\n", rung);
  T(timer_delete(id));
  T(timer_getoverrun(id));
  T(timer_create(77, &se, &id));
  se.sigev_signo = 99;
  T(timer_create(1, &se, &id));
  se.sigev_notify = SIGEV_NONE;
  T(timer_create(1, &se, &id));
  T(timer_settime(id, 0, &q, 0));
  T(timer_gettime(id, &o));
  printf("%d\n", o.it_value.tv_nsec > 0);
  T(timer_delete(id));
  T(timer_create(CLOCK_REALTIME, 0, &id));
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  q.it_value = now;
  q.it_value.tv_nsec += 20000000;
  if (q.it_value.tv_nsec >= 1000000000) {
    q.it_value.tv_sec++;
    q.it_value.tv_nsec -= 1000000000;
  }
  q.it_interval.tv_nsec = 0;
  rung = 0;
  T(timer_settime(id, TIMER_ABSTIME, &q, 0));
  nap(50000);
  printf("rung %d code %d\n", rung, last_code);
  // cpu timers
  for (int w = 1; w <= 2; w++) {
    rung = 0;
    struct itimerval iv = {{0, 0}, {0, 100}};
    T(setitimer(w, &iv, 0));
    nap(60000);
    printf("asleep %d\n", rung);
    struct rusage r;
    while (!rung) {
      getrusage(RUSAGE_SELF, &r);
    }
    struct itimerval g;
    T(getitimer(w, &g));
    printf("%ld\n", g.it_value.tv_usec);
  }
  T(setitimer(3, &(struct itimerval){0}, 0));
  struct timespec ct;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ct);
  printf("cpu %d\n", ct.tv_sec == 0 && ct.tv_nsec > 100000);
  c = fork();
  if (!c) {
    struct rusage r;
    do getrusage(0, &r);
    while (r.ru_utime.tv_usec + r.ru_stime.tv_usec < 100);
    _exit(0);
  }
  struct rusage ru;
  wait4(c, 0, 0, &ru);
  printf("child %d\n", ru.ru_utime.tv_usec + ru.ru_stime.tv_usec >= 100);
  getrusage(RUSAGE_CHILDREN, &ru);
  printf("children %d\n", ru.ru_utime.tv_usec + ru.ru_stime.tv_usec >= 100);
  return 0;
}
