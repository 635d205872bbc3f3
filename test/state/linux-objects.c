/*
 * A program of Linux that makes kernel objects of every kind, in several processes and threads, some of which wait for what never
 * comes, and then works with some of them without an end. Calls that the kernel does not have fail, which changes nothing.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/** The key of the objects of System V. */
enum { KEY = 0x5e9 };
/** Types of messages: those that stay in their queue, those that a thread waits for in vain, and those that a thread receives. */
enum { KEPT = 1, NEVER_SENT, RECEIVED };

struct message {
  long type;
  char bytes[8];
};

static int pipes[2];
static int quiet_terminal;
static int semaphores, messages, full;
static mqd_t letters, full_letters;
static pthread_mutex_t never = PTHREAD_MUTEX_INITIALIZER;

static void on_signal(int number, siginfo_t *info, void *context) {
  (void)number, (void)info, (void)context;
}

static void *thread_waits(void *unused) {
  prctl(PR_SET_NAME, "waiting");
  pthread_mutex_lock(&never);
  return unused;
}

static void *thread_takes_signal(void *unused) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN + 1);
  siginfo_t info;
  sigwaitinfo(&set, &info);
  return unused;
}

static void *thread_reads_terminal(void *unused) {
  char bytes[8];
  read(quiet_terminal, bytes, sizeof bytes);
  return unused;
}

static void *thread_receives(void *unused) {
  struct message message;
  for (;;) msgrcv(messages, &message, sizeof message.bytes, RECEIVED, 0);
  return unused;
}

static void *thread_receives_nothing(void *unused) {
  struct message message;
  msgrcv(messages, &message, sizeof message.bytes, NEVER_SENT, 0);
  return unused;
}

static void *thread_sends(void *unused) {
  struct message message = {KEPT, "no room"};
  msgsnd(full, &message, sizeof message.bytes, 0);
  return unused;
}

static void *thread_counts_down(void *unused) {
  struct sembuf down = {1, -1, 0};
  for (;;) semop(semaphores, &down, 1);
  return unused;
}

static void *thread_waits_for_zero(void *unused) {
  struct sembuf operations[] = {{2, 1, SEM_UNDO}, {0, 0, 0}};
  struct timespec long_time = {1000, 0};
  semtimedop(semaphores, operations, 2, &long_time);
  return unused;
}

static void *thread_receives_letters(void *unused) {
  char bytes[8];
  unsigned priority;
  struct timespec late = {0x7fffffff, 0};
  for (;;) mq_timedreceive(letters, bytes, sizeof bytes, &priority, &late);
  return unused;
}

static void *thread_sends_letter(void *unused) {
  mq_send(full_letters, "no room", 8, 5);
  return unused;
}

static void make_files(void) {
  mkdir("/tmp", 0777);
  mkdir("/tmp/a", 0755);
  mkdir("/tmp/a/b", 0700);
  int file = open("/tmp/a/file", O_CREAT | O_RDWR, 0644);
  char text[9000];
  memset(text, 'x', sizeof text);
  write(file, text, sizeof text);
  lseek(file, 100, SEEK_SET);
  flock(file, LOCK_SH);
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 20};
  fcntl(file, F_SETLK, &lock);
  symlink("file", "/tmp/a/link");
  link("/tmp/a/file", "/tmp/a/hard");
  mkfifo("/tmp/a/fifo", 0600);
  mkfifo("/tmp/a/other", 0600);
  int gone = open("/tmp/a/gone", O_CREAT | O_RDWR, 0600);
  write(gone, "gone", 4);
  unlink("/tmp/a/gone");
  int memory = memfd_create("memory", MFD_ALLOW_SEALING);
  ftruncate(memory, 20000);
  fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK);
  char *shared = mmap(NULL, 20000, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  if (shared != MAP_FAILED) shared[5000] = 1;
  mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 4096);
  mmap(NULL, 8192, PROT_READ, MAP_SHARED, file, 0);
  open("/tmp/a", O_PATH);
  DIR *directory = opendir("/tmp/a");
  if (directory) readdir(directory);
  open("/dev/null", O_RDWR);
  open("/dev/urandom", O_RDONLY);
  char word[8];
  int maps = open("/proc/self/maps", O_RDONLY);
  read(maps, word, sizeof word);
  open("/proc/self", O_RDONLY | O_DIRECTORY);
  open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
  readlink("/proc/self/exe", word, sizeof word);
  open("/proc/self/exe", O_PATH | O_NOFOLLOW);
  open("/proc/self/fd/0", O_PATH | O_NOFOLLOW);
  open("/proc/self", O_PATH | O_NOFOLLOW);
  int own = open("/linux-objects.c", O_RDWR);
  write(own, "changed", 7);
  int other = open("/walker.test.ts", O_RDONLY);
  read(other, word, sizeof word);
  flock(open("/tmp/a/b", O_RDONLY | O_DIRECTORY), LOCK_SH);
  flock(open("/tmp/a/fifo", O_RDWR), LOCK_EX);
  flock(maps, LOCK_SH);
  flock(open("/proc", O_RDONLY | O_DIRECTORY), LOCK_SH);
  flock(0, LOCK_SH);
  flock(open("/proc/self/mem", O_RDONLY), LOCK_SH);
  flock(open("/sys/devices/system/cpu/online", O_RDONLY), LOCK_SH);
  flock(open("/sys/devices", O_RDONLY | O_DIRECTORY), LOCK_SH);
  chdir("/tmp/a");
  umask(027);
}

/** Watches files of every kind, and lets events wait. */
static void make_watches(void) {
  int watcher = inotify_init1(IN_NONBLOCK);
  static const char *const paths[] = {"/tmp/a",     "/tmp/a/file", "/tmp/a/link",     "/tmp/a/fifo",    "/dev/tty",
                                      "/dev/stdin", "/proc",       "/proc/self/maps", "/proc/self/exe", "/proc/self",
                                      "/proc/self/mem", "/sys/devices", "/sys/devices/system/cpu/online"};
  for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++) {
    inotify_add_watch(watcher, paths[i], IN_ALL_EVENTS);
    inotify_add_watch(watcher, paths[i], IN_ALL_EVENTS | IN_DONT_FOLLOW);
  }
  inotify_add_watch(watcher, "/proc/self/fd/0", IN_ALL_EVENTS);
  int file = open("/tmp/a/file", O_RDWR);
  write(file, "told", 4);
  mkdir("/tmp/a/new", 0700);
}

static void make_sockets(void) {
  int pair[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  write(pair[0], "some bytes", 10);
  int passed[2];
  socketpair(AF_UNIX, SOCK_DGRAM, 0, passed);
  char byte = 'f';
  struct iovec part = {&byte, 1};
  char control[CMSG_SPACE(sizeof(int))] = {0};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &pair[1], sizeof(int));
  sendmsg(passed[0], &message, 0);
  struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "/tmp/a/socket"};
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  bind(listener, (struct sockaddr *)&name, sizeof name);
  listen(listener, 4);
  int caller = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  connect(caller, (struct sockaddr *)&name, sizeof name);
  struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof place;
  int server = socket(AF_INET, SOCK_STREAM, 0);
  bind(server, (struct sockaddr *)&place, sizeof place);
  listen(server, 4);
  getsockname(server, (struct sockaddr *)&place, &length);
  int client = socket(AF_INET, SOCK_STREAM, 0);
  connect(client, (struct sockaddr *)&place, sizeof place);
  int accepted = accept(server, NULL, NULL);
  write(client, "to the server", 13);
  write(accepted, "to the client", 13);
  int size = 20000;
  setsockopt(client, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  struct timeval time = {5, 7};
  setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  struct linger linger = {1, 3};
  setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  shutdown(accepted, SHUT_RD);
  int datagram = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in port = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons(5000)};
  bind(datagram, (struct sockaddr *)&port, sizeof port);
  sendto(datagram, "datagram", 8, 0, (struct sockaddr *)&port, sizeof port);
}

static void make_events(void) {
  int poll = epoll_create1(0);
  pipe(pipes);
  write(pipes[1], "in the pipe", 11);
  fcntl(pipes[1], F_SETPIPE_SZ, 8192);
  struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = 77};
  epoll_ctl(poll, EPOLL_CTL_ADD, pipes[0], &event);
  int counter = eventfd(3, EFD_SEMAPHORE);
  event.events = EPOLLIN | EPOLLONESHOT;
  epoll_ctl(poll, EPOLL_CTL_ADD, counter, &event);
  int timer = timerfd_create(CLOCK_MONOTONIC, 0);
  struct itimerspec soon = {{0, 700000}, {0, 500000}};
  timerfd_settime(timer, 0, &soon, NULL);
  event.events = EPOLLIN;
  epoll_ctl(poll, EPOLL_CTL_ADD, timer, &event);
  int idle = timerfd_create(CLOCK_REALTIME, 0);
  struct itimerspec late = {{0, 0}, {1000, 0}};
  timerfd_settime(idle, 0, &late, NULL);
  epoll_wait(poll, &event, 1, 0);
}

static void make_signals(void) {
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
  for (int number = 1; number < 64; number++)
    if (number != SIGCHLD && number != SIGSEGV) sigaction(number, &action, NULL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMIN);
  sigaddset(&set, SIGRTMIN + 1);
  sigaddset(&set, SIGRTMIN + 2);
  sigprocmask(SIG_BLOCK, &set, NULL);
  signalfd(-1, &set, 0);
  raise(SIGUSR1);
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 9});
  static char stack[65536];
  stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&other, NULL);
  struct itimerval interval = {{0, 900}, {0, 800}};
  setitimer(ITIMER_REAL, &interval, NULL);
  struct itimerval virtual = {{3, 0}, {3, 0}};
  setitimer(ITIMER_VIRTUAL, &virtual, NULL);
  setitimer(ITIMER_PROF, &virtual, NULL);
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2};
  timer_create(CLOCK_MONOTONIC, &event, &timer);
  struct itimerspec often = {{0, 300000}, {0, 200000}};
  timer_settime(timer, 0, &often, NULL);
}

/** Pseudo-terminals: one with lines that were typed and shown, one without an open slave, and one that is read with a time limit. */
static void make_terminals(void) {
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  unlockpt(master);
  char name[64];
  if (ptsname_r(master, name, sizeof name) != 0) return;
  int slave = open(name, O_RDWR | O_NOCTTY);
  struct termios settings;
  tcgetattr(slave, &settings);
  settings.c_cc[VMIN] = 2;
  settings.c_oflag |= OPOST | ONLCR;
  tcsetattr(slave, TCSANOW, &settings);
  struct winsize size = {30, 90, 0, 0};
  ioctl(master, TIOCSWINSZ, &size);
  write(master, "a line\nthe begin", 16);
  write(slave, "\tshown", 6);
  flock(slave, LOCK_SH);
  int other = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
  unlockpt(other);
  write(other, "never read\n", 11);
  int quiet = posix_openpt(O_RDWR | O_NOCTTY);
  unlockpt(quiet);
  ptsname_r(quiet, name, sizeof name);
  quiet_terminal = open(name, O_RDWR | O_NOCTTY);
  cfmakeraw(&settings);
  settings.c_cc[VMIN] = 4;
  settings.c_cc[VTIME] = 255;
  tcsetattr(quiet_terminal, TCSANOW, &settings);
  write(quiet, "ab", 2);
}

static mqd_t queue_of_letters(const char *name) {
  struct mq_attr attributes = {.mq_maxmsg = 2, .mq_msgsize = 8};
  return mq_open(name, O_CREAT | O_RDWR, 0600, &attributes);
}

/** Shared memory, semaphores and message queues, and a process whose first thread ends some of the waits of the others. */
static void make_ipc(void) {
  char *shared = shmat(shmget(KEY, 20000, IPC_CREAT | 0640), NULL, 0);
  shared[9000] = 1;
  int removed = shmget(IPC_PRIVATE, 4096, 0600);
  shmdt(shmat(removed, NULL, 0));
  shmat(removed, NULL, SHM_RDONLY);
  shmctl(removed, IPC_RMID, NULL);
  semaphores = semget(KEY, 3, IPC_CREAT | 0600);
  struct sembuf operations[] = {{0, 5, SEM_UNDO}, {2, 1, 0}};
  semop(semaphores, operations, 2);
  struct message message = {KEPT, "kept"};
  messages = msgget(KEY, IPC_CREAT | 0600);
  msgsnd(messages, &message, 5, 0);
  msgsnd(messages, &message, 0, 0);
  full = msgget(IPC_PRIVATE, 0600);
  struct msqid_ds status;
  msgctl(full, IPC_STAT, &status);
  status.msg_qbytes = 4;
  msgctl(full, IPC_SET, &status);
  letters = queue_of_letters("/letters");
  full_letters = queue_of_letters("/full");
  mq_send(full_letters, "urgent", 7, 9);
  mq_send(full_letters, "later", 6, 0);
  mqd_t silent = queue_of_letters("/silent");
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 6};
  mq_notify(silent, &event);
  queue_of_letters("/unlinked");
  mq_unlink("/unlinked");
  if (fork() > 0) return;
  static void *(*const waiting[])(void *) = {
      thread_receives,       thread_receives_nothing, thread_sends,        thread_counts_down,
      thread_waits_for_zero, thread_receives_letters, thread_sends_letter,
  };
  pthread_t thread;
  for (unsigned i = 0; i < sizeof waiting / sizeof *waiting; i++) pthread_create(&thread, NULL, waiting[i], NULL);
  mqd_t sent = mq_open("/letters", O_WRONLY | O_NONBLOCK);
  struct message wanted = {RECEIVED, "sent"};
  struct sembuf up = {1, 1, IPC_NOWAIT};
  for (;;) {
    msgsnd(messages, &wanted, 5, IPC_NOWAIT);
    semop(semaphores, &up, 1);
    mq_send(sent, "letter", 7, 3);
    sched_yield();
  }
}

/** Makes a process that its parent traces, which stops, and returns its number there; 0 in the process once it goes on. */
static pid_t traced(long options) {
  pid_t child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    return 0;
  }
  waitpid(child, NULL, __WALL);
  ptrace(PTRACE_SETOPTIONS, child, NULL, options);
  ptrace(PTRACE_CONT, child, NULL, NULL);
  return child;
}

/** Has a traced process stop at stores to a variable that nobody stores to, or no longer. */
static void watch(pid_t process, int is_enabled) {
  static long unused;
  ptrace(PTRACE_POKEUSER, process, offsetof(struct user, u_debugreg[0]), &unused);
  ptrace(PTRACE_POKEUSER, process, offsetof(struct user, u_debugreg[7]), is_enabled ? 0x000d0001L : 0L);
}

/**
 * A process that traces others: one stays stopped in the middle of a call, one has got SIGCONT and is not let go on, one has
 * ended, and one stops for its signals and for the children that it makes by vfork, without an end.
 */
static void make_traced(void) {
  if (fork() > 0) return;
  pid_t sleeps = traced(0);
  if (sleeps == 0) for (;;) sleep(1000);
  usleep(100);
  kill(sleeps, SIGUSR2);
  waitpid(sleeps, NULL, __WALL);
  pid_t continues = traced(0);
  if (continues == 0) for (;;) pause();
  kill(continues, SIGSTOP);
  waitpid(continues, NULL, __WALL);
  ptrace(PTRACE_CONT, continues, NULL, (long)SIGSTOP);
  waitpid(continues, NULL, __WALL);
  kill(continues, SIGCONT);
  pid_t forks = traced(PTRACE_O_TRACEFORK);
  if (forks == 0) {
    if (fork() == 0) _exit(3);
    for (;;) pause();
  }
  waitpid(forks, NULL, __WALL);
  unsigned long child = 0;
  ptrace(PTRACE_GETEVENTMSG, forks, NULL, &child);
  waitpid((pid_t)child, NULL, __WALL);
  ptrace(PTRACE_CONT, (pid_t)child, NULL, NULL);
  signal(SIGUSR1, SIG_IGN);
  pid_t works = traced(PTRACE_O_TRACEVFORKDONE);
  if (works == 0)
    for (;;) {
      for (int i = 0; i < 4; i++) {
        if (vfork() == 0) _exit(0);
        waitpid(-1, NULL, 0);
      }
      raise(SIGUSR1);
    }
  for (int turn = 0;; turn++) {
    int status = 0;
    waitpid(works, &status, __WALL);
    watch(works, turn % 4 == 0);
    ptrace(PTRACE_CONT, works, NULL, (long)(status >> 8 == SIGUSR1 ? SIGUSR1 : 0));
    for (volatile int i = 0; i < 3000; i++) continue;
  }
}

/** Children that wait, each in another way, have ended, or work on. */
static void make_processes(void) {
  if (fork() == 0) _exit(3);
  if (fork() == 0) {
    setsid();
    sigset_t none;
    sigemptyset(&none);
    for (;;) sigsuspend(&none);
  }
  if (fork() == 0) {
    chroot("/tmp");
    for (;;) pause();
  }
  if (fork() == 0) {
    setpgid(0, 0);
    open("/tmp/a/other", O_RDONLY);
    _exit(1);
  }
  if (fork() == 0) {
    int silent[2];
    pipe(silent);
    struct pollfd one = {silent[0], POLLIN, 0};
    for (;;) poll(&one, 1, -1);
  }
  pid_t stopped = fork();
  if (stopped == 0) for (;;) pause();
  syscall(SYS_pidfd_open, stopped, 0);
  kill(stopped, SIGSTOP);
  if (fork() == 0) {
    if (vfork() == 0) {
      poll(NULL, 0, 1000);
      _exit(0);
    }
    for (;;) sched_yield();
  }
  if (fork() == 0) {
    if (fork() == 0) for (;;) sched_yield();
    _exit(0);
  }
  nice(3);
  struct rlimit limit = {100, 200};
  setrlimit(RLIMIT_NOFILE, &limit);
}

int main(void) {
  make_files();
  make_watches();
  make_sockets();
  make_events();
  make_terminals();
  make_signals();
  pthread_mutex_lock(&never);
  pthread_t thread;
  pthread_create(&thread, NULL, thread_waits, NULL);
  pthread_create(&thread, NULL, thread_takes_signal, NULL);
  pthread_create(&thread, NULL, thread_reads_terminal, NULL);
  make_ipc();
  make_traced();
  make_processes();
  int file = open("/tmp/a/work", O_CREAT | O_RDWR | O_APPEND, 0644);
  for (unsigned count = 0;; count++) {
    char text[64];
    int length = snprintf(text, sizeof text, "%u of many\n", count);
    write(file, text, (size_t)length);
    write(pipes[1], text, 4);
    read(pipes[0], text, 4);
    if (count % 64 == 0) ftruncate(file, 0);
    if (count % 16 == 0) usleep(50);
    sched_yield();
  }
}
