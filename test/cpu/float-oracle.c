/*
 * Executes SSE and SSE2 floating-point instructions on the real CPU, for test/cpu/float.test.ts.
 *
 *   float-oracle --names    prints the mnemonics, one a line; a line's number is the operation's number
 *   float-oracle            reads records from stdin until its end and writes one answer for each to stdout
 *
 * A record is { operation, mxcsr, first operand, second operand }, an answer { result, mxcsr, faulted }. The first operand
 * is the destination as well, as in the Intel manual's order of operands. Scalar integers are the low bytes of an operand;
 * (U)COMISS and (U)COMISD answer with ZF, PF and CF as they stand in RFLAGS.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

struct vector {
  _Alignas(16) uint8_t bytes[16];
};

struct record {
  uint32_t operation;
  uint32_t mxcsr;
  uint8_t first[16];
  uint8_t second[16];
};

struct answer {
  uint8_t result[16];
  uint32_t mxcsr;
  uint32_t faulted;
};

static const uint32_t mxcsr_default = 0x1f80;
static const uint32_t mxcsr_masks = 0x1f80;

static volatile uint32_t faulted;
static volatile uint32_t mxcsr_at_fault;

/* Takes MXCSR as the fault left it and masks everything, so that the instruction runs again and completes. */
static void on_floating_point_exception(int signal_number, siginfo_t *information, void *context) {
  (void)signal_number;
  (void)information;
  ucontext_t *interrupted = context;
  faulted = 1;
  mxcsr_at_fault = interrupted->uc_mcontext.fpregs->mxcsr;
  interrupted->uc_mcontext.fpregs->mxcsr |= mxcsr_masks;
}

/* xmm0 := first; xmm1 := second; rax := low half of second; INSTRUCTION; OUTPUT. mxcsr is in and out. */
#define EXECUTE(INSTRUCTION, OUTPUT)                                                                                  \
  __asm__ volatile("movaps %[first], %%xmm0\n\t"                                                                      \
                   "movaps %[second], %%xmm1\n\t"                                                                     \
                   "movq %[second], %%rax\n\t"                                                                        \
                   "ldmxcsr %[mxcsr]\n\t" INSTRUCTION "\n\t"                                                          \
                   "stmxcsr %[mxcsr]\n\t"                                                                             \
                   "ldmxcsr %[standard]\n\t" OUTPUT                                                                   \
                   : [result] "=m"(*result), [mxcsr] "+m"(*mxcsr)                                                     \
                   : [first] "m"(*first), [second] "m"(*second), [standard] "m"(mxcsr_default)                        \
                   : "rax", "xmm0", "xmm1", "cc", "memory")

#define FUNCTION(NAME, INSTRUCTION, OUTPUT)                                                                           \
  static void execute_##NAME(const struct vector *first, const struct vector *second, struct vector *result,         \
                             uint32_t *mxcsr) {                                                                       \
    EXECUTE(INSTRUCTION, OUTPUT);                                                                                     \
  }

#define XMM_TO_XMM(NAME) FUNCTION(NAME, #NAME " %%xmm1, %%xmm0", "movaps %%xmm0, %[result]")
#define XMM_TO_EAX(NAME) FUNCTION(NAME##_eax, #NAME " %%xmm1, %%eax", "movq %%rax, %[result]")
#define XMM_TO_RAX(NAME) FUNCTION(NAME##_rax, #NAME " %%xmm1, %%rax", "movq %%rax, %[result]")
#define EAX_TO_XMM(NAME) FUNCTION(NAME##_eax, #NAME "l %%eax, %%xmm0", "movaps %%xmm0, %[result]")
#define RAX_TO_XMM(NAME) FUNCTION(NAME##_rax, #NAME "q %%rax, %%xmm0", "movaps %%xmm0, %[result]")
/* The flags are taken before LDMXCSR and kept in rax: AH := SF:ZF:0:AF:0:PF:1:CF. */
#define XMM_TO_FLAGS(NAME)                                                                                            \
  FUNCTION(NAME, #NAME " %%xmm1, %%xmm0\n\tlahf", "shrl $8, %%eax\n\tandl $0x45, %%eax\n\tmovq %%rax, %[result]")

#define FOUR_FORMS(EACH, STEM) EACH(STEM##ss) EACH(STEM##sd) EACH(STEM##ps) EACH(STEM##pd)

#define ALL_XMM_TO_XMM(EACH)                                                                                          \
  FOUR_FORMS(EACH, add) FOUR_FORMS(EACH, sub) FOUR_FORMS(EACH, mul) FOUR_FORMS(EACH, div)                             \
  FOUR_FORMS(EACH, min) FOUR_FORMS(EACH, max) FOUR_FORMS(EACH, sqrt)                                                  \
  FOUR_FORMS(EACH, cmpeq) FOUR_FORMS(EACH, cmplt) FOUR_FORMS(EACH, cmple) FOUR_FORMS(EACH, cmpunord)                  \
  FOUR_FORMS(EACH, cmpneq) FOUR_FORMS(EACH, cmpnlt) FOUR_FORMS(EACH, cmpnle) FOUR_FORMS(EACH, cmpord)                 \
  EACH(cvtss2sd) EACH(cvtsd2ss) EACH(cvtps2pd) EACH(cvtpd2ps) EACH(cvtdq2ps) EACH(cvtdq2pd)                           \
  EACH(cvtps2dq) EACH(cvttps2dq) EACH(cvtpd2dq) EACH(cvttpd2dq)

#define ALL_XMM_TO_FLAGS(EACH) EACH(comiss) EACH(comisd) EACH(ucomiss) EACH(ucomisd)
#define ALL_XMM_TO_REGISTER(EACH) EACH(cvtss2si) EACH(cvtsd2si) EACH(cvttss2si) EACH(cvttsd2si)
#define ALL_REGISTER_TO_XMM(EACH) EACH(cvtsi2ss) EACH(cvtsi2sd)

ALL_XMM_TO_XMM(XMM_TO_XMM)
ALL_XMM_TO_FLAGS(XMM_TO_FLAGS)
ALL_XMM_TO_REGISTER(XMM_TO_EAX)
ALL_XMM_TO_REGISTER(XMM_TO_RAX)
ALL_REGISTER_TO_XMM(EAX_TO_XMM)
ALL_REGISTER_TO_XMM(RAX_TO_XMM)

struct operation {
  const char *name;
  void (*execute)(const struct vector *first, const struct vector *second, struct vector *result, uint32_t *mxcsr);
};

#define ENTRY(NAME) {#NAME, execute_##NAME},
#define ENTRY_EAX(NAME) ENTRY(NAME##_eax)
#define ENTRY_RAX(NAME) ENTRY(NAME##_rax)

static const struct operation operations[] = {
    ALL_XMM_TO_XMM(ENTRY)              /* xmm, xmm */
    ALL_XMM_TO_FLAGS(ENTRY)            /* xmm, xmm; RFLAGS */
    ALL_XMM_TO_REGISTER(ENTRY_EAX)     /* r32, xmm */
    ALL_XMM_TO_REGISTER(ENTRY_RAX)     /* r64, xmm */
    ALL_REGISTER_TO_XMM(ENTRY_EAX)     /* xmm, r32 */
    ALL_REGISTER_TO_XMM(ENTRY_RAX)     /* xmm, r64 */
};
static const uint32_t operation_count = sizeof operations / sizeof operations[0];

static struct answer answer_to(const struct record *record) {
  struct vector first, second, result = {{0}};
  memcpy(first.bytes, record->first, sizeof first.bytes);
  memcpy(second.bytes, record->second, sizeof second.bytes);
  uint32_t mxcsr = record->mxcsr;
  faulted = 0;
  operations[record->operation].execute(&first, &second, &result, &mxcsr);
  struct answer answer = {.mxcsr = faulted ? mxcsr_at_fault : mxcsr, .faulted = faulted};
  memcpy(answer.result, result.bytes, sizeof answer.result);
  return answer;
}

int main(int argument_count, char **arguments) {
  if (argument_count == 2 && strcmp(arguments[1], "--names") == 0) {
    for (uint32_t i = 0; i < operation_count; i++)
      puts(operations[i].name);
    return 0;
  }
  struct sigaction action = {.sa_sigaction = on_floating_point_exception, .sa_flags = SA_SIGINFO};
  if (sigaction(SIGFPE, &action, NULL) != 0) {
    perror("sigaction");
    return 1;
  }
  struct record record;
  while (fread(&record, sizeof record, 1, stdin) == 1) {
    if (record.operation >= operation_count) {
      fprintf(stderr, "operation %u of %u\n", record.operation, operation_count);
      return 1;
    }
    struct answer answer = answer_to(&record);
    if (fwrite(&answer, sizeof answer, 1, stdout) != 1) {
      perror("stdout");
      return 1;
    }
  }
  return 0;
}
