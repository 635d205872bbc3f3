/*
 * The native oracle's process: reads cases from standard input, executes each on the CPU (step.c), and writes the
 * states after to standard output. Both streams are little-endian records; native.ts has the other half of the layout.
 *
 *     input:   (struct request, struct window × windows, (struct window, bytes padded to 8) × patches) ...
 *     output:  struct hello, (struct after, the bytes of each window) ...
 *
 * Memory of the cases, all of it at fixed addresses that the driver gives (layout.ts):
 *
 *     guard │ data pages, the ones in the middle read-only │ guard     twice: above and below 4 GiB
 *     code pages, readable and executable │ guard
 *
 * Data is zero but in the windows of a case. The harness itself is linked far above (native.ts), where neither a 32-bit
 * address nor one near an arena leads.
 */
#include "linux.h"
#include "step.h"

struct window {
  uint64_t address;
  /** A multiple of 8 for a window, any for a patch. */
  uint64_t length;
};

struct request {
  uint64_t gpr[16];
  uint64_t fs_base, gs_base;
  uint32_t rflags, mxcsr;
  /** Of the pseudo-random contents of the windows. */
  uint32_t seed;
  uint32_t steps;
  /** Where the instruction starts, counted from the first code page. */
  uint32_t code_offset;
  uint32_t length;
  uint32_t windows, patches;
  uint8_t bytes[16];
  uint8_t xmm[512];
  uint8_t x87[160];
};

_Static_assert(sizeof(struct request) == REQUEST_BYTES, "native.ts, REQUEST.bytes");

/** What the driver learns of the host before the first case. */
struct hello {
  char brand[48];
  char vendor[12];
  uint32_t signature;
  uint32_t leaf_1_ecx, leaf_1_edx;
  uint32_t leaf_7_ebx, leaf_7_ecx, leaf_7_edx;
  uint32_t leaf_80000001_ecx, leaf_80000001_edx;
  uint32_t mxcsr_mask;
  /** WRFSBASE sets the bases of cases; arch_prctl where this is 0. */
  uint32_t can_write_bases;
  uint16_t cs, ss;
  /** System calls made by an instruction under test become SIGSYS. */
  uint32_t intercepts_system_calls;
  uint32_t leaf_d_1_eax;
};

_Static_assert(sizeof(struct hello) == HELLO_BYTES, "native.ts, HELLO.bytes");

enum { PAGE = 4096, DATA_BYTES = DATA_PAGES * PAGE, CODE_BYTES = CODE_PAGES * PAGE };

struct arena {
  uint64_t address;
  /** The same pages, all writable. */
  uint8_t *alias;
};

static struct arena arenas[2] = {{HIGH_ARENA, 0}, {LOW_ARENA, 0}};
static uint8_t *code_alias;

/* gcc calls these by itself. */

void *memset(void *to, int byte, size_t length) {
  void *start = to;
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(length) : "a"(byte) : "memory");
  return start;
}

/** Copies from the first byte up, so `to` may overlap `from` if it lies below. */
static void copy_up(void *to, const void *from, size_t length) {
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(length)::"memory");
}

void *memcpy(void *to, const void *from, size_t length) {
  copy_up(to, from, length);
  return to;
}

/* Streams */

static uint8_t input[1 << 20], output[1 << 20];
static size_t input_at, input_end, output_end;

static void flush(void) {
  for (size_t at = 0; at < output_end;) {
    long written = system_call(__NR_write, 1, (long)(output + at), output_end - at, 0, 0, 0);
    if (written <= 0) leave(EXIT_OUTPUT_FAILED);
    at += written;
  }
  output_end = 0;
}

void fail(int status) {
  flush();
  leave(status);
}

static void put(const void *bytes, size_t length) {
  if (output_end + length > sizeof output) flush();
  memcpy(output + output_end, bytes, length);
  output_end += length;
}

/** The next `length` bytes of input, in place and aligned to 8; NULL at its end. They stay until the next call. */
static const void *take(size_t length) {
  if (input_end - input_at < length) {
    size_t kept = input_end - input_at;
    copy_up(input, input + input_at, kept);
    input_at = 0;
    input_end = kept;
    while (input_end < length) {
      long got = system_call(__NR_read, 0, (long)(input + input_end), sizeof input - input_end, 0, 0, 0);
      if (got <= 0) {
        if (got == 0 && input_end == 0) return NULL;
        leave(EXIT_TRUNCATED_INPUT);
      }
      input_end += got;
    }
  }
  const void *bytes = input + input_at;
  input_at += length;
  return bytes;
}

/* Memory */

static uint64_t map(uint64_t address, size_t length, int protection, int file, size_t offset) {
  int flags = MAP_SHARED | MAP_POPULATE | (address ? MAP_FIXED_NOREPLACE : 0);
  long result = system_call(__NR_mmap, address, length, protection, flags, file, offset);
  if (result < 0 && result > -PAGE) leave(EXIT_NO_MEMORY);
  if (address && (uint64_t)result != address) leave(EXIT_NO_MEMORY);
  return result;
}

static void make_memory(void) {
  int file = system_call(__NR_memfd_create, (long)"oracle", 0, 0, 0, 0, 0);
  if (file < 0 || system_call(__NR_ftruncate, file, 2 * DATA_BYTES + CODE_BYTES, 0, 0, 0, 0)) leave(EXIT_NO_MEMORY);
  for (int i = 0; i < 2; i++) {
    uint64_t at = arenas[i].address;
    size_t offset = i * DATA_BYTES;
    size_t read_only = READ_ONLY_PAGE * PAGE, rest = (READ_ONLY_PAGE + READ_ONLY_PAGES) * PAGE;
    arenas[i].alias = (uint8_t *)map(0, DATA_BYTES, PROT_READ | PROT_WRITE, file, offset);
    map(at, read_only, PROT_READ | PROT_WRITE, file, offset);
    map(at + read_only, rest - read_only, PROT_READ, file, offset + read_only);
    map(at + rest, DATA_BYTES - rest, PROT_READ | PROT_WRITE, file, offset + rest);
  }
  code_alias = (uint8_t *)map(0, CODE_BYTES, PROT_READ | PROT_WRITE, file, 2 * DATA_BYTES);
  map(CODE, CODE_BYTES, PROT_READ | PROT_EXEC, file, 2 * DATA_BYTES);
  memset(code_alias, INT3, CODE_BYTES);
}

/** Where the harness writes a byte of an arena. The driver has checked that the address lies in one. */
static uint8_t *alias_of(uint64_t address) {
  const struct arena *arena = &arenas[address < HIGH_ARENA];
  return arena->alias + (address - arena->address);
}

/** Word `index` of the contents for `seed`: a Weyl sequence and a 32-bit mixer (layout.ts has the same). */
static uint32_t random_word(uint32_t seed, uint32_t index) {
  uint32_t z = seed + (index + 1) * 0x9e3779b9u;
  z = (z ^ z >> 16) * 0x21f0aaadu;
  z = (z ^ z >> 15) * 0x735a2d97u;
  return z ^ z >> 15;
}

static void fill(const struct window *windows, uint32_t count, uint32_t seed) {
  uint32_t index = 0;
  for (uint32_t i = 0; i < count; i++) {
    uint8_t *to = alias_of(windows[i].address);
    for (uint64_t at = 0; at < windows[i].length; at += 4) {
      uint32_t word = random_word(seed, index++);
      __builtin_memcpy(to + at, &word, 4);
    }
  }
}

/** The first byte of the data pages that is not zero, all of which are zeroed then; 0 if there is none. */
static uint64_t sweep_stray(void) {
  typedef uint64_t vector __attribute__((vector_size(16)));
  uint64_t stray = 0;
  for (int i = 0; i < 2; i++) {
    const vector *data = (const vector *)arenas[i].address;
    vector any = {0, 0};
    for (size_t at = 0; at < DATA_BYTES / sizeof any; at += 4)
      any |= data[at] | data[at + 1] | data[at + 2] | data[at + 3];
    if (!(any[0] | any[1])) continue;
    const uint8_t *byte = (const uint8_t *)arenas[i].address;
    while (!*byte) byte++;
    if (!stray) stray = (uint64_t)byte;
    memset(arenas[i].alias, 0, DATA_BYTES);
  }
  return stray;
}

/* Cases */

/** Executes one case and puts its response. Returns 0 at the end of the input. */
static int serve(void) {
  static struct after after;
  static struct window windows[MAX_WINDOWS];
  static uint8_t results[MAX_WINDOW_BYTES];
  struct before before;
  const struct request *request = take(sizeof *request);
  if (!request) return 0;

  uint32_t mapped = CODE_BYTES - request->code_offset;
  uint8_t *code = code_alias + request->code_offset;
  uint8_t bytes[16];
  __builtin_memcpy(bytes, request->bytes, sizeof bytes);
  __builtin_memcpy(before.gpr, request->gpr, sizeof before.gpr);
  __builtin_memcpy(before.xmm, request->xmm, sizeof before.xmm);
  __builtin_memcpy(before.x87, request->x87, sizeof before.x87);
  before.fs_base = request->fs_base;
  before.gs_base = request->gs_base;
  before.rip = CODE + request->code_offset;
  before.bytes = bytes;
  before.length = request->length < mapped ? request->length : mapped;
  before.rflags = request->rflags;
  before.mxcsr = request->mxcsr;
  before.steps = request->steps;

  uint32_t seed = request->seed, count = request->windows, patches = request->patches;
  if (count) memcpy(windows, take(count * sizeof *windows), count * sizeof *windows);
  fill(windows, count, seed);
  for (uint32_t i = 0; i < patches; i++) {
    struct window patch = *(const struct window *)take(sizeof patch);
    memcpy(alias_of(patch.address), take((patch.length + 7) & ~7ull), patch.length);
  }

  __builtin_memcpy(code, bytes, before.length);
  step(&before, &after);
  memset(code, INT3, before.length);

  size_t length = 0;
  for (uint32_t i = 0; i < count; i++) {
    memcpy(results + length, (const void *)windows[i].address, windows[i].length);
    memset(alias_of(windows[i].address), 0, windows[i].length);
    length += windows[i].length;
  }
  after.stray = sweep_stray();
  put(&after, sizeof after);
  put(results, length);
  return 1;
}

/* Start */

static void cpuid_of(uint32_t leaf, uint32_t subleaf, uint32_t *registers) {
  __asm__ volatile("cpuid"
                   : "=a"(registers[0]), "=b"(registers[1]), "=c"(registers[2]), "=d"(registers[3])
                   : "a"(leaf), "c"(subleaf));
}

static void cpuid(uint32_t leaf, uint32_t *registers) { cpuid_of(leaf, 0, registers); }

static void say_hello(uint32_t can_write_bases, uint32_t intercepts_system_calls) {
  static uint8_t fx[512] __attribute__((aligned(16)));
  struct hello hello = {.can_write_bases = can_write_bases, .intercepts_system_calls = intercepts_system_calls};
  uint32_t registers[4];
  cpuid(0, registers);
  uint32_t last_leaf = registers[0];
  __builtin_memcpy(hello.vendor, &registers[1], 4);
  __builtin_memcpy(hello.vendor + 4, &registers[3], 4);
  __builtin_memcpy(hello.vendor + 8, &registers[2], 4);
  cpuid(1, registers);
  hello.signature = registers[0];
  hello.leaf_1_ecx = registers[2];
  hello.leaf_1_edx = registers[3];
  cpuid(7, registers);
  hello.leaf_7_ebx = registers[1];
  hello.leaf_7_ecx = registers[2];
  hello.leaf_7_edx = registers[3];
  if (last_leaf >= 0xd) {
    cpuid_of(0xd, 1, registers);
    hello.leaf_d_1_eax = registers[0];
  }
  cpuid(0x80000001, registers);
  hello.leaf_80000001_ecx = registers[2];
  hello.leaf_80000001_edx = registers[3];
  for (uint32_t i = 0; i < 3; i++) {
    cpuid(0x80000002 + i, registers);
    __builtin_memcpy(hello.brand + 16 * i, registers, 16);
  }
  __asm__ volatile("fxsave64 %0" : "=m"(fx));
  __builtin_memcpy(&hello.mxcsr_mask, fx + 28, 4);
  __asm__("mov %%cs, %0; mov %%ss, %1" : "=r"(hello.cs), "=r"(hello.ss));
  put(&hello, sizeof hello);
}

/** AT_HWCAP2 bit 1: Linux has set CR4.FSGSBASE. */
enum { HWCAP2_FSGSBASE = 1 << 1 };

static uint32_t number(const char *digits) {
  uint32_t value = 0;
  while (*digits) value = value * 10 + (*digits++ - '0');
  return value;
}

/**
 * Arguments: `arch_prctl`, which then sets the bases as on a Linux without FSGSBASE, or `wrfsbase`, which does it where
 * Linux allows it; and the patience of prepare_to_step.
 */
__attribute__((used)) void begin(const uint64_t *stack) {
  const uint64_t *auxiliary = stack + 1 + stack[0] + 1;
  const char *const *arguments = (const char *const *)(stack + 1);
  uint32_t can_write_bases = 0;
  if (stack[0] != 3) leave(EXIT_USAGE);
  while (*auxiliary) auxiliary++;
  for (auxiliary++; auxiliary[0] != AT_NULL; auxiliary += 2)
    if (auxiliary[0] == AT_HWCAP2) can_write_bases = arguments[1][0] == 'w' && (auxiliary[1] & HWCAP2_FSGSBASE) != 0;
  make_memory();
  say_hello(can_write_bases, prepare_to_step(can_write_bases, number(arguments[2])));
  while (serve()) continue;
  flush();
  leave(EXIT_DONE);
}

__asm__(".globl _start\n"
        "_start:\n"
        "  mov %rsp, %rdi\n"
        "  and $-16, %rsp\n"
        "  call begin\n");
