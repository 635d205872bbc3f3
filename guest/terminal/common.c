/* What the commands have in common. */
#include <bd0.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"

void complain(const struct arguments *arguments, const char *format, ...) {
  va_list values;
  va_start(values, format);
  printf("%s: ", arguments->command);
  vprintf(format, values);
  putchar('\n');
  va_end(values);
}

bool find_process(const struct arguments *arguments, size_t index, struct bd0_process_info *info) {
  const char *text = arguments->word[index].text;
  uint64_t pid;
  if (!parse_pid(text, &pid)) {
    int64_t found = bd0_process_find(text);
    if (bd0_is_error(found)) {
      complain(arguments, "there is no process '%s'; ps shows them", text);
      return false;
    }
    pid = (uint64_t)found;
  }
  /* 0 would be the terminal itself. */
  if (pid != BD0_SELF && bd0_process_info(pid, info) == 0) return true;
  complain(arguments, "there is no process %s; ps shows them", text);
  return false;
}

void for_each_process(void (*visit)(const struct bd0_process_info *info, void *context), void *context) {
  int64_t room = bd0_process_list(NULL, 0) + 16;
  uint64_t *pids = malloc((size_t)room * sizeof *pids);
  if (pids == NULL) return;
  int64_t count = bd0_process_list(pids, (uint64_t)room);
  for (int64_t i = 0; i < count && i < room; i++) {
    struct bd0_process_info info;
    if (bd0_process_info(pids[i], &info) == 0) visit(&info, context);
  }
  free(pids);
}

bool address_at(const struct arguments *arguments, size_t index, uint64_t *address) {
  if (parse_address(arguments->word[index].text, address)) return true;
  complain(arguments, "'%s' is no address: write hexadecimal digits", arguments->word[index].text);
  return false;
}

/* Both go through a VMO: where memory is not there, a call answers an error, and the terminal does not trap. */

bool read_memory(uint64_t address, void *bytes, size_t n) {
  int64_t vmo = bd0_vmo_create((const void *)address, n);
  if (bd0_is_error(vmo)) return false;
  bool is_read = bd0_vmo_read(vmo, 0, bytes, n) == (int64_t)n;
  bd0_vmo_close(vmo);
  return is_read;
}

bool write_memory(uint64_t address, const void *bytes, size_t n) {
  int64_t vmo = bd0_vmo_create(bytes, n);
  if (bd0_is_error(vmo)) return false;
  bool is_written = bd0_vmo_read(vmo, 0, (void *)address, n) == (int64_t)n;
  bd0_vmo_close(vmo);
  return is_written;
}
