/*
 * relocations: everything that must have happened before main: pointers in tables, constructors in their order,
 * functions that a resolver chose, the thread's own variables. With `-Wl,-z,pack-relative-relocs` the tables are of
 * DT_RELR.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int zero, one, two;
static int *const table[] = {&zero, NULL, &one, NULL, NULL, &two};
static const char *const names[] = {"zero", "one", "two"};

/** More words than one map of DT_RELR covers, with gaps. */
#define FOUR(name) &name, NULL, &name, &name
#define SIXTEEN(name) FOUR(name), FOUR(name), FOUR(name), FOUR(name)
static int *const many[] = {SIXTEEN(zero), SIXTEEN(one), SIXTEEN(two), SIXTEEN(zero), SIXTEEN(one),
                            SIXTEEN(two),  SIXTEEN(two), SIXTEEN(one), SIXTEEN(zero)};

static int order;
static __attribute__((constructor(201))) void second(void) {
  order = order * 10 + 2;
}
static __attribute__((constructor(101))) void first(void) {
  order = order * 10 + 1;
}
static __attribute__((constructor)) void third(int argc, char **argv) {
  order = order * 10 + (argc > 0 && argv[argc] == NULL ? 3 : 9);
}

static int chosen(int x) {
  return x + 1;
}
static int other(int x) {
  return x - 1;
}
static int (*const candidates[])(int) = {other, chosen};
static int (*resolve(void))(int) {
  return candidates[1]; /* from a table that is relocated itself */
}
int increment(int x) __attribute__((ifunc("resolve")));
static int (*const pointer_to_increment)(int) = increment;

static _Thread_local int counter = 40;
static _Thread_local char blank[100];
static _Thread_local int aligned __attribute__((aligned(64))) = 7;

int main(void) {
  zero = 10, one = 11, two = 12;
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) printf("%d ", table[i] == NULL ? -1 : *table[i]);
  printf("%s %s %s\n", names[0], names[1], names[2]);
  uint64_t sum = 0;
  for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) sum = sum * 31 + (many[i] == NULL ? 1 : (uint64_t)*many[i]);
  printf("many %llu\n", (unsigned long long)sum);
  printf("constructors %d\n", order);
  printf("increment %d %d\n", increment(1), pointer_to_increment(2));
  counter += 2;
  size_t blanks = 0;
  for (size_t i = 0; i < sizeof blank; i++) blanks += blank[i] == 0;
  strcpy(blank, "thread");
  printf("%d %zu %s %d %d\n", counter, blanks, blank, aligned, (int)((uintptr_t)&aligned % 64));
  return 0;
}
