/* What conformance programs have in common that start themselves as children, and spawn threads. */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdio.h>
#include <stdlib.h>

#include "conformance.h"

enum { PAGE = 4096, STACK = 4 * PAGE };

#define MIB (UINT64_C(1) << 20)

/** A pid and a tid that are never in use. */
#define NOBODY 777777

/** Constants that may not be written. */
static const uint8_t constants[PAGE] = {1, 2, 3, 4};

/** A range that is never accessible: outside of both halves of the address space. */
#define HOLE ((void *)(UINT64_C(1) << 47))

/** A writable page of zeros, with nothing mapped after it. */
static inline char *lone_page(void) {
  return (char *)bd0_vmo_map(bd0_vmo_zeros(PAGE), 0, NULL, PAGE, BD0_READ | BD0_WRITE);
}

/** Starts a program as its own child, with what it is to do and a number. */
static inline int64_t start_with(const char *program, const char *role, uint64_t number) {
  char text[24];
  snprintf(text, sizeof text, "%llu", (unsigned long long)number);
  char *arguments[] = {(char *)program, (char *)role, text, NULL};
  return expect_value(bd0_start(program, MIB, arguments, 0, 0));
}

/** What a child was given by `start_with`. */
static inline uint64_t number_of(char **argv) {
  return strtoull(argv[2], NULL, 10);
}

/** True if a child was started to do this. */
static inline int has_role(int argc, char **argv, const char *role) {
  return argc == 3 && strcmp(argv[1], role) == 0;
}

/** Number of processes. */
static inline int64_t process_count(void) {
  return bd0_process_list(NULL, 0);
}

/** The pair of the caller. */
static inline struct bd0_heap_pair *heap_pair(void) {
  return (struct bd0_heap_pair *)bd0_heap_pointer(BD0_SELF);
}

/** A thread with a stack of a few pages. */
static inline int64_t spawn(bd0_thread_function *entry, void *argument) {
  return expect_value(bd0_thread_spawn(entry, argument, STACK));
}

#endif
