/*
 * Macros for conformance programs: one program per kernel call, `NAME.c` for bd0_NAME, which checks that the call does
 * what its page in docs/kernel-calls says: success, every error that is listed, and the edge of each range.
 *
 *     #include "conformance.h"
 *
 *     int main(void) {
 *       expect_equal(bd0_process_start(BD0_SELF), (int64_t)conformance_header());
 *       expect_error(bd0_process_start(77), ESRCH);
 *       return conformance_end();
 *     }
 *
 * test/kernel/conformance.test.ts runs every program of this directory on every engine. It demands that the last line is
 * `N passed`, the only one to end so, that the exit code is 0, and that the calls of bd0_NAME have answered the errors
 * that its page lists, each at least once, and no other one. A program finds itself and all the others by name
 * (bd0_start, bd0_name_lookup). Where there is a file `NAME.input`, its lines are the console's input: the next one comes
 * whenever all threads wait for input without a deadline; then the input ends.
 *
 * Any thread may expect something; the one that calls conformance_end is the last.
 */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include <bd0.h>
#include <stdio.h>
#include <string.h>

/** Expectations that were met, and that were not. */
static unsigned conformance_passed, conformance_failed;

/** Counts an expectation, and tells of one that is not met. */
static inline void conformance_note(int is_met, const char *file, int line, const char *text, int64_t actual,
                                    int64_t expected) {
  if (is_met) {
    __atomic_fetch_add(&conformance_passed, 1, __ATOMIC_SEQ_CST);
    return;
  }
  __atomic_fetch_add(&conformance_failed, 1, __ATOMIC_SEQ_CST);
  printf("%s:%d: %s: %lld, not %lld\n", file, line, text, (long long)actual, (long long)expected);
}

/** Expects that two integers or addresses are equal. Each is worked out once. */
#define expect_equal(actual, expected)                                                       \
  do {                                                                                       \
    int64_t conformance_actual = (int64_t)(actual), conformance_expected = (int64_t)(expected); \
    conformance_note(conformance_actual == conformance_expected, __FILE__, __LINE__, #actual, conformance_actual, \
                     conformance_expected);                                                  \
  } while (0)

/** Expects that something is true. */
#define expect(condition) expect_equal(!!(condition), 1)

/** Expects that a call returns an error, such as EFAULT. */
#define expect_error(call, error) expect_equal(call, -BD0_##error)

/** Expects that a call returns a value and no error, and returns that value. */
#define expect_value(call)                                                                                     \
  ({                                                                                                           \
    int64_t conformance_value = (call);                                                                        \
    conformance_note(!bd0_is_error(conformance_value), __FILE__, __LINE__, #call, conformance_value, 0);       \
    conformance_value;                                                                                         \
  })

/** Expects that two pieces of memory are equal. */
#define expect_bytes(actual, expected, n) expect_equal(memcmp(actual, expected, n), 0)

/** The header page of the process that runs: a stand-alone one has it at the start of its region. */
static inline struct bd0_header *conformance_header(void) {
  return (struct bd0_header *)bd0_process_start(BD0_SELF);
}

/** Most parts of a vmo_concat. */
#define CONFORMANCE_PARTS 65536

/** The handles that `fill_host_memory` has made. */
static int64_t conformance_first_filled, conformance_last_filled;

/**
 * Makes VMOs until the machine's objects take all that they may of the host's memory, but for less than a handle: first
 * large ones, then ever smaller ones.
 */
static inline void fill_host_memory(void) {
  int64_t part = bd0_vmo_create("part", 4), zeros = bd0_vmo_zeros(CONFORMANCE_PARTS * 8);
  int64_t *parts = (int64_t *)bd0_vmo_map(zeros, 0, NULL, CONFORMANCE_PARTS * 8, BD0_READ | BD0_WRITE);
  bd0_vmo_close(zeros);
  parts[0] = part;
  for (int n = 1; n < CONFORMANCE_PARTS; n *= 2) memcpy(parts + n, parts, n * sizeof *parts);
  conformance_first_filled = conformance_last_filled = part;
  for (uint64_t count = CONFORMANCE_PARTS; count > 0; count /= 2)
    for (int64_t handle; !bd0_is_error(handle = bd0_vmo_concat(parts, count));) conformance_last_filled = handle;
  bd0_vmo_unmap(parts, CONFORMANCE_PARTS * 8);
  for (int64_t handle; !bd0_is_error(handle = bd0_vmo_concat(&part, 1));) conformance_last_filled = handle;
}

/** Takes back what `fill_host_memory` has made. */
static inline void empty_host_memory(void) {
  for (int64_t handle = conformance_first_filled; handle <= conformance_last_filled; handle++) bd0_vmo_close(handle);
}

/** An address that no process has anything at. */
#define CONFORMANCE_NOWHERE ((void *)0x10000)

/** Prints the number of expectations met. Returns the exit code for `main`. */
static inline int conformance_end(void) {
  if (conformance_failed == 0) printf("%u passed\n", conformance_passed);
  else printf("%u of %u failed\n", conformance_failed, conformance_failed + conformance_passed);
  return conformance_failed != 0;
}

#endif
