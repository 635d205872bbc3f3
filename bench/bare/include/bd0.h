/*
 * What the guest library asks of BD0, answered by a machine without an operating system: the console is the serial line COM1,
 * the heap is all memory behind the image, and a process ends by ending the machine. It stands in the place of
 * guest/include/bd0.h, so that a workload runs on the same library here and there.
 */
#ifndef BD0_H
#define BD0_H

#include <stddef.h>
#include <stdint.h>

#define BD0_SELF 0
#define BD0_FOREVER UINT64_MAX

#define BD0_EAGAIN 11
#define BD0_ETIMEDOUT 110

/** As in guest/include/bd0.h. */
struct bd0_heap_pair {
  uint64_t heap_pointer;
  uint64_t stack_floor; /* the end of memory */
} __attribute__((aligned(16)));

static inline int bd0_is_error(int64_t result) {
  return result < 0;
}

/** Ends the machine: through the port of QEMU's isa-debug-exit, which makes the exit code of the emulator
    `(code + BARE_EXIT_BASE) * 2 + 1`, or else where it is Bochs, through the port that turns it off. */
_Noreturn void bd0_exit(int64_t code);

/** Keeps 0 apart from the exit codes that an emulator has for its own failures. */
#define BARE_EXIT_BASE 16

int64_t bd0_heap_pointer(uint64_t pid);

/** Sends the bytes as they are, waiting for the line. */
int64_t bd0_console_write(const void *buffer, uint64_t n);

/** The end of input: nobody types. */
int64_t bd0_console_read(void *buffer, uint64_t n, uint64_t deadline);

/** Locks are free: there is one thread. */
static inline int64_t bd0_wait_word(const uint32_t *address, uint32_t expected, uint64_t deadline) {
  (void)address, (void)expected, (void)deadline;
  return -BD0_EAGAIN;
}

static inline int64_t bd0_wake_word(const uint32_t *address, uint64_t n) {
  (void)address, (void)n;
  return 0;
}

/** There is no other thread to yield to. */
static inline int64_t bd0_yield(void) {
  return 0;
}

void *bd0_heap_alloc(size_t size, size_t align);

#endif
