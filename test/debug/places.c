/* places ACCESS PLACE: reads, writes or executes a byte of a place that does not allow it. */
#include <bd0.h>
#include <stdlib.h>
#include <string.h>

/* The ELF header, by the name that the linker gives it. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));

static const char table[64] = "read only";
static char variable[64] = "writable";

__attribute__((noinline)) static void store(volatile char *at) { *at = 1; }
__attribute__((noinline)) static char load(volatile char *at) { return *at; }
__attribute__((noinline)) static void jump(void (*to)(void)) { to(); }

static int idle(void *argument) {
  (void)argument;
  bd0_sleep(BD0_FOREVER);
  return 0;
}

/* The other process, which runs the same image: what lies here at an address lies there at that of it. */
static char *other(const void *here) {
  return (char *)here - bd0_process_start(BD0_SELF) + bd0_process_start((uint64_t)bd0_process_find("other"));
}

static char *map_of_vmo(void) {
  return (char *)bd0_vmo_map(bd0_vmo_create(table, sizeof table), 0, NULL, sizeof table, 1);
}

static char *place_of(const char *name) {
  struct bd0_header *header = (struct bd0_header *)bd0_process_start(BD0_SELF);
  char *start = (char *)header, *end = start + header->size;
  if (!strcmp(name, "header")) return start + 0x40;
  if (!strcmp(name, "table")) return (char *)table + 5;
  if (!strcmp(name, "variable")) return variable + 9;
  if (!strcmp(name, "ehdr")) return (char *)__ehdr_start;
  if (!strcmp(name, "heap")) return (char *)header->heap.heap_pointer + 64;
  if (!strcmp(name, "block")) return (char *)bd0_heap_alloc(256, 16);
  if (!strcmp(name, "stack")) return end - 32;
  if (!strcmp(name, "guard")) return end - header->size / 4 + 8;
  if (!strcmp(name, "thread-stack")) {
    bd0_thread_spawn(idle, NULL, 8192);
    return (char *)header->heap.stack_floor + 4096;
  }
  if (!strcmp(name, "thread-guard")) {
    bd0_thread_spawn(idle, NULL, 8192);
    return (char *)header->heap.stack_floor + 4095;
  }
  if (!strcmp(name, "unmapped")) {
    bd0_vmo_unmap(start + 0x40000, 4096);
    return start + 0x40010;
  }
  if (!strcmp(name, "map")) return map_of_vmo() + 7;
  if (!strcmp(name, "other-table")) return other(table) + 1;
  if (!strcmp(name, "other-header")) return other(start);
  if (!strcmp(name, "kernel-page")) return (char *)0xffffff0000000004;
  if (!strcmp(name, "kernel")) return (char *)0xffffff0000100000;
  if (!strcmp(name, "page-tables")) return (char *)(0xffffff8000000000 + (uint64_t)start / 4096 * 8);
  return (char *)strtoul(name, NULL, 16);
}

int main(int argc, char **argv) {
  if (argc < 3) return idle(NULL);
  char *place = place_of(argv[2]);
  switch (argv[1][0]) {
  case 'w': store(place); break;
  case 'r': return load(place);
  case 'x': jump((void (*)(void))place); break;
  case 'b': __asm__ volatile("int3"); break;
  case 'u': __asm__ volatile("ud2"); break;
  /* A prefix of an instruction that this CPU does not have. */
  case 'e': __asm__ volatile(".byte 0x62, 0xf1, 0x7c, 0x48, 0x58, 0xc0"); break;
  }
  return 0;
}
