/** What the compiled programs share: numbers that the compiler cannot know, and a line for each thing that was computed. */
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 88172645463325252u;

/** 64 bits of a xorshift. */
static uint64_t next(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

/** 0 to n - 1. */
__attribute__((unused)) static uint32_t below(uint32_t n) { return (uint32_t)(next() >> 33) % n; }

/** -1 to 1, with 24 bits. */
__attribute__((unused)) static double fraction(void) { return (double)(int64_t)(next() >> 40) / (1 << 23) - 1.0; }

/** The hash FNV-1a of bytes. */
static uint64_t hash(const void *bytes, size_t length) {
  uint64_t value = 14695981039346656037u;
  for (size_t i = 0; i < length; i++) value = (value ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
  return value;
}

/** A line with the hash of a result. */
__attribute__((unused)) static void report(const char *name, const void *bytes, size_t length) {
  printf("%s %016llx\n", name, (unsigned long long)hash(bytes, length));
}

/** The seed is an argument, so that nothing can be computed at compile time. */
static void begin(int argc, char **argv) {
  state ^= argc > 1 ? strtoull(argv[1], NULL, 0) * 0x9e3779b97f4a7c15u : 0;
  for (int i = 0; i < 16; i++) next();
}
