/* bytecode [N]: an interpreter with an indirect jump for every operation, running a program that looks for the longest
   Collatz sequence that starts below N. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum operation {
  LOAD,
  MOVE,
  ADD_IMMEDIATE,
  SHIFT_RIGHT,
  TRIPLE,
  JUMP,
  JUMP_IF_ODD,
  JUMP_IF_LESS,
  JUMP_IF_NOT_ONE,
  HALT,
};

/** `a` is a register; `b` a register, a number, or for jumps the second register; `target` an index into the program.
    */
struct instruction {
  uint8_t operation;
  uint8_t a;
  uint8_t b;
  int8_t immediate;
  uint32_t target;
};

enum registers { START, X, STEPS, LONGEST, BEST, LIMIT, REGISTERS };

static const struct instruction program[] = {
    /*  0 */ {LOAD, START, 0, 1, 0},
    /*  1 */ {MOVE, X, START, 0, 0}, /* for each start */
    /*  2 */ {LOAD, STEPS, 0, 0, 0},
    /*  3 */ {JUMP, 0, 0, 0, 9},
    /*  4 */ {JUMP_IF_ODD, X, 0, 0, 7}, /* one step */
    /*  5 */ {SHIFT_RIGHT, X, 0, 1, 0},
    /*  6 */ {JUMP, 0, 0, 0, 8},
    /*  7 */ {TRIPLE, X, 0, 1, 0},
    /*  8 */ {ADD_IMMEDIATE, STEPS, 0, 1, 0},
    /*  9 */ {JUMP_IF_NOT_ONE, X, 0, 0, 4},
    /* 10 */ {JUMP_IF_LESS, STEPS, LONGEST, 0, 13},
    /* 11 */ {MOVE, LONGEST, STEPS, 0, 0},
    /* 12 */ {MOVE, BEST, START, 0, 0},
    /* 13 */ {ADD_IMMEDIATE, START, 0, 1, 0},
    /* 14 */ {JUMP_IF_LESS, START, LIMIT, 0, 1},
    /* 15 */ {HALT, 0, 0, 0, 0},
};

/** Runs the program; answers how many of its instructions were executed. */
static uint64_t execute(uint64_t r[REGISTERS]) {
  static const void *const handlers[] = {
      [LOAD] = &&load,
      [MOVE] = &&move,
      [ADD_IMMEDIATE] = &&add_immediate,
      [SHIFT_RIGHT] = &&shift_right,
      [TRIPLE] = &&triple,
      [JUMP] = &&jump,
      [JUMP_IF_ODD] = &&jump_if_odd,
      [JUMP_IF_LESS] = &&jump_if_less,
      [JUMP_IF_NOT_ONE] = &&jump_if_not_one,
      [HALT] = &&halt,
  };
  const struct instruction *at = program;
  uint64_t executed = 0;

#define DISPATCH                    \
  do {                              \
    executed++;                     \
    goto *handlers[at->operation];  \
  } while (0)
#define NEXT  \
  do {        \
    at++;     \
    DISPATCH; \
  } while (0)
#define BRANCH(condition)                             \
  do {                                                \
    at = (condition) ? program + at->target : at + 1; \
    DISPATCH;                                         \
  } while (0)

  DISPATCH;
load:
  r[at->a] = (uint64_t)at->immediate;
  NEXT;
move:
  r[at->a] = r[at->b];
  NEXT;
add_immediate:
  r[at->a] += (uint64_t)at->immediate;
  NEXT;
shift_right:
  r[at->a] >>= at->immediate;
  NEXT;
triple:
  r[at->a] = r[at->a] * 3 + (uint64_t)at->immediate;
  NEXT;
jump:
  BRANCH(1);
jump_if_odd:
  BRANCH(r[at->a] & 1);
jump_if_less:
  BRANCH(r[at->a] < r[at->b]);
jump_if_not_one:
  BRANCH(r[at->a] != 1);
halt:
  return executed;
}

int main(int argc, char **argv) {
  uint64_t r[REGISTERS] = {0};
  r[LIMIT] = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
  uint64_t executed = execute(r);
  printf("below %llu the longest sequence starts at %llu with %llu steps; %llu instructions\n",
         (unsigned long long)r[LIMIT], (unsigned long long)r[BEST], (unsigned long long)r[LONGEST],
         (unsigned long long)executed);
  return 0;
}
