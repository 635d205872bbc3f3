/* Shared memory, semaphores and message queues one by one: their ids, limits, lists and deadlines, and what becomes of those that wait. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include "../say.h"

enum { MIB = 1 << 20 };

static void told(const char *what, long result) {
  if (result < 0) say("%s: errno %d\n", what, errno);
  else say("%s: %ld\n", what, result);
}

static void ids(void) {
  int kept[200];
  for (int i = 0; i < 150; i++) {
    kept[i] = msgget(IPC_PRIVATE, 0600);
    say("%d ", kept[i]);
    if (i % 3) msgctl(kept[i], IPC_RMID, 0);
  }
  say("\n");
  told("stale", msgctl(kept[1], IPC_RMID, 0));
  struct msginfo info;
  told("info", msgctl(0, MSG_INFO, (struct msqid_ds *)&info));
  say("%d %d %d max %d %d %d\n", info.msgpool, info.msgmap, info.msgtql, info.msgmax, info.msgmnb, info.msgmni);
  for (int i = 0; i < 150; i += 3) msgctl(kept[i], IPC_RMID, 0);
  struct seminfo limits;
  int set = semget(IPC_PRIVATE, 100, 0600);
  told("limits", semctl(0, 0, IPC_INFO, &limits));
  say("%d %d %d %d %d %d %d %d %d %d\n", limits.semmap, limits.semmni, limits.semmns, limits.semmnu, limits.semmsl, limits.semopm,
      limits.semume, limits.semusz, limits.semvmx, limits.semaem);
  told("used", semctl(0, 0, SEM_INFO, &limits));
  say("%d %d\n", limits.semusz, limits.semaem);
  told("by index", semctl(0, 0, SEM_STAT, &(struct semid_ds){0}) == set);
  semctl(set, 0, IPC_RMID);
  struct shminfo most;
  told("most", shmctl(0, IPC_INFO, (struct shmid_ds *)&most));
  say("%lx %lx %ld %ld %lx\n", most.shmmax, most.shmmin, most.shmmni, most.shmseg, most.shmall);
}

/* Gives parts of a segment another protection: those that Linux divides off count as attached, where no border moves. */
static void divided(void) {
  enum { PAGE = 4096, READS = PROT_READ, WRITES = PROT_READ | PROT_WRITE };
  static const struct { int first, count, protection; } changes[] = {
    {0, 2, READS}, {2, 1, READS}, {5, 1, READS}, {3, 1, READS}, {1, 2, WRITES}, {7, 1, WRITES}, {6, 1, READS}, {0, 1, READS},
  };
  int segment = shmget(IPC_PRIVATE, 8 * PAGE, 0600);
  char *at = shmat(segment, NULL, 0);
  for (unsigned i = 0; i < sizeof changes / sizeof *changes; i++) {
    struct shmid_ds status;
    pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, NULL, 0);
    int result = mprotect(at + changes[i].first * PAGE, changes[i].count * PAGE, changes[i].protection);
    shmctl(segment, IPC_STAT, &status);
    say("part %u: %d, %ld attached, last by %s\n", i, result, (long)status.shm_nattch, status.shm_lpid == child ? "child" : "me");
  }
  shmdt(at);
  shmctl(segment, IPC_RMID, NULL);
}

static void show(const char *path) {
  char text[4096];
  int fd = open(path, O_RDONLY);
  long length = read(fd, text, sizeof text - 1);
  close(fd);
  text[length] = 0;
  /* Without pids and times, which differ: the first columns, and how wide the lines are. */
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) say("%.49s| %d\n", line, (int)strlen(line));
}

static void lists(void) {
  int segment = shmget(0x1234, 5 * MIB, IPC_CREAT | 0640), set = semget(0x77, 3, IPC_CREAT | 0600), queue = msgget(-2, IPC_CREAT | 0622);
  msgsnd(queue, &(struct { long type; char bytes[8]; }){3, "hello"}, 5, 0);
  show("/proc/sysvipc/shm");
  show("/proc/sysvipc/sem");
  show("/proc/sysvipc/msg");
  char *at = shmat(segment, NULL, 0);
  shmctl(segment, IPC_RMID, NULL);
  struct shmid_ds status;
  told("removed", shmctl(segment, IPC_STAT, &status));
  say("mode %o key %x, %ld attached\n", status.shm_perm.mode, status.shm_perm.__key, (long)status.shm_nattch);
  told("by its key", shmget(0x1234, 1, 0));
  told("attached again", shmat(segment, NULL, 0) != (void *)-1);
  strcpy(at, "still there");
  if (fork() == 0) {
    say("child: %s\n", at);
    execl("/proc/self/exe", "edges", "end", NULL);
  }
  wait(NULL);
  shmctl(segment, IPC_STAT, &status);
  say("%ld attached, detached %d\n", (long)status.shm_nattch, status.shm_dtime != 0);
  shmdt(at);
  semctl(set, 0, IPC_RMID);
  msgctl(queue, IPC_RMID, NULL);
}

static void large(void) {
  int segment = shmget(IPC_PRIVATE, 200l * MIB, 0600);
  char *one = shmat(segment, NULL, 0), *other = shmat(segment, NULL, SHM_RDONLY);
  one[0] = 'a';
  one[130l * MIB] = 'b';
  one[200l * MIB - 1] = 'c';
  say("%c%c%c\n", other[0], other[130l * MIB], other[200l * MIB - 1]);
  struct shmid_ds status;
  shmctl(segment, IPC_STAT, &status);
  say("%ld attached\n", (long)status.shm_nattch);
  told("detach", shmdt(one));
  told("detach", shmdt(one));
  told("writable", mprotect(other, 4096, PROT_READ | PROT_WRITE));
  told("detach", shmdt(other));
  one = shmat(segment, NULL, 0);
  say("%c%c%c\n", one[0], one[130l * MIB], one[200l * MIB - 1]);
  shmdt(one);
  told("remove", shmctl(segment, IPC_RMID, NULL));
  told("status", shmctl(segment, IPC_STAT, &status));
}

static void *wait_for_one(void *set) {
  struct sembuf take = {0, -1, 0};
  return (void *)(long)(semop(*(int *)set, &take, 1) < 0 ? errno : 0);
}

static void deadlines(void) {
  int set = semget(IPC_PRIVATE, 2, 0600);
  struct sembuf take = {0, -1, 0};
  struct timespec short_time = {0, 2000000}, bad = {0, -1};
  told("timed", semtimedop(set, &take, 1, &short_time));
  told("bad time", semtimedop(set, &take, 1, &bad));
  told("waiting", semctl(set, 0, GETNCNT));
  pthread_t thread;
  pthread_create(&thread, NULL, wait_for_one, &set);
  while (semctl(set, 0, GETNCNT) == 0) sched_yield();
  told("removed", semctl(set, 0, IPC_RMID));
  void *result;
  pthread_join(thread, &result);
  told("thread", (long)result);
  struct mq_attr attributes = {0, 1, 16};
  mqd_t queue = mq_open("/bd0-edges", O_RDWR | O_CREAT, 0600, &attributes);
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  char bytes[16];
  now.tv_nsec += 2000000;
  if (now.tv_nsec >= 1000000000) now.tv_sec++, now.tv_nsec -= 1000000000;
  told("nothing came", mq_timedreceive(queue, bytes, 16, NULL, &now));
  told("send", mq_send(queue, "x", 1, 3));
  told("no room", mq_timedsend(queue, "y", 1, 3, &(struct timespec){0, 0}));
  told("bad time", mq_timedsend(queue, "y", 1, 3, &bad));
  told("too small", mq_receive(queue, bytes, 15, NULL));
  told("receive", mq_receive(queue, bytes, 16, NULL));
  told("flags", fcntl(queue, F_GETFD));
  told("flags", fcntl(queue, F_GETFL));
  mq_unlink("/bd0-edges");
  told("send", mq_send(queue, "x", 1, 3));
  mq_close(queue);
  told("gone", mq_open("/bd0-edges", O_RDONLY));
  told("name", mq_open("/a/b", O_RDONLY));
  told("name", syscall(SYS_mq_open, "", O_RDONLY, 0, NULL));
  told("name", syscall(SYS_mq_open, "..", O_RDONLY, 0, NULL));
  int count = 0;
  char name[20];
  do sprintf(name, "/bd0-edges%d", count++);
  while (mq_open(name, O_RDWR | O_CREAT, 0600, NULL) >= 0);
  told("too much", -1);
  say("%d queues\n", count - 1);
  while (count-- > 0) sprintf(name, "/bd0-edges%d", count), mq_unlink(name);
}

static void undone(void) {
  int set = semget(IPC_PRIVATE, 1, 0600);
  semctl(set, 0, SETVAL, 5);
  if (fork() == 0) {
    struct sembuf take = {0, -3, SEM_UNDO};
    told("take", semop(set, &take, 1));
    if (fork() == 0) _exit(0);
    wait(NULL);
    told("left", semctl(set, 0, GETVAL));
    execl("/proc/self/exe", "edges", "end", NULL);
  }
  wait(NULL);
  told("given back", semctl(set, 0, GETVAL));
  semctl(set, 0, IPC_RMID);
}

int main(int argc, char **argv) {
  if (argc > 1) return 0;
  unshare(CLONE_NEWIPC);
  ids();
  lists();
  large();
  divided();
  deadlines();
  undone();
  return 0;
}
