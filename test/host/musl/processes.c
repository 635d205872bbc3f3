/* Processes, pipes, signals and threads with musl. */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long count;
static _Thread_local int own;
static volatile sig_atomic_t caught;

static void handler(int signal) { caught = signal; }

static void *work(void *argument) {
  for (own = 0; own < 1000; own++) {
    pthread_mutex_lock(&lock);
    count++;
    pthread_mutex_unlock(&lock);
  }
  sem_post(argument);
  return (void *)(long)own;
}

int main(void) {
  sem_t done;
  sem_init(&done, 0, 0);
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, work, &done);
  for (int i = 0; i < 4; i++) sem_wait(&done);
  long sum = 0;
  for (int i = 0; i < 4; i++) {
    void *result;
    pthread_join(threads[i], &result);
    sum += (long)result;
  }
  printf("%ld %ld %d\n", count, sum, own);
  signal(SIGUSR1, handler);
  raise(SIGUSR1);
  printf("%d\n", (int)caught);
  fflush(stdout);
  int ends[2];
  pipe(ends);
  if (fork() == 0) {
    dprintf(ends[1], "from a child of %d", getppid() == 1 ? 1 : 2);
    _exit(7);
  }
  close(ends[1]);
  char text[64];
  ssize_t length = read(ends[0], text, sizeof text);
  int status;
  wait(&status);
  printf("%.*s, %d\n", (int)length - 1, text, WEXITSTATUS(status));
  return 0;
}
