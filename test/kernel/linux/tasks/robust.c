/*
 * Robust locks whose owners end in every way while others wait for them: what the others are told, and that a lock which nobody
 * mended is lost.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../say.h"

enum { LOCKS = 3 };

struct shared {
  pthread_mutex_t locks[LOCKS];
  volatile int is_locked;
};

static struct shared *shared;

static void make(void) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  for (int i = 0; i < LOCKS; i++) pthread_mutex_init(&shared->locks[i], &attributes);
  shared->is_locked = 0;
}

static void lock_all(void) {
  for (int i = 0; i < LOCKS; i++) pthread_mutex_lock(&shared->locks[i]);
  pthread_mutex_unlock(&shared->locks[1]);
  shared->is_locked = 1;
}

static void look(const char *what, int mends) {
  say("%s:", what);
  for (int i = 0; i < LOCKS; i++) {
    int error = pthread_mutex_lock(&shared->locks[i]);
    say(" %d", error);
    if (error == EOWNERDEAD && mends) say("/%d", pthread_mutex_consistent(&shared->locks[i]));
    say("/%d", pthread_mutex_unlock(&shared->locks[i]));
  }
  for (int i = 0; i < LOCKS; i++) {
    int error = pthread_mutex_trylock(&shared->locks[i]);
    say(" %d", error);
    if (error == 0) pthread_mutex_unlock(&shared->locks[i]);
  }
  say("\n");
}

/* The parent waits for a lock when the child ends. */
static void child(const char *what, int way, int mends) {
  make();
  pid_t pid = fork();
  if (pid == 0) {
    lock_all();
    usleep(30000);
    if (way == 0) _exit(0);
    if (way == 1) *(volatile int *)8 = 1;
    if (way == 2) raise(SIGKILL);
    if (way == 3) execl("/proc/self/exe", "again", (char *)NULL);
    if (way == 4) for (;;) pause();
    _exit(1);
  }
  while (!shared->is_locked) usleep(1000);
  if (way == 4) {
    usleep(1000);
    kill(pid, SIGTERM);
  }
  look(what, mends);
  int status;
  waitpid(pid, &status, 0);
  say("ended %x\n", status);
}

static void *owner(void *unused) {
  lock_all();
  usleep(20000);
  return NULL;
}

static void *waiter(void *lock) {
  int error = pthread_mutex_lock(lock);
  say("a thread waited: %d\n", error);
  if (error == EOWNERDEAD) pthread_mutex_consistent(lock);
  pthread_mutex_unlock(lock);
  return NULL;
}

/* A list that leads in a circle, to nowhere, or to words that lie badly. */
static void bad_list(int kind) {
  pid_t pid = fork();
  if (pid == 0) {
    static struct { struct robust_list entry; uint32_t word; } entries[2];
    static struct robust_list_head head;
    int tid = syscall(SYS_gettid);
    head.futex_offset = 8 + (kind == 2);
    head.list.next = &entries[0].entry;
    entries[0].entry.next = &entries[1].entry;
    entries[1].entry.next = kind == 0 ? &entries[0].entry : kind == 1 ? (void *)16 : &head.list;
    head.list_op_pending = kind == 3 ? (void *)-8 : NULL;
    entries[0].word = entries[1].word = tid;
    say("list %d, %d", (int)syscall(SYS_set_robust_list, &head, sizeof head), (int)syscall(SYS_set_robust_list, &head, 8));
    void *found;
    size_t length;
    int result = syscall(SYS_get_robust_list, 0, &found, &length);
    say(", %d %d %d, ", result, found == &head, (int)length);
    _exit(kind);
  }
  int status;
  waitpid(pid, &status, 0);
  say("ended %x\n", status);
}

int main(int argc, char **argv) {
  if (!strcmp(argv[0], "again")) {
    usleep(10000);
    return 5;
  }
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  static const char *WAYS[] = {"exit", "fault", "SIGKILL", "exec", "SIGTERM"};
  for (int way = 0; way < 5; way++)
    for (int mends = 0; mends < 2; mends++) child(WAYS[way], way, mends);
  make();
  pthread_t first, second;
  pthread_create(&first, NULL, owner, NULL);
  while (!shared->is_locked) usleep(1000);
  pthread_create(&second, NULL, waiter, &shared->locks[0]);
  pthread_join(first, NULL);
  pthread_join(second, NULL);
  look("thread", 1);
  for (int kind = 0; kind < 4; kind++) bad_list(kind);
  say("none: %d\n", (int)syscall(SYS_get_robust_list, 12345678, &first, &second) < 0 ? errno : 0);
  return 0;
}
