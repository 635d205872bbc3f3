/*
 * Threads, locks and conditions, as in ISO C 7.26, on thread_spawn, wait_word and wake_word. The stack of a thread has
 * 256 KiB, which take memory as they are touched; bd0_thread_spawn makes stacks of other sizes. Deadlines are times of
 * timespec_get(..., TIME_UTC): of the machine's clock.
 */
#ifndef BD0_THREADS_H
#define BD0_THREADS_H

#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef __cplusplus
#define thread_local _Thread_local
#endif

enum { thrd_success, thrd_busy, thrd_error, thrd_nomem, thrd_timedout };
enum { mtx_plain = 0, mtx_recursive = 1, mtx_timed = 2 };

typedef int64_t thrd_t;
typedef int (*thrd_start_t)(void *argument);

int thrd_create(thrd_t *thread, thrd_start_t function, void *argument);
int thrd_join(thrd_t thread, int *result);
/** Does nothing: a thread that is never joined needs no cleanup. */
int thrd_detach(thrd_t thread);
/** When the last thread ends, including the first one, the program ends as by exit(0). */
__attribute__((__noreturn__)) void thrd_exit(int result);
thrd_t thrd_current(void);
int thrd_equal(thrd_t left, thrd_t right);
int thrd_sleep(const struct timespec *duration, struct timespec *remaining);
void thrd_yield(void);

/** All zeros are a plain lock that is free. */
typedef struct {
  uint32_t word; /* 0 free, 1 taken, 2 taken and threads may wait */
  int type;
  thrd_t owner; /* of a recursive one */
  unsigned depth;
} mtx_t;

int mtx_init(mtx_t *lock, int type);
void mtx_destroy(mtx_t *lock);
int mtx_lock(mtx_t *lock);
int mtx_trylock(mtx_t *lock);
int mtx_timedlock(mtx_t *__restrict lock, const struct timespec *__restrict deadline);
int mtx_unlock(mtx_t *lock);

/** All zeros are a condition without waiting threads. */
typedef struct {
  uint32_t signals; /* number of signals so far */
} cnd_t;

int cnd_init(cnd_t *condition);
void cnd_destroy(cnd_t *condition);
int cnd_wait(cnd_t *condition, mtx_t *lock);
int cnd_timedwait(cnd_t *__restrict condition, mtx_t *__restrict lock, const struct timespec *__restrict deadline);
int cnd_signal(cnd_t *condition);
int cnd_broadcast(cnd_t *condition);

typedef uint32_t once_flag;
#define ONCE_FLAG_INIT 0
void call_once(once_flag *flag, void (*function)(void));

/** Keys that can exist at a time. */
enum { TSS_MAX = 1024 };
/** How many times a thread that ends calls destructors, while they set new values. */
#define TSS_DTOR_ITERATIONS 4
typedef unsigned tss_t;
typedef void (*tss_dtor_t)(void *value);

/** The value of a new key is NULL in every thread. The destructor may be NULL; exit calls none. */
int tss_create(tss_t *key, tss_dtor_t destructor);
void tss_delete(tss_t key);
void *tss_get(tss_t key);
int tss_set(tss_t key, void *value);

#ifdef __cplusplus
}
#endif

#endif
