/* ls, cat, hash, commit: names and their content. */
#include <bd0.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "input.h"

enum { ID_BYTES = 32, PART_BYTES = 65536, PAGE = 4096, NAMES_AT_ONCE = PART_BYTES / sizeof(struct bd0_name) };

/** The part of its output that a command holds at once. */
static union {
  char bytes[PART_BYTES];
  struct bd0_name names[NAMES_AT_ONCE]; /* many: the kernel goes through all names for each part */
} part;

/** The VMO of the name that is a word; negative if there is none. */
static int64_t look_up(const struct arguments *arguments, size_t index) {
  const char *name = arguments->word[index].text;
  int64_t vmo = bd0_name_lookup(name);
  if (vmo == -BD0_ENOENT) complain_no_name(arguments, name);
  else if (bd0_is_error(vmo)) complain(arguments, "cannot open '%s': %s", name, reason(vmo));
  return vmo;
}

void for_each_name(void (*visit)(const char *name, void *context), void *context) {
  struct bd0_name *names = part.names;
  int64_t cursor = 0;
  do {
    cursor = bd0_name_list(names, NAMES_AT_ONCE, (uint64_t)cursor);
    for (size_t i = 0; i < NAMES_AT_ONCE && names[i].name[0] != 0; i++) visit(names[i].name, context);
  } while (cursor > 0 && !is_interrupted());
}

static void show_name(const char *name, void *context) {
  (void)context;
  char size[TEXT_SIZE];
  int64_t vmo = bd0_name_lookup(name);
  if (bd0_is_error(vmo)) return;
  printf("%8s  %s\n", size_text((uint64_t)bd0_vmo_length(vmo), size), name);
  bd0_vmo_close(vmo);
}

void ls_command(const struct arguments *arguments) {
  (void)arguments;
  for_each_name(show_name, NULL);
}

void cat_command(const struct arguments *arguments) {
  int64_t vmo = look_up(arguments, 0);
  if (vmo < 0) return;
  uint64_t length = (uint64_t)bd0_vmo_length(vmo);
  char last = '\n';
  for (uint64_t at = 0; at < length && !is_interrupted();) {
    uint64_t n = length - at < PART_BYTES ? length - at : PART_BYTES;
    if (bd0_vmo_read(vmo, at, part.bytes, n) != (int64_t)n) break;
    fwrite(part.bytes, 1, n, stdout);
    last = part.bytes[n - 1];
    at += n;
  }
  /* The prompt starts on a new line. */
  if (is_interactive() && last != '\n') putchar('\n');
  bd0_vmo_close(vmo);
}

static void print_id(const uint8_t *id) {
  for (size_t i = 0; i < ID_BYTES; i++) printf("%02x", id[i]);
}

void hash_command(const struct arguments *arguments) {
  uint8_t id[ID_BYTES];
  int64_t vmo = look_up(arguments, 0);
  if (vmo < 0) return;
  if (bd0_vmo_hash(vmo, id) == 0) {
    print_id(id);
    printf("  %s\n", arguments->word[0].text);
  }
  bd0_vmo_close(vmo);
}

void commit_command(const struct arguments *arguments) {
  struct bd0_process_info info;
  uint8_t id[ID_BYTES];
  char size[TEXT_SIZE];
  const char *name = arguments->word[1].text;
  if (!find_process(arguments, 0, &info)) return;
  /* Everything below the heap pointer: stacks have guard pages, and a range with holes cannot become a VMO. */
  uint64_t used = (info.heap_pointer - info.start + PAGE - 1) / PAGE * PAGE;
  int64_t vmo = bd0_vmo_commit((const void *)info.start, used);
  if (bd0_is_error(vmo)) return complain(arguments, "cannot save the memory of %s: %s", info.name, reason(vmo));
  int64_t result = bd0_name_publish(name, vmo, BD0_ANYTHING);
  if (result == 0 && bd0_vmo_hash(vmo, id) == 0) {
    print_id(id);
    printf("  %s, %s\n", name, size_text((uint64_t)bd0_vmo_length(vmo), size));
  } else if (result == -BD0_EINVAL) complain(arguments, "'%s' is not a valid name", name);
  else complain(arguments, "cannot publish '%s': %s", name, reason(result));
  bd0_vmo_close(vmo);
}
