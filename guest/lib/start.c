/*
 * From the first instruction to main: the relocations that the kernel leaves to the program, then the constructors.
 * The kernel has applied R_X86_64_RELATIVE of DT_RELA; DT_RELR and R_X86_64_IRELATIVE are applied here, in that order,
 * since a resolver may read what DT_RELR relocates. Before that, nothing here uses a pointer stored in the image.
 */
#include <stdint.h>
#include <stdlib.h>

#define HIDDEN __attribute__((visibility("hidden")))

/* System V ABI, "Dynamic Section" and "Relocation"; the DT_RELR encoding as the gABI gives it. */
enum { DT_NULL = 0, DT_RELA = 7, DT_RELASZ = 8, DT_JMPREL = 23, DT_PLTRELSZ = 2, DT_RELRSZ = 35, DT_RELR = 36 };
enum { DT_TAGS = 37 };
enum { R_X86_64_IRELATIVE = 37 };

struct dynamic {
  int64_t tag;
  uint64_t value;
};

struct rela {
  uint64_t offset;
  uint64_t info;
  uint64_t addend;
};

/* System V ABI, "Initial Stack and Register State". */
enum { AT_NULL = 0, AT_BASE = 7 };

struct auxiliary {
  uint64_t type;
  uint64_t value;
};

/* Defined by the linker and its script. */
extern const struct rela __rela_iplt_start[] HIDDEN;
extern const struct rela __rela_iplt_end[] HIDDEN;
typedef void constructor(int argc, char **argv, char **environment);
extern constructor *const __preinit_array_start[] HIDDEN;
extern constructor *const __preinit_array_end[] HIDDEN;
extern constructor *const __init_array_start[] HIDDEN;
extern constructor *const __init_array_end[] HIDDEN;

int main(int argc, char **argv, char **environment);

/** Adds `base` to every word that the table names: an even entry is the address of a word, an odd one a map of the 63
    words that follow. */
static void apply_relr(uint64_t base, const uint64_t *table, uint64_t size) {
  uint64_t *where = 0;
  for (const uint64_t *entry = table; entry < table + size / sizeof *entry; entry++) {
    if ((*entry & 1) == 0) {
      where = (uint64_t *)(base + *entry);
      *where++ += base;
      continue;
    }
    for (uint64_t i = 0, map = *entry >> 1; map != 0; i++, map >>= 1)
      if (map & 1) where[i] += base;
    where += 63;
  }
}

/** Stores the result of each resolver of the table. */
static void apply_irelative(uint64_t base, const struct rela *table, uint64_t size) {
  for (const struct rela *entry = table; entry < table + size / sizeof *entry; entry++) {
    if ((uint32_t)entry->info != R_X86_64_IRELATIVE) continue;
    uint64_t (*resolver)(void) = (uint64_t(*)(void))(base + entry->addend);
    *(uint64_t *)(base + entry->offset) = resolver();
  }
}

/** The offset of addresses in memory from those in the image: AT_BASE of the auxiliary vector, which follows the
    arguments and the environment. The ELF header need not be in memory: with -Wl,-N or -Wl,-n it is not. */
static uint64_t base_of(const uint64_t *stack) {
  const uint64_t *word = stack + 1 + stack[0] + 1;
  while (*word++ != 0);
  const struct auxiliary *entry = (const struct auxiliary *)word;
  while (entry->type != AT_NULL && entry->type != AT_BASE) entry++;
  return entry->value;
}

/** In an image linked at a fixed address, which has no dynamic section, addresses need no base, and the table of
    R_X86_64_IRELATIVE has symbols instead of tags. */
static void relocate(const uint64_t *stack, const struct dynamic *dynamic) {
  if (dynamic == 0) {
    apply_irelative(0, __rela_iplt_start, (uint64_t)__rela_iplt_end - (uint64_t)__rela_iplt_start);
    return;
  }
  uint64_t base = base_of(stack);
  uint64_t value[DT_TAGS] = {0};
  for (const struct dynamic *entry = dynamic; entry->tag != DT_NULL; entry++)
    if (entry->tag > 0 && entry->tag < DT_TAGS) value[entry->tag] = entry->value;
  apply_relr(base, (const uint64_t *)(base + value[DT_RELR]), value[DT_RELRSZ]);
  apply_irelative(base, (const struct rela *)(base + value[DT_RELA]), value[DT_RELASZ]);
  apply_irelative(base, (const struct rela *)(base + value[DT_JMPREL]), value[DT_PLTRELSZ]);
}

static void call_all(constructor *const *from, constructor *const *to, int argc, char **argv) {
  for (; from < to; from++) (*from)(argc, argv, argv + argc + 1);
}

/** Called by _start with the address of argc, which argv, the environment and the auxiliary vector follow, and with that
    of the dynamic section. */
_Noreturn void bd0_start(uint64_t *stack, const struct dynamic *dynamic) {
  relocate(stack, dynamic);
  int argc = (int)stack[0];
  char **argv = (char **)(stack + 1);
  call_all(__preinit_array_start, __preinit_array_end, argc, argv);
  call_all(__init_array_start, __init_array_end, argc, argv);
  exit(main(argc, argv, argv + argc + 1));
}
