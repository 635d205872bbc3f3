/*
 * Random calls on shared memory, semaphores and message queues, of System V and of POSIX, by the seed in argv[1]: four processes,
 * of which a controller tells one at a time what to do, lets all of them come to rest, and prints what they answer. Some calls
 * wait for what another process does; some processes are killed, and signals come to those that wait. The output is the same on
 * every Linux.
 *
 * Left out is what Linux leaves open: which of several senders that wait for room is the first to have some.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <time.h>
#include "../sequences.h"
#include "../random.h"
#include "../say.h"

enum { WORKERS = 4, STEPS = 90, OBJECTS = 3, ATTACHED = 3, QUEUES = 3, COMMANDS = 20, REPLIES = 30, PAGE = 4096 };

enum operation {
  SHM_GET, SHM_ATTACH, SHM_DETACH, SHM_WRITE, SHM_READ, SHM_CONTROL, SHM_FORK, SHM_CUT,
  SEM_GET, SEM_OPERATE, SEM_OPERATE_AGAIN, SEM_OPERATE_MORE, SEM_CONTROL, SEM_SET_ALL,
  MSG_GET, MSG_SEND, MSG_SEND_AGAIN, MSG_RECEIVE, MSG_RECEIVE_AGAIN, MSG_CONTROL,
  MQ_OPEN, MQ_CLOSE, MQ_SEND, MQ_SEND_AGAIN, MQ_RECEIVE, MQ_RECEIVE_AGAIN, MQ_NOTIFY, MQ_LOOK, MQ_UNLINK,
  OPERATIONS
};

static const char *NAMES[] = {
  "shmget", "shmat", "shmdt", "write", "read", "shmctl", "fork", "cut", "semget", "semop", "semop", "semop", "semctl", "setall",
  "msgget", "msgsnd", "msgsnd", "msgrcv", "msgrcv", "msgctl",
  "mq_open", "mq_close", "mq_send", "mq_send", "mq_receive", "mq_receive", "mq_notify", "mq_look", "mq_unlink",
};

struct command { int operation; uint64_t seed; };

struct reply { int slot, operation; char text[240]; };

/* What all processes know. */
struct shared {
  int segments[OBJECTS], sets[OBJECTS], queues[OBJECTS];
  pid_t pids[WORKERS], controller;
  /* Children that have not been waited for. */
  volatile int children;
};

static struct shared *shared;
static key_t base;
static char prefix[16];

static const char *name_of(pid_t pid) {
  static char names[4][8];
  static int turn;
  char *name = names[turn++ % 4];
  if (pid == 0) return "0";
  if (pid == shared->controller) return "me";
  for (int i = 0; i < WORKERS; i++)
    if (shared->pids[i] == pid) return sprintf(name, "#%d", i), name;
  return "other";
}

/* ---- those who are told ---- */

static int self, seen, codes;
static char *attached[ATTACHED];
static int lengths[ATTACHED];
static mqd_t open_queues[QUEUES];
static char *text;
static size_t filled;

static void tell(const char *format, ...) {
  va_list list;
  va_start(list, format);
  filled += vsnprintf(text + filled, 240 - filled, format, list);
  va_end(list);
}

static long told(long result) {
  if (result < 0) tell(" errno %d", errno);
  else tell(" %ld", result);
  return result;
}

static void handler(int number, siginfo_t *info, void *context) {
  (void)number, (void)context;
  seen++;
  if (info->si_code != SI_USER) codes = codes * 16 + info->si_value.sival_int + (info->si_code == SI_MESGQ ? 1 : 2);
}

static int pages_of(size_t length) { return (length + PAGE - 1) / PAGE; }

static int get_flags(void) {
  static const int modes[] = {0600, 0666, 0640, 0};
  return modes[below(4)] | (below(3) ? IPC_CREAT : 0) | (below(6) ? 0 : IPC_EXCL);
}

static key_t some_key(void) { return below(4) ? base + below(4) : IPC_PRIVATE; }

/* Prints which object it is, since ids differ. */
static void got(int *ids, int id) {
  if (id < 0) {
    tell(" errno %d", errno);
    return;
  }
  for (int i = 0; i < OBJECTS; i++)
    if (ids[i] == id) {
      tell(" object %d", i);
      return;
    }
  int at = below(OBJECTS);
  tell(" new %d for %d", at, ids[at]>=0);
  if (ids[at] >= 0) {
    int kept = ids[at];
    /* What nobody could name any more goes. */
    if (ids == shared->segments) shmctl(kept, IPC_RMID, 0);
    else if (ids == shared->sets) semctl(kept, 0, IPC_RMID);
    else msgctl(kept, IPC_RMID, 0);
  }
  ids[at] = id;
}

static void show_permissions(const struct ipc_perm *p) {
  tell(" key %d mode %o owner %u %u %u %u", p->__key ? (int)(p->__key - base) : -1, p->mode, p->uid, p->gid, p->cuid, p->cgid);
}

static void do_segment(int operation) {
  int at = below(ATTACHED), id = shared->segments[below(5) ? 0 : below(OBJECTS)];
  switch (operation) {
    case SHM_GET: {
      static const size_t sizes[] = {1, PAGE, 3 * PAGE, 2 * PAGE + 5, 0};
      key_t key = some_key();
      got(shared->segments, shmget(key, sizes[below(5)], get_flags()));
      return;
    }
    case SHM_ATTACH: {
      int flags = (below(3) ? 0 : SHM_RDONLY) | (below(6) ? 0 : SHM_REMAP) | (below(6) ? 0 : SHM_RND);
      struct shmid_ds status = {0};
      int from = below(ATTACHED);
      char *where = below(3) ? NULL : attached[from];
      /* What lies behind a segment differs, and is not to be replaced. */
      if (where && shmctl(id, IPC_STAT, &status) == 0 && pages_of(status.shm_segsz) > pages_of(lengths[from])) where = NULL;
      if (where && below(3) == 0) {
        if (below(2)) where += 5;
        else {
          /* A place that is free, which lies elsewhere on every Linux. */
          where = mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
          munmap(where, 4 * PAGE);
        }
      }
      if (attached[at] && !(flags & SHM_REMAP)) where = NULL;
      char *found = shmat(id, where, flags);
      tell(" %d", at);
      if (found == (char *)-1) {
        tell(" errno %d", errno);
        return;
      }
      shmctl(id, IPC_STAT, &status);
      if (where) {
        tell(" there");
        /* What lay there is not known any more. */
        for (int i = 0; i < ATTACHED; i++)
          if (attached[i] && attached[i] < found + 4 * PAGE && found < attached[i] + 4 * PAGE) attached[i] = NULL;
      }
      attached[at] = found;
      lengths[at] = status.shm_segsz;
      tell(" ok %ld", (long)status.shm_nattch);
      return;
    }
    case SHM_DETACH: {
      char *where = attached[at] ? attached[at] + (below(8) ? 0 : below(2) ? PAGE : 7) : (char *)(1l << 40);
      int result = shmdt(where);
      if (result == 0) attached[at] = NULL;
      tell(" %d", at);
      told(result);
      return;
    }
    case SHM_WRITE:
    case SHM_READ: {
      if (!attached[at]) return;
      int place = below(lengths[at]);
      unsigned char vector;
      tell(" %d at %d", at, place);
      /* A page may have been unmapped, or may not be written: the kernel says so without a signal. */
      int pipes[2];
      if (pipe(pipes) < 0) return;
      char byte = 'a' + below(26);
      if (operation == SHM_WRITE) {
        if (write(pipes[1], &byte, 1) == 1) told(read(pipes[0], attached[at] + place, 1));
      } else {
        long result = write(pipes[1], attached[at] + place, 1);
        if (told(result) == 1 && read(pipes[0], &vector, 1) == 1) tell(" byte %d", vector);
      }
      close(pipes[0]);
      close(pipes[1]);
      return;
    }
    case SHM_CUT: {
      if (!attached[at]) return;
      tell(" %d", at);
      /* What lies behind a segment differs. */
      char *page = attached[at] + below(pages_of(lengths[at])) * PAGE;
      switch (below(3)) {
        case 0: told(munmap(page, PAGE)); return;
        case 1: told(mprotect(page, PAGE, PROT_READ | (below(2) ? PROT_WRITE : 0))); return;
        default: told(madvise(page, PAGE, MADV_DONTNEED)); return;
      }
    }
    case SHM_FORK: {
      int pipes[2];
      char answer[100] = "";
      if (pipe(pipes) < 0) return;
      shared->children = 1;
      pid_t child = fork();
      if (child == 0) {
        struct shmid_ds status = {0};
        int length = 0;
        for (int i = 0; i < OBJECTS; i++)
          if (shmctl(shared->segments[i], IPC_STAT, &status) == 0)
            length += sprintf(answer + length, " %ld by %s", (long)status.shm_nattch, name_of(status.shm_lpid));
        if (below(2)) shmdt(attached[at]);
        if (write(pipes[1], answer, sizeof answer) < 0) _exit(1);
        if (below(2)) execl("/proc/self/exe", "told", "end", (char *)NULL);
        _exit(0);
      }
      int status;
      if (read(pipes[0], answer, sizeof answer) > 0) tell("%s;", answer);
      waitpid(child, &status, 0);
      close(pipes[0]);
      close(pipes[1]);
      shared->children = 0;
      tell(" status %x", status);
      return;
    }
    default: {
      struct shmid_ds status = {0};
      int way = below(24) ? 1 + below(5) : 0;
      tell(" way %d", way);
      if (way == 0) told(shmctl(id, IPC_RMID, 0));
      else if (way == 1) {
        status.shm_perm.mode = below(2) ? 0600 : 0666;
        status.shm_perm.uid = below(2) * 1000;
        told(shmctl(id, IPC_SET, &status));
      } else if (way == 2) told(shmctl(id, below(2) ? 99 : -3, &status));
      else if (way == 3) told(shmctl(id, below(2) ? SHM_LOCK : SHM_UNLOCK, 0));
      else if (told(shmctl(id, IPC_STAT, &status)) == 0) {
        show_permissions(&status.shm_perm);
        tell(" size %ld by %s %s attached %ld times %d %d %d", (long)status.shm_segsz, name_of(status.shm_cpid),
             name_of(status.shm_lpid), (long)status.shm_nattch, status.shm_atime != 0, status.shm_dtime != 0, status.shm_ctime != 0);
      }
    }
  }
}

static void do_set(int operation) {
  int id = shared->sets[below(5) ? 0 : below(OBJECTS)];
  switch (operation) {
    case SEM_GET: {
      key_t key = some_key();
      got(shared->sets, semget(key, below(8) ? 1 + below(4) : below(2) ? 0 : 40000, get_flags()));
      return;
    }
    case SEM_SET_ALL: {
      unsigned short values[4] = {below(3), below(3), below(5), below(12) ? below(3) : 40000};
      told(semctl(id, 0, SETALL, values));
      return;
    }
    case SEM_CONTROL: {
      static const int commands[] = {GETVAL, GETPID, GETNCNT, GETZCNT, SETVAL, SETVAL, GETVAL, IPC_STAT, IPC_SET, GETALL, GETALL, 77};
      int command = below(24) ? commands[below(12)] : IPC_RMID, semaphore = below(10) ? below(4) : (int)below(9) - 3;
      struct semid_ds status = {0};
      unsigned short values[8] = {9, 9, 9, 9, 9, 9, 9, 9};
      tell(" %d of %d", command, semaphore);
      switch (command) {
        case GETALL:
          if (told(semctl(id, 0, GETALL, values)) == 0)
            for (int i = 0; i < 5; i++) tell(" %d", values[i]);
          return;
        case SETVAL: told(semctl(id, semaphore, SETVAL, below(12) ? (int)below(4) : below(2) ? -1 : 32768)); return;
        case GETPID: {
          int pid = semctl(id, semaphore, GETPID);
          tell(" %s", pid < 0 ? "error" : name_of(pid));
          return;
        }
        case IPC_STAT:
          if (told(semctl(id, 0, IPC_STAT, &status)) == 0) {
            show_permissions(&status.sem_perm);
            tell(" count %lu used %d", (unsigned long)status.sem_nsems, status.sem_otime != 0);
          }
          return;
        case IPC_SET:
          status.sem_perm.mode = 0640;
          told(semctl(id, 0, IPC_SET, &status));
          return;
        default: told(semctl(id, semaphore, command, 0));
      }
      return;
    }
    default: {
      struct sembuf operations[3];
      int count = below(3) ? 1 : 1 + below(3), is_waiting = below(3) > 0;
      for (int i = 0; i < count; i++) {
        operations[i].sem_num = below(12) ? below(3) : below(9);
        operations[i].sem_op = (int)below(6) - 2 - (below(3) == 0);
        if (below(30) == 0) operations[i].sem_op = 32767;
        operations[i].sem_flg = (is_waiting ? 0 : IPC_NOWAIT) | (below(3) ? 0 : SEM_UNDO);
        tell(" %d%+d%s", operations[i].sem_num, operations[i].sem_op, operations[i].sem_flg & SEM_UNDO ? "u" : "");
      }
      told(semop(id, operations, below(40) ? count : 0));
    }
  }
}

static void do_messages(int operation, int may_wait) {
  struct { long type; char bytes[8300]; } message;
  int id = shared->queues[below(5) ? 0 : below(OBJECTS)];
  switch (operation) {
    case MSG_GET: {
      key_t key = some_key();
      got(shared->queues, msgget(key, get_flags()));
      return;
    }
    case MSG_CONTROL: {
      struct msqid_ds status = {0};
      int way = below(24) ? 1 + below(5) : 0;
      tell(" way %d", way);
      if (way == 0) told(msgctl(id, IPC_RMID, 0));
      else if (way == 1) {
        status.msg_qbytes = below(2) ? 60 : 16384;
        status.msg_perm.mode = 0600;
        if (may_wait) told(msgctl(id, IPC_SET, &status));
      } else if (told(msgctl(id, IPC_STAT, &status)) == 0) {
        show_permissions(&status.msg_perm);
        tell(" %lu bytes in %lu of %lu by %s %s times %d %d", (unsigned long)status.__msg_cbytes, (unsigned long)status.msg_qnum,
             (unsigned long)status.msg_qbytes, name_of(status.msg_lspid), name_of(status.msg_lrpid), status.msg_stime != 0,
             status.msg_rtime != 0);
      }
      return;
    }
    case MSG_SEND:
    case MSG_SEND_AGAIN: {
      size_t length = below(12) ? below(40) : below(2) ? 8192 : 8193;
      message.type = below(20) ? 1 + below(4) : -(long)below(2);
      memset(message.bytes, 'a' + below(26), sizeof message.bytes);
      tell(" %lu of %ld", (unsigned long)length, message.type);
      told(msgsnd(id, &message, length, may_wait && below(2) ? 0 : IPC_NOWAIT));
      return;
    }
    default: {
      long wanted = (long)below(9) - 4;
      size_t length = below(4) ? 8192 : below(20);
      int flags = (below(3) ? 0 : IPC_NOWAIT) | (below(3) ? 0 : MSG_NOERROR) | (below(4) ? 0 : MSG_EXCEPT) | (below(12) ? 0 : MSG_COPY);
      tell(" %ld %x", wanted, flags);
      message.type = 0;
      long result = told(msgrcv(id, &message, length, wanted, flags));
      if (result >= 0) tell(" of %ld %c", message.type, result ? message.bytes[0] : '-');
    }
  }
}

static void do_queue(int operation) {
  char name[32], bytes[128];
  int at = below(5) ? 0 : below(QUEUES);
  mqd_t queue = open_queues[at];
  sprintf(name, "/%s%d", prefix, below(3));
  struct mq_attr attributes = {0};
  unsigned priority = below(30) ? below(4) : 40000;
  tell(" %d", at);
  switch (operation) {
    case MQ_OPEN: {
      static const int ways[] = {O_RDWR, O_RDWR, O_RDONLY, O_WRONLY};
      int flags = ways[below(4)] | (below(3) ? O_CREAT : 0) | (below(6) ? 0 : O_EXCL) | (below(2) ? O_NONBLOCK : 0);
      attributes.mq_maxmsg = below(12) ? 1 + below(3) : -(long)below(2);
      attributes.mq_msgsize = below(30) ? 8 + 8 * below(4) : 1 << 30;
      if (queue >= 0) close(queue);
      queue = open_queues[at] = mq_open(name, flags, 0644, below(20) ? &attributes : NULL);
      tell(" %s %x", name + strlen(prefix) + 1, flags);
      told(queue < 0 ? -1 : 0);
      return;
    }
    case MQ_CLOSE: told(mq_close(queue)); open_queues[at] = -1; return;
    case MQ_SEND:
    case MQ_SEND_AGAIN: {
      size_t length = below(48);
      memset(bytes, 'a' + below(26), sizeof bytes);
      tell(" %lu of %u", (unsigned long)length, priority);
      told(mq_send(queue, bytes, length, priority));
      return;
    }
    case MQ_RECEIVE:
    case MQ_RECEIVE_AGAIN: {
      priority = 77;
      long result = told(mq_receive(queue, bytes, below(10) ? 64 : below(20), below(6) ? &priority : NULL));
      if (result >= 0) tell(" of %u %c", priority, result ? bytes[0] : '-');
      return;
    }
    case MQ_NOTIFY: {
      struct sigevent event = {0};
      event.sigev_notify = below(4) ? SIGEV_SIGNAL : SIGEV_NONE;
      event.sigev_signo = below(10) ? SIGUSR2 : 65;
      event.sigev_value.sival_int = below(4) * 2;
      told(mq_notify(queue, below(4) ? &event : NULL));
      return;
    }
    case MQ_UNLINK: tell(" %s", name + strlen(prefix) + 1); told(mq_unlink(name)); return;
    default: {
      struct pollfd polled = {queue, POLLIN | POLLOUT, 0};
      attributes.mq_flags = below(2) ? O_NONBLOCK : below(4) ? 0 : 1;
      struct mq_attr old = {0};
      int result = poll(&polled, 1, 0);
      tell(" poll %d %x", result, polled.revents);
      told(below(2) ? mq_getattr(queue, &old) : mq_setattr(queue, &attributes, &old));
      tell(" %lx %ld %ld %ld", old.mq_flags, old.mq_maxmsg, old.mq_msgsize, old.mq_curmsgs);
      long length = pread(queue, bytes, 44, 0);
      if (length > 0) tell(" %.*s", (int)length, bytes);
    }
  }
}

static void obey(void) {
  struct command command;
  for (;;) {
    ssize_t length = read(COMMANDS + self, &command, sizeof command);
    if (length < 0 && errno == EINTR) continue;
    if (length != sizeof command) _exit(0);
    struct reply reply = {self, command.operation, ""};
    int may_wait = command.seed & 1;
    text = reply.text;
    filled = 0;
    state = command.seed;
    if (command.operation <= SHM_CUT) do_segment(command.operation);
    else if (command.operation <= SEM_SET_ALL) do_set(command.operation);
    else if (command.operation <= MSG_CONTROL) do_messages(command.operation, may_wait);
    else do_queue(command.operation);
    if (seen) tell(" seen %d %x", seen, codes);
    seen = codes = 0;
    if (write(REPLIES + 1, &reply, sizeof reply) != sizeof reply) _exit(98);
  }
}

/* ---- the controller ---- */

static int busy[WORKERS], writers[WORKERS];

static void start(int slot) {
  int pipes[2];
  if (pipe(pipes) < 0) _exit(97);
  pid_t pid = fork();
  if (pid == 0) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | (below(2) ? SA_RESTART : 0)};
    sigaction(SIGUSR1, &action, NULL);
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigaction(SIGUSR2, &action, NULL);
    self = slot;
    dup2(pipes[0], COMMANDS + slot);
    for (int fd = 3; fd < COMMANDS; fd++) close(fd);
    for (int i = 0; i < QUEUES; i++) {
      struct mq_attr attributes = {0, 2, 32};
      char name[32];
      sprintf(name, "/%s%d", prefix, i);
      open_queues[i] = mq_open(name, O_RDWR | O_CREAT | (below(2) ? O_NONBLOCK : 0), 0600, &attributes);
    }
    obey();
  }
  close(pipes[0]);
  if (writers[slot]) close(writers[slot]);
  writers[slot] = fcntl(pipes[1], F_DUPFD_CLOEXEC, 40);
  close(pipes[1]);
  shared->pids[slot] = pid;
  busy[slot] = 0;
}

static char state_of(pid_t pid) {
  char path[40], line[200];
  sprintf(path, "/proc/%d/stat", pid);
  int fd = open(path, O_RDONLY);
  ssize_t length = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
  if (fd >= 0) close(fd);
  if (length <= 0) return '.';
  line[length] = 0;
  return strrchr(line, ')')[2];
}

/* Waits until a process that begins has opened its queues. */
static void settle_one(int slot) {
  while (state_of(shared->pids[slot]) != 'S') nanosleep(&(struct timespec){0, 20000}, NULL);
}

/* Waits until nobody does anything: neither those who are told, nor a child of one that is waited for. */
static void settle(void) {
  for (int quiet = 0; quiet < 3;) {
    int is_moving = shared->children > 0;
    for (int i = 0; i < WORKERS; i++) {
      int left = 0;
      ioctl(writers[i], FIONREAD, &left);
      if (state_of(shared->pids[i]) != 'S' || left > 0) is_moving = 1;
    }
    quiet = is_moving ? 0 : quiet + 1;
    if (is_moving || quiet < 3) nanosleep(&(struct timespec){0, is_moving ? 50000 : 1000}, NULL);
  }
}

static void take_replies(void) {
  struct reply replies[WORKERS];
  int count = 0;
  struct pollfd polled = {REPLIES, POLLIN, 0};
  while (count < WORKERS && poll(&polled, 1, 0) > 0 && read(REPLIES, &replies[count], sizeof *replies) > 0) count++;
  for (int slot = 0; slot < WORKERS; slot++)
    for (int i = 0; i < count; i++)
      if (replies[i].slot == slot) {
        busy[slot] = 0;
        say("  #%d %s%s\n", slot, NAMES[replies[i].operation], replies[i].text);
      }
}

static int is_waiting_in(int from, int to, int except) {
  for (int i = 0; i < WORKERS; i++)
    if (i != except && busy[i] && busy[i] - 1 >= from && busy[i] - 1 <= to) return 1;
  return 0;
}

static void step(void) {
  int slot = below(WORKERS);
  struct command command = {below(OPERATIONS), 0};
  if (below(25) == 0) {
    kill(shared->pids[slot], SIGKILL);
    waitpid(shared->pids[slot], NULL, 0);
    say("kill #%d\n", slot);
    start(slot);
    return;
  }
  if (busy[slot]) {
    if (below(3) == 0) {
      int number = below(2) ? SIGUSR1 : SIGWINCH;
      say("signal %d to #%d\n", number, slot);
      kill(shared->pids[slot], number);
    }
    return;
  }
  command.seed = ((uint64_t)below(1u << 30) << 20 | below(1u << 20)) << 1;
  /* One at a time waits for room; the limits of a queue change while nobody waits. */
  int may_wait = command.operation == MSG_CONTROL ? !is_waiting_in(MSG_SEND, MSG_RECEIVE_AGAIN, slot)
                                                  : !is_waiting_in(MSG_SEND, MSG_SEND_AGAIN, slot);
  command.seed |= may_wait;
  busy[slot] = command.operation + 1;
  if (write(writers[slot], &command, sizeof command) != sizeof command) _exit(96);
}

static void clean(void) {
  for (int i = 0; i < WORKERS; i++) {
    kill(shared->pids[i], SIGKILL);
    waitpid(shared->pids[i], NULL, 0);
    close(writers[i]);
    writers[i] = 0;
  }
  for (int i = 0; i < OBJECTS; i++) {
    if (shared->segments[i] >= 0) shmctl(shared->segments[i], IPC_RMID, 0);
    if (shared->sets[i] >= 0) semctl(shared->sets[i], 0, IPC_RMID);
    if (shared->queues[i] >= 0) msgctl(shared->queues[i], IPC_RMID, 0);
    char name[32];
    sprintf(name, "/%s%d", prefix, i);
    mq_unlink(name);
  }
}

static int run(uint64_t seed, int is_new) {
  (void)is_new;
  int pipes[2];
  /* Where it may, it has objects of its own. */
  int is_alone = unshare(CLONE_NEWIPC) == 0;
  (void)is_alone;
  state = seed * 2654435761u + 4711;
  base = 0x62640000 + (getpid() % 4096) * 8;
  sprintf(prefix, "bd0-%d-", getpid());
  shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  memset(shared, 0xff, sizeof *shared);
  shared->children = 0;
  shared->controller = getpid();
  if (pipe(pipes) < 0) return 97;
  dup2(pipes[0], REPLIES);
  dup2(pipes[1], REPLIES + 1);
  close(pipes[0]);
  close(pipes[1]);
  for (int i = 0; i < OBJECTS; i++) {
    shared->segments[i] = shmget(IPC_PRIVATE, 3 * PAGE, 0600);
    shared->sets[i] = semget(IPC_PRIVATE, 3, 0600);
    shared->queues[i] = msgget(IPC_PRIVATE, 0600);
  }
  for (int i = 0; i < WORKERS; i++) {
    start(i);
    settle_one(i);
  }
  for (int i = 0; i < STEPS; i++) {
    step();
    settle();
    take_replies();
  }
  clean();
  close(REPLIES);
  close(REPLIES + 1);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 2 && !strcmp(argv[1], "end")) return 0;
  return sequences(argc, argv, run);
}
