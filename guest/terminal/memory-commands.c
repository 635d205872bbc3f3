/* map, mem, heap, peek, poke, who: the address space and its memory. */
#include <bd0.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "input.h"

enum { PAGE = 4096, LINE_BYTES = 16, PEEK_BYTES = 64 };

typedef unsigned long long ull;

static void print_range(uint64_t start, uint64_t end, const char *what) {
  char size[TEXT_SIZE];
  if (start < end) printf("%016llx  %016llx  %8s  %.34s\n", (ull)start, (ull)end, size_text(end - start, size), what);
}

static void print_range_title(void) {
  printf("%-16s  %-16s  %8s  %s\n", "START", "END", "SIZE", "WHAT");
}

/* -- map -- */

enum { REGIONS_MAX = 1024 };

struct regions {
  struct bd0_process_info *info;
  size_t count;
};

/** Adds a process in the order of the addresses. */
static void add_region(const struct bd0_process_info *info, void *context) {
  struct regions *regions = context;
  if (regions->count == REGIONS_MAX) return;
  size_t at = regions->count++;
  for (; at > 0 && regions->info[at - 1].start > info->start; at--) regions->info[at] = regions->info[at - 1];
  regions->info[at] = *info;
}

static void map_all(const struct arguments *arguments) {
  struct regions regions = {malloc(REGIONS_MAX * sizeof(struct bd0_process_info)), 0};
  if (regions.info == NULL) return complain(arguments, "out of memory");
  for_each_process(add_region, &regions);
  print_range_title();
  for (size_t i = 0; i < regions.count; i++) {
    const struct bd0_process_info *info = &regions.info[i];
    char what[TEXT_SIZE + sizeof info->name], pid[TEXT_SIZE];
    snprintf(what, sizeof what, "%s %s", pid_text(info->pid, pid), info->name);
    print_range(info->start, info->start + info->size, what);
  }
  free(regions.info);
}

/** The parts of an ELF64 header and a program header that are needed. */
struct elf_header {
  uint8_t ident[16];
  uint16_t type, machine;
  uint32_t version;
  uint64_t entry, program_headers, section_headers;
  uint32_t flags;
  uint16_t header_size, program_header_size, program_header_count;
};

struct program_header {
  uint32_t type, flags;
  uint64_t offset, address, physical, file_size, memory_size, align;
};

enum { ET_DYN = 3, PT_LOAD = 1, PF_X = 1, PF_W = 2, PROGRAM_HEADERS_MAX = 16 };

/** Shows the segments of the image at `base`. Returns where they end, or `end` if the image cannot be read. */
static uint64_t print_image(uint64_t base, uint64_t end) {
  struct elf_header elf;
  struct program_header header;
  uint64_t image_end = end;
  if (!read_memory(base, &elf, sizeof elf) || memcmp(elf.ident, "\177ELF", 4) != 0) return end;
  for (size_t i = 0; i < elf.program_header_count && i < PROGRAM_HEADERS_MAX; i++) {
    if (!read_memory(base + elf.program_headers + i * sizeof header, &header, sizeof header)) break;
    if (header.type != PT_LOAD) continue;
    uint64_t start = (elf.type == ET_DYN ? base : 0) + header.address;
    image_end = (start + header.memory_size + PAGE - 1) / PAGE * PAGE;
    print_range(start / PAGE * PAGE, image_end,
                header.flags & PF_X ? "image, code" : header.flags & PF_W ? "image, data" : "image, constants");
  }
  return image_end;
}

static void map_process(const struct bd0_process_info *info) {
  struct bd0_header header;
  uint64_t pair = (uint64_t)bd0_heap_pointer(info->pid), region = pair / PAGE * PAGE, end = info->start + info->size;
  print_range_title();
  print_range(info->start, info->start + PAGE, "header page");
  uint64_t base = read_memory(info->start, &header, sizeof header) ? header.image_base : info->start + PAGE;
  uint64_t image_end = print_image(base, info->start + PAGE);
  if (region != info->start) return print_range(region, info->heap_pointer, "the region, up to its heap pointer");
  if (image_end < info->start || image_end > end) image_end = info->start + PAGE;
  print_range(image_end, info->heap_pointer, "heap");
  print_range(info->heap_pointer, info->stack_floor, "free");
  print_range(info->stack_floor, end, "stacks");
}

void map_command(const struct arguments *arguments) {
  struct bd0_process_info info;
  if (arguments->count == 0) return map_all(arguments);
  if (find_process(arguments, 0, &info)) map_process(&info);
}

/* -- mem, heap -- */

struct totals {
  uint64_t resident, shared;
};

static void show_memory(const struct bd0_process_info *info, void *context) {
  struct totals *totals = context;
  char pid[TEXT_SIZE], size[TEXT_SIZE], resident[TEXT_SIZE], shared[TEXT_SIZE];
  printf("%-8s%10s  %10s  %10s  %.36s\n", pid_text(info->pid, pid), size_text(info->size, size),
         size_text(info->resident_frames * PAGE, resident), size_text(info->shared_frames * PAGE, shared), info->name);
  /* A process in another's region already counted that region. */
  if ((uint64_t)bd0_heap_pointer(info->pid) / PAGE * PAGE != info->start) return;
  totals->resident += info->resident_frames * PAGE;
  totals->shared += info->shared_frames * PAGE;
}

void mem_command(const struct arguments *arguments) {
  (void)arguments;
  struct totals totals = {0, 0};
  char resident[TEXT_SIZE], shared[TEXT_SIZE];
  printf("%-8s%10s  %10s  %10s  %s\n", "PID", "SIZE", "IN MEMORY", "SHARED", "NAME");
  for_each_process(show_memory, &totals);
  printf("%-8s%10s  %10s  %10s\n", "all", "", size_text(totals.resident, resident), size_text(totals.shared, shared));
}

void heap_command(const struct arguments *arguments) {
  struct bd0_process_info info;
  char size[TEXT_SIZE];
  if (!find_process(arguments, 0, &info)) return;
  printf("pair of pointers  %016llx\n", (ull)bd0_heap_pointer(info.pid));
  printf("heap pointer      %016llx\n", (ull)info.heap_pointer);
  printf("stack floor       %016llx\n", (ull)info.stack_floor);
  uint64_t between = info.stack_floor > info.heap_pointer ? info.stack_floor - info.heap_pointer : 0;
  printf("free between      %s\n", size_text(between, size));
}

/* -- peek, poke, who -- */

/** A line of bytes in pairs, and as text. */
static void print_bytes(uint64_t address, const uint8_t *bytes, size_t n) {
  printf("%016llx  ", (ull)address);
  for (size_t i = 0; i < LINE_BYTES; i++) {
    if (i < n) printf("%02x", bytes[i]);
    else printf("  ");
    if (i % 2 == 1) putchar(' ');
  }
  putchar(' ');
  for (size_t i = 0; i < n; i++) putchar(bytes[i] >= ' ' && bytes[i] < 0x7f ? bytes[i] : '.');
  putchar('\n');
}

void peek_command(const struct arguments *arguments) {
  uint64_t address, n = PEEK_BYTES;
  uint8_t bytes[LINE_BYTES];
  if (!address_at(arguments, 0, &address)) return;
  if (arguments->count > 1 && !parse_size(arguments->word[1].text, &n))
    return complain(arguments, "'%s' is not a size", arguments->word[1].text);
  for (uint64_t at = 0; at < n && !is_interrupted(); at += LINE_BYTES) {
    size_t part = n - at < LINE_BYTES ? n - at : LINE_BYTES;
    if (!read_memory(address + at, bytes, part)) {
      /* The line may cross the end of the readable memory. */
      for (part--; part > 0 && !read_memory(address + at, bytes, part);) part--;
      if (part > 0) print_bytes(address + at, bytes, part);
      return complain(arguments, "cannot read memory at %llx", (ull)(address + at + part));
    }
    print_bytes(address + at, bytes, part);
  }
}

/** Appends the bytes of a word: pairs of hexadecimal digits, or quoted text. */
static bool append_bytes(const struct word *word, uint8_t *bytes, size_t *n, size_t room) {
  size_t length = strlen(word->text);
  if (word->is_quoted) {
    if (length > room - *n) return false;
    memcpy(bytes + *n, word->text, length);
    *n += length;
    return true;
  }
  if (length % 2 != 0 || length / 2 > room - *n) return false;
  for (size_t i = 0; i < length; i += 2) {
    int high = hex_digit(word->text[i]), low = hex_digit(word->text[i + 1]);
    if (high < 0 || low < 0) return false;
    bytes[(*n)++] = (uint8_t)(high << 4 | low);
  }
  return true;
}

void poke_command(const struct arguments *arguments) {
  uint64_t address;
  uint8_t bytes[1024];
  size_t n = 0;
  if (!address_at(arguments, 0, &address)) return;
  for (size_t i = 1; i < arguments->count; i++)
    if (!append_bytes(&arguments->word[i], bytes, &n, sizeof bytes))
      return complain(arguments, "'%s': write pairs of hexadecimal digits, or \"text\"",
                      arguments->word[i].text);
  if (!write_memory(address, bytes, n)) complain(arguments, "cannot write memory at %llx", (ull)address);
}

struct place {
  uint64_t address;
  struct bd0_process_info info;
  bool is_found;
};

static void look_at(const struct bd0_process_info *info, void *context) {
  struct place *place = context;
  if (place->address - info->start >= info->size) return;
  /* The smaller one lies in the larger one. */
  if (place->is_found && place->info.size <= info->size) return;
  place->is_found = true;
  place->info = *info;
}

/** Prints an address, and the process that it belongs to, if any. */
static void print_place(const char *what, uint64_t address) {
  struct place place = {.address = address};
  char pid[TEXT_SIZE];
  for_each_process(look_at, &place);
  printf("%s %016llx", what, (ull)address);
  if (place.is_found)
    printf(", in process %s (%s) + %llx", pid_text(place.info.pid, pid), place.info.name,
           (ull)(address - place.info.start));
  putchar('\n');
}

void who_command(const struct arguments *arguments) {
  uint64_t address;
  struct bd0_last_writer writer;
  if (!address_at(arguments, 0, &address)) return;
  int64_t result = bd0_debug_last_writer((const void *)address, &writer);
  print_place("address  ", address);
  if (result != 0) return complain(arguments, "no thread in debug mode wrote there from outside");
  printf("thread    %llu\n", (ull)writer.tid);
  print_place("at rip   ", writer.rip);
  printf("at tick   %llu\n", (ull)writer.tick);
}
