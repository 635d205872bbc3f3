/* The thread_local objects of C++, which are destroyed when their thread ends. Itanium C++ ABI 3.3.5.4 */
#include <stdlib.h>

#include "exit.h"

/** An object with a destructor. */
struct object {
  struct object *before;
  void (*destroy)(void *object);
  void *object;
};

static __thread struct object *last_object;

/** Called when a thread_local object has been made. */
int __cxa_thread_atexit(void (*destroy)(void *object), void *object, void *module) {
  (void)module;
  struct object *made = malloc(sizeof *made);
  if (made == NULL) return -1;
  *made = (struct object){last_object, destroy, object};
  last_object = made;
  return 0;
}

void bd0_end_objects(void) {
  while (last_object != NULL) {
    struct object *object = last_object;
    last_object = object->before;
    object->destroy(object->object);
    free(object);
  }
}
