/*
 * What the harness needs of Linux, without a C library: library code would find its thread-local data through fs, whose
 * base belongs to the case under test.
 */
#ifndef ORACLE_LINUX_H
#define ORACLE_LINUX_H

#include <linux/mman.h>
#include <asm/prctl.h>
#include <asm/signal.h>
#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <asm/ucontext.h>
#include <asm/unistd.h>
#include <linux/auxvec.h>
#include <linux/prctl.h>
#include <linux/time.h>
#include <stddef.h>
#include <stdint.h>

/* Headers older than Linux 5.11 lack these; an older kernel answers with an error. */
#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON 1
#endif

static inline long system_call(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

/** Ends the process; the driver knows the statuses (native.ts, EXIT_STATUS). */
static inline void __attribute__((noreturn)) leave(int status) {
  for (;;) system_call(__NR_exit_group, status, 0, 0, 0, 0, 0);
}

enum exit_status {
  EXIT_DONE = 0,
  EXIT_TRUNCATED_INPUT = 10,
  EXIT_OUTPUT_FAILED = 11,
  EXIT_NO_MEMORY = 12,
  EXIT_NO_SIGNALS = 13,
  EXIT_HARNESS_FAULT = 14,
  EXIT_ENDLESS = 15,
  EXIT_USAGE = 16,
};

#endif
