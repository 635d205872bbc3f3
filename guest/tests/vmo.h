/* What the conformance programs of VMO calls have in common. */
#ifndef VMO_H
#define VMO_H

#include "conformance.h"

enum { PAGE = 4096 };

/** The longest VMO. */
#define VMO_MAX (UINT64_C(1) << 48)

/** A number that is the handle of no VMO. */
#define NO_HANDLE 12345

/** Pages of the program's own, zeros at first. */
static uint8_t pages[8][PAGE] __attribute__((aligned(4096)));

/** Constants that may not be written, larger than a page. */
static const uint8_t constants[2 * PAGE] = {1, 2, 3, 4};

/** Byte `i` of a pattern in which no two of the first 255 pages are equal. */
static inline uint8_t pattern(uint64_t i) {
  return (uint8_t)(7 * i + (i >> 8) + 1);
}

/** Fills memory with the pattern. */
static inline void fill(uint8_t *bytes, uint64_t n) {
  for (uint64_t i = 0; i < n; i++) bytes[i] = pattern(i);
}

/** Expects that a VMO has exactly the `n` bytes given; closes it. */
static inline void expect_content(int64_t handle, const void *bytes, uint64_t n) {
  static uint8_t read[16 * PAGE];
  expect_equal(bd0_vmo_length(handle), n);
  expect_equal(bd0_vmo_read(handle, 0, read, n), n);
  expect_bytes(read, bytes, n);
  expect_equal(bd0_vmo_close(handle), 0);
}

/** Takes all handles that the process may have, the last but `left` of them. Answers the highest. */
static inline int64_t take_handles(int left) {
  int64_t handle = -1;
  for (int64_t next; !bd0_is_error(next = bd0_vmo_zeros(0)); handle = next) continue;
  for (int i = 0; i < left; i++) bd0_vmo_close(handle--);
  return handle;
}

#endif
