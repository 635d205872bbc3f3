/* The end of a program: what atexit was given, destructors, and what stdout holds back. */
#include <bd0.h>
#include <stdio.h>
#include <stdlib.h>

#include "exit.h"
#include "lock.h"

enum { BLOCK_FUNCTIONS = 31 };

struct exit_function {
  void (*call)(void *argument);
  void *argument;
};

/** The functions, the last one at the end; the first block needs no heap. */
struct block {
  struct block *before;
  size_t count;
  struct exit_function functions[BLOCK_FUNCTIONS];
};

static struct block first_block;
static struct block *last_block = &first_block;
static uint32_t lock;

/* Defined by the linker script: what __attribute__((destructor)) makes. */
#define HIDDEN __attribute__((visibility("hidden")))
typedef void destructor(void);
extern destructor *const __fini_array_start[] HIDDEN;
extern destructor *const __fini_array_end[] HIDDEN;

int bd0_at_exit(void (*call)(void *argument), void *argument) {
  bd0_lock(&lock);
  struct block *block = last_block;
  if (block->count == BLOCK_FUNCTIONS) {
    block = bd0_heap_alloc(sizeof *block, _Alignof(struct block));
    if (block != NULL) {
      block->before = last_block;
      last_block = block;
    }
  }
  if (block != NULL) block->functions[block->count++] = (struct exit_function){call, argument};
  bd0_unlock(&lock);
  return block == NULL ? -1 : 0;
}

/** Removes the last function; returns false if there is none. */
static int take_last(struct exit_function *function) {
  bd0_lock(&lock);
  if (last_block->count == 0 && last_block->before != NULL) last_block = last_block->before;
  int is_there = last_block->count > 0;
  if (is_there) *function = last_block->functions[--last_block->count];
  bd0_unlock(&lock);
  return is_there;
}

static void call_plain(void *function) {
  ((void (*)(void))function)();
}

int atexit(void (*function)(void)) {
  return bd0_at_exit(call_plain, (void *)function);
}

void exit(int code) {
  if (bd0_end_objects != NULL) bd0_end_objects();
  struct exit_function function;
  while (take_last(&function)) function.call(function.argument);
  for (destructor *const *destruct = __fini_array_end; destruct > __fini_array_start;) (*--destruct)();
  fflush(stdout);
  bd0_exit(code);
}

void _Exit(int code) {
  bd0_exit(code);
}

void abort(void) {
  enum { SIGABRT = 6 };
  bd0_exit(128 + SIGABRT);
}
