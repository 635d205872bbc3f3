/* What the programs for the debug calls share: memory of another process. */
#ifndef DEBUG_H
#define DEBUG_H

#include "conformance.h"

/** A byte that another process has in its region, between heap and stacks: zeros until a thread writes there. */
static uint64_t neighbour;

/** Starts this program again, as a neighbour that only waits, and returns the address of its memory. */
static inline uint8_t *start_neighbour(const char *name) {
  char *argv[] = {(char *)name, "neighbour", NULL};
  neighbour = (uint64_t)expect_value(bd0_start(name, 1 << 20, argv, 0, 0));
  return (uint8_t *)expect_value(bd0_process_start(neighbour)) + (1 << 19);
}

/** What a neighbour does. */
static inline int be_neighbour(void) {
  bd0_sleep(BD0_FOREVER);
  return 0;
}

static inline void end_neighbour(void) {
  expect_equal(bd0_process_kill(neighbour, 0), 0);
}

/** No thread has this number. */
#define NO_THREAD 0x7fffffffffffffffu

#endif
