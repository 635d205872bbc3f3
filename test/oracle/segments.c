/*
 * The native oracle for code of 16 and 32 bits: reads cases from standard input, executes one instruction of each on the CPU, in
 * a code segment of that size, and writes the states after to standard output. Both streams are little-endian records;
 * segments.ts has the other half of the layout.
 *
 *     input:   uint32 seed, (struct request) ...
 *     output:  (struct response, (struct change × changes)) ...
 *
 * A process of 64 bits goes to another segment by IRETQ, with TF set, so that #DB follows the instruction; the signal handler
 * leads back. The segments are those of Linux for 32-bit programs, and those of a local descriptor table (modify_ldt).
 *
 * DATA_BYTES of memory at DATA have pseudo-random contents at the start of each case; the response tells which bytes are others.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { PAGE = 4096, FLAG_TF = 1 << 8, CLEAN_FLAGS = 0x202, CODE_64 = 0x33, DATA_64 = 0x2b };
enum { EXIT_TRUNCATED_INPUT = 10, EXIT_OUTPUT_FAILED = 11, EXIT_NO_MEMORY = 12, EXIT_NO_SEGMENTS = 13 };

struct request {
  /** EAX ECX EDX EBX ESP EBP ESI EDI. */
  uint32_t gpr[8];
  uint32_t eflags;
  /** Where the instruction starts, counted from CODE. */
  uint32_t code_offset;
  uint16_t es, cs, ss, ds;
  uint32_t length;
  uint8_t bytes[16];
};

struct response {
  uint32_t gpr[8];
  uint32_t eflags, eip;
  /** The exception: 1 where the instruction has completed. */
  uint32_t vector, error_code, cr2;
  uint32_t changes;
};

struct change {
  uint32_t address;
  uint32_t byte;
};

_Static_assert(sizeof(struct request) == REQUEST_BYTES, "segments.ts, REQUEST_BYTES");
_Static_assert(sizeof(struct response) == RESPONSE_BYTES, "segments.ts, RESPONSE_BYTES");

/** What `enter` loads, and where it has saved the stack pointer. */
struct {
  uint64_t gpr[8];
  uint64_t rip, cs, eflags, ss;
  uint64_t es, ds;
  uint64_t saved_rsp;
} before;

static struct response after;
static uint8_t *const data = (uint8_t *)DATA, *const code = (uint8_t *)CODE;
static uint8_t pristine[DATA_BYTES];

void enter(void);
extern char back[];

__asm__(".text\n"
        ".globl enter, back\n"
        "enter:\n"
        "  push %rbx\n  push %rbp\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
        "  mov %rsp, before+112(%rip)\n"
        "  mov before+96(%rip), %eax\n  mov %eax, %es\n"
        "  mov before+104(%rip), %eax\n  mov %eax, %ds\n"
        "  pushq before+88(%rip)\n"  // SS
        "  pushq before+32(%rip)\n"  // RSP
        "  pushq before+80(%rip)\n"  // RFLAGS
        "  pushq before+72(%rip)\n"  // CS
        "  pushq before+64(%rip)\n"  // RIP
        "  mov before+0(%rip), %rax\n  mov before+8(%rip), %rcx\n"
        "  mov before+16(%rip), %rdx\n  mov before+24(%rip), %rbx\n"
        "  mov before+40(%rip), %rbp\n  mov before+48(%rip), %rsi\n  mov before+56(%rip), %rdi\n"
        "  iretq\n"
        "back:\n"
        "  pushq $0x202\n  popfq\n"  // Linux leaves NT as it was, with which IRETQ faults.
        "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbp\n  pop %rbx\n"
        "  ret\n");

static void on_signal(int signal, siginfo_t *info, void *context) {
  static const int order[8] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI};
  greg_t *gregs = ((ucontext_t *)context)->uc_mcontext.gregs;
  (void)signal, (void)info;
  for (int i = 0; i < 8; i++) after.gpr[i] = (uint32_t)gregs[order[i]];
  after.eflags = (uint32_t)gregs[REG_EFL];
  after.eip = (uint32_t)gregs[REG_RIP];
  after.vector = (uint32_t)gregs[REG_TRAPNO];
  after.error_code = (uint32_t)gregs[REG_ERR];
  after.cr2 = (uint32_t)gregs[REG_CR2];
  gregs[REG_RIP] = (greg_t)back;
  gregs[REG_RSP] = (greg_t)before.saved_rsp;
  gregs[REG_EFL] = CLEAN_FLAGS;
  // CS, GS, FS and SS, 16 bits each.
  gregs[REG_CSGSFS] = (gregs[REG_CSGSFS] & 0x0000ffffffff0000ll) | CODE_64 | ((greg_t)DATA_64 << 48);
}

/** Reads exactly `length` bytes; returns 0 at the end of the input. */
static int take(void *to, size_t length) {
  for (size_t at = 0; at < length;) {
    ssize_t got = read(0, (char *)to + at, length - at);
    if (got <= 0) {
      if (at == 0 && got == 0) return 0;
      _exit(EXIT_TRUNCATED_INPUT);
    }
    at += (size_t)got;
  }
  return 1;
}

static uint8_t output[1 << 20];
static size_t output_end;

static void flush(void) {
  for (size_t at = 0; at < output_end;) {
    ssize_t written = write(1, output + at, output_end - at);
    if (written <= 0) _exit(EXIT_OUTPUT_FAILED);
    at += (size_t)written;
  }
  output_end = 0;
}

static void put(const void *bytes, size_t length) {
  if (output_end + length > sizeof output) flush();
  memcpy(output + output_end, bytes, length);
  output_end += length;
}

static void map(uint8_t *at, size_t length, int protection) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE;
  if (mmap(at, length, protection, flags, -1, 0) != at) _exit(EXIT_NO_MEMORY);
}

static void make_segment(uint32_t entry, uint32_t base, int is_code, int is_32bit) {
  struct user_desc descriptor = {.entry_number = entry, .base_addr = base, .limit = 0xfffff};
  descriptor.limit_in_pages = 1;
  descriptor.useable = 1;
  descriptor.contents = is_code ? MODIFY_LDT_CONTENTS_CODE : MODIFY_LDT_CONTENTS_DATA;
  descriptor.seg_32bit = is_32bit;
  if (syscall(SYS_modify_ldt, 1, &descriptor, sizeof descriptor) != 0) _exit(EXIT_NO_SEGMENTS);
}

/** Word `index` of the contents for `seed`: a Weyl sequence and a 32-bit mixer (layout.ts has the same). */
static uint32_t random_word(uint32_t seed, uint32_t index) {
  uint32_t z = seed + (index + 1) * 0x9e3779b9u;
  z = (z ^ z >> 16) * 0x21f0aaadu;
  z = (z ^ z >> 15) * 0x735a2d97u;
  return z ^ z >> 15;
}

/** Puts the bytes of data that have changed, behind the response, and undoes the changes. */
static void put_response(void) {
  static struct change changes[DATA_BYTES];
  after.changes = 0;
  for (size_t at = 0; at < DATA_BYTES; at += 8) {
    if (memcmp(data + at, pristine + at, 8) == 0) continue;
    for (size_t i = at; i < at + 8; i++)
      if (data[i] != pristine[i]) changes[after.changes++] = (struct change){DATA + (uint32_t)i, data[i]};
    memcpy(data + at, pristine + at, 8);
  }
  put(&after, sizeof after);
  put(changes, after.changes * sizeof changes[0]);
}

int main(void) {
  map(code, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC);
  map(data, DATA_BYTES, PROT_READ | PROT_WRITE);
  memset(code, 0xcc, CODE_BYTES);
  make_segment(0, CODE, 1, 1);
  make_segment(1, CODE, 1, 0);
  make_segment(2, DATA, 0, 1);
  make_segment(3, DATA, 0, 0);
  make_segment(4, DATA + PAGE, 0, 1);

  static uint8_t signal_stack[1 << 16];
  stack_t stack = {.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
  sigaltstack(&stack, NULL);
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  static const int signals[] = {SIGTRAP, SIGSEGV, SIGILL, SIGFPE, SIGBUS};
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) sigaction(signals[i], &action, NULL);

  uint32_t seed;
  if (!take(&seed, sizeof seed)) return 0;
  for (uint32_t i = 0; i < DATA_BYTES / 4; i++) {
    uint32_t word = random_word(seed, i);
    memcpy(pristine + 4 * i, &word, 4);
  }
  memcpy(data, pristine, DATA_BYTES);

  struct request request;
  while (take(&request, sizeof request)) {
    for (int i = 0; i < 8; i++) before.gpr[i] = request.gpr[i];
    before.rip = request.code_offset + (request.cs == FLAT_CODE ? CODE : 0);
    before.cs = request.cs;
    before.ss = request.ss;
    before.es = request.es;
    before.ds = request.ds;
    before.eflags = request.eflags | FLAG_TF;
    memcpy(code + request.code_offset, request.bytes, request.length);
    enter();
    memset(code + request.code_offset, 0xcc, request.length);
    put_response();
  }
  flush();
  return 0;
}
