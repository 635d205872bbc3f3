/*
 * Values that each thread has of its own and that are destroyed when it ends: those of the keys of <threads.h>, and the
 * thread_local objects of C++. A program that has neither does not have bd0_end_thread_locals.
 */
#include <stdlib.h>
#include <threads.h>

#include "exit.h"
#include "lock.h"

/** A key that is free has no destructor of its own. */
static void unused(void *value) {
  (void)value;
}

static tss_dtor_t destructors[TSS_MAX]; /* NULL: the key is free */
static uint32_t lock;
static __thread void *values[TSS_MAX];

int tss_create(tss_t *key, tss_dtor_t destructor) {
  bd0_lock(&lock);
  tss_t free_key = 0;
  while (free_key < TSS_MAX && destructors[free_key] != NULL) free_key++;
  if (free_key < TSS_MAX) destructors[free_key] = destructor == NULL ? unused : destructor;
  bd0_unlock(&lock);
  if (free_key == TSS_MAX) return thrd_error;
  values[free_key] = NULL;
  *key = free_key;
  return thrd_success;
}

void tss_delete(tss_t key) {
  __atomic_store_n(&destructors[key], NULL, __ATOMIC_RELEASE);
}

void *tss_get(tss_t key) {
  return values[key];
}

int tss_set(tss_t key, void *value) {
  values[key] = value;
  return thrd_success;
}

/** Calls the destructors of all values that are set; answers how many. */
static unsigned destroy_values(void) {
  unsigned count = 0;
  for (tss_t key = 0; key < TSS_MAX; key++) {
    void *value = values[key];
    tss_dtor_t destructor = __atomic_load_n(&destructors[key], __ATOMIC_ACQUIRE);
    values[key] = NULL;
    if (value == NULL || destructor == NULL) continue;
    destructor(value);
    count++;
  }
  return count;
}

/** An object of C++ with a destructor. */
struct object {
  struct object *before;
  void (*destroy)(void *object);
  void *object;
};

static __thread struct object *last_object;

/** Itanium C++ ABI 3.3.5.4: called when a thread_local object has been made. */
int __cxa_thread_atexit(void (*destroy)(void *object), void *object, void *module) {
  (void)module;
  struct object *made = malloc(sizeof *made);
  if (made == NULL) return -1;
  *made = (struct object){last_object, destroy, object};
  last_object = made;
  return 0;
}

void bd0_end_thread_locals(void) {
  while (last_object != NULL) {
    struct object *object = last_object;
    last_object = object->before;
    object->destroy(object->object);
    free(object);
  }
  for (int i = 0; i < TSS_DTOR_ITERATIONS && destroy_values() > 0; i++) continue;
}
