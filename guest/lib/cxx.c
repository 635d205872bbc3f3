/*
 * What compiled C++ calls, without exceptions and run-time types: Itanium C++ ABI 2.8, 3.3.2, 3.3.5. It is C, so that a
 * machine without a C++ compiler has this library too.
 */
#include <bd0.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "exit.h"

/** The address tells modules apart that destructors belong to; an image is one. */
__attribute__((visibility("hidden"))) void *__dso_handle = &__dso_handle;

int __cxa_atexit(void (*destroy)(void *object), void *object, void *module) {
  (void)module;
  return bd0_at_exit(destroy, object);
}

_Noreturn void __cxa_pure_virtual(void) {
  fputs("pure virtual function called\n", stderr);
  abort();
}

_Noreturn void __cxa_deleted_virtual(void) {
  fputs("deleted virtual function called\n", stderr);
  abort();
}

/*
 * The guard of a static object in a function, 64 bits of which compiled code reads the first byte: not 0 once the object
 * is there. The second word is what those wait for that come while it is being made.
 */
struct guard {
  uint8_t done;
  uint32_t state;
};

enum { GUARD_NOT_YET, GUARD_BEGUN, GUARD_DONE };

/** True if the caller is the one that has to make the object. */
int __cxa_guard_acquire(struct guard *guard) {
  for (;;) {
    uint32_t seen = GUARD_NOT_YET;
    if (__atomic_compare_exchange_n(&guard->state, &seen, GUARD_BEGUN, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
      return true;
    if (seen == GUARD_DONE) return false;
    bd0_wait_word(&guard->state, GUARD_BEGUN, BD0_FOREVER);
  }
}

static void leave(struct guard *guard, uint32_t state) {
  __atomic_store_n(&guard->state, state, __ATOMIC_RELEASE);
  bd0_wake_word(&guard->state, UINT64_MAX);
}

void __cxa_guard_release(struct guard *guard) {
  __atomic_store_n(&guard->done, 1, __ATOMIC_RELEASE);
  leave(guard, GUARD_DONE);
}

void __cxa_guard_abort(struct guard *guard) {
  leave(guard, GUARD_NOT_YET);
}

/* operator new and delete, by their names in object files: "nw" and "na" (of arrays), "dl" and "da". */
#define NAMED(name) __asm__(name)

void *new_block(size_t size) NAMED("_Znwm");
void *new_array(size_t size) NAMED("_Znam");
void *new_block_or_null(size_t size, const void *tag) NAMED("_ZnwmRKSt9nothrow_t");
void *new_array_or_null(size_t size, const void *tag) NAMED("_ZnamRKSt9nothrow_t");
void *new_aligned(size_t size, size_t align) NAMED("_ZnwmSt11align_val_t");
void *new_aligned_array(size_t size, size_t align) NAMED("_ZnamSt11align_val_t");
void delete_block(void *block) NAMED("_ZdlPv");
void delete_array(void *block) NAMED("_ZdaPv");
void delete_sized(void *block, size_t size) NAMED("_ZdlPvm");
void delete_sized_array(void *block, size_t size) NAMED("_ZdaPvm");
void delete_aligned(void *block, size_t align) NAMED("_ZdlPvSt11align_val_t");
void delete_aligned_array(void *block, size_t align) NAMED("_ZdaPvSt11align_val_t");
void delete_sized_aligned(void *block, size_t size, size_t align) NAMED("_ZdlPvmSt11align_val_t");
void delete_sized_aligned_array(void *block, size_t size, size_t align) NAMED("_ZdaPvmSt11align_val_t");

/** std::nothrow, which stands for itself. */
extern const char nothrow NAMED("_ZSt7nothrow");
const char nothrow = 0;

static void *or_abort(void *block) {
  if (block != NULL) return block;
  fputs("operator new: no memory is left\n", stderr);
  abort();
}

void *new_block(size_t size) {
  return or_abort(malloc(size));
}
void *new_array(size_t size) {
  return or_abort(malloc(size));
}
void *new_block_or_null(size_t size, const void *tag) {
  (void)tag;
  return malloc(size);
}
void *new_array_or_null(size_t size, const void *tag) {
  (void)tag;
  return malloc(size);
}
void *new_aligned(size_t size, size_t align) {
  return or_abort(aligned_alloc(align, size));
}
void *new_aligned_array(size_t size, size_t align) {
  return or_abort(aligned_alloc(align, size));
}
void delete_block(void *block) {
  free(block);
}
void delete_array(void *block) {
  free(block);
}
void delete_sized(void *block, size_t size) {
  (void)size;
  free(block);
}
void delete_sized_array(void *block, size_t size) {
  (void)size;
  free(block);
}
void delete_aligned(void *block, size_t align) {
  (void)align;
  free(block);
}
void delete_aligned_array(void *block, size_t align) {
  (void)align;
  free(block);
}
void delete_sized_aligned(void *block, size_t size, size_t align) {
  (void)size, (void)align;
  free(block);
}
void delete_sized_aligned_array(void *block, size_t size, size_t align) {
  (void)size, (void)align;
  free(block);
}
