/* A thread forks, the first thread ends before the others, timeouts of condition variables, barriers, rwlocks, semaphores. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pthread_barrier_t barrier;
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t semaphore;
static int value;

static void *work(void *argument)
{
	long k = (long)argument;
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 200; i++) {
		if (i % 4 == k % 4) {
			pthread_rwlock_wrlock(&lock);
			value++;
		} else
			pthread_rwlock_rdlock(&lock);
		pthread_rwlock_unlock(&lock);
	}
	sem_post(&semaphore);
	return NULL;
}

static void *forking(void *argument)
{
	int status;
	pid_t pid = fork();
	if (pid == 0)
		_exit(syscall(SYS_gettid) == getpid() ? 11 : 12);
	waitpid(pid, &status, 0);
	*(int *)argument = WEXITSTATUS(status);
	return NULL;
}

static void *last(void *argument)
{
	pthread_join(*(pthread_t *)argument, NULL);
	printf("the first thread has ended\n");
	exit(5);
}

int main(void)
{
	pthread_t threads[6], other;
	pthread_barrier_init(&barrier, NULL, 6);
	sem_init(&semaphore, 0, 0);
	for (long k = 0; k < 6; k++)
		pthread_create(&threads[k], NULL, work, (void *)k);
	for (int k = 0; k < 6; k++)
		sem_wait(&semaphore);
	for (int k = 0; k < 6; k++)
		pthread_join(threads[k], NULL);
	printf("value %d\n", value);
	int code = 0;
	pthread_create(&other, NULL, forking, &code);
	pthread_join(other, NULL);
	printf("child of a thread: %d\n", code);

	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 20000000;
	if (until.tv_nsec >= 1000000000)
		until.tv_sec++, until.tv_nsec -= 1000000000;
	pthread_mutex_lock(&mutex);
	printf("timed out: %d\n", pthread_cond_timedwait(&condition, &mutex, &until) == ETIMEDOUT);
	fflush(stdout);
	static pthread_t self;
	self = pthread_self();
	pthread_create(&other, NULL, last, &self);
	pthread_exit(NULL);
}
