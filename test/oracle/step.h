/* One instruction on the CPU itself. */
#ifndef ORACLE_STEP_H
#define ORACLE_STEP_H

#include <stdint.h>

/** SDM Vol. 1 3.4.3 "EFLAGS Register". */
enum rflags {
  RFLAGS_RESERVED_1 = 1 << 1,
  RFLAGS_TF = 1 << 8,
  RFLAGS_IF = 1 << 9,
  RFLAGS_RF = 1 << 16,
};

/** Exception vectors. SDM Vol. 3A table 6-1. */
enum vector { VECTOR_DB = 1, VECTOR_BP = 3, VECTOR_OF = 4, VECTOR_PF = 14 };

enum {
  NO_FAULT = 0xffffffff,
  /** Steps of a case that runs up to the next INT3, not stepped. */
  FREE_RUN = 0,
};

/** What became of an instruction; records.ts has the same numbers. */
enum outcome {
  OUTCOME_STEPPED = 0,
  OUTCOME_SYSTEM_CALL = 1,
  OUTCOME_BASE_REFUSED = 2,
};

/** What one instruction starts from. */
struct before {
  /** In the order of their encoding: rax rcx rdx rbx rsp rbp rsi rdi r8 to r15. */
  uint64_t gpr[16];
  uint64_t fs_base, gs_base;
  uint64_t rip;
  /** The bytes at rip, as far as they are mapped; what follows them is INT3. */
  const uint8_t *bytes;
  uint32_t length;
  uint32_t rflags;
  uint32_t mxcsr;
  /** How often an instruction that leaves rip in place (REP) is stepped, or FREE_RUN. */
  uint32_t steps;
  /** XMM0 to XMM15, then bits 255:128 of YMM0 to YMM15. */
  uint8_t xmm[512];
  /** The first 160 bytes of an FXSAVE64 image; those of MXCSR are not used. */
  uint8_t x87[160];
};

/** What it left. The driver reads this as it stands (native.ts, RESPONSE). */
struct after {
  uint64_t gpr[16];
  uint64_t rip;
  uint64_t cr2;
  uint64_t fs_base, gs_base;
  /** The first byte that changed outside the windows; 0: none. */
  uint64_t stray;
  uint32_t rflags;
  uint32_t mxcsr;
  /** NO_FAULT or the vector. */
  uint32_t vector;
  uint32_t error_code;
  uint32_t steps;
  uint32_t outcome;
  /** es cs ss ds fs gs: the order of their encoding. */
  uint16_t selectors[6];
  uint16_t unused[2];
  /** XMM0 to XMM15, then bits 255:128 of YMM0 to YMM15. */
  uint8_t xmm[512];
  uint8_t x87[160];
};

_Static_assert(sizeof(struct after) == RESPONSE_BYTES, "native.ts, RESPONSE.bytes");

/**
 * Catches the signals that exceptions become. `can_write_bases`: WRFSBASE is open to user mode; otherwise arch_prctl sets
 * the bases. `patience`: quarters of a second of CPU time after which a step counts as endless. Returns whether Linux
 * intercepts system calls made outside the harness.
 */
int prepare_to_step(int can_write_bases, uint32_t patience);

/** Executes the instruction at before->rip. */
void step(const struct before *before, struct after *after);

/** Writes the responses so far and ends the process; the driver tells by their number which case it was. */
void __attribute__((noreturn)) fail(int status);

#endif
