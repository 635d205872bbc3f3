/* Common parts of the commands. */
#include <bd0.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "jobs.h"
#include "nearest.h"

void complain(const struct arguments *arguments, const char *format, ...) {
  va_list values;
  va_start(values, format);
  printf("%s: ", arguments->command);
  vprintf(format, values);
  putchar('\n');
  va_end(values);
}

void complain_no_name(const struct arguments *arguments, const char *name) {
  struct nearest nearest;
  begin_nearest(&nearest, name);
  for_each_name(consider, &nearest);
  const char *meant = nearest_word(&nearest);
  if (meant == NULL) complain(arguments, "no such name: %s (ls lists them)", name);
  else complain(arguments, "no such name: %s; did you mean '%s'?", name, meant);
}

const char *reason(int64_t result) {
  switch (-result) {
    case BD0_ENOENT: return "no such name";
    case BD0_ESRCH: return "no such process";
    case BD0_EBADF: return "the object was closed";
    case BD0_EAGAIN: return "the store is being cleaned up; try again later";
    case BD0_ENOMEM: return "out of memory";
    case BD0_EFAULT: return "the memory is not accessible";
    case BD0_EEXIST: return "the name changed in the meantime";
    case BD0_EINVAL: return "invalid argument";
    case BD0_ENOSPC: return "no space left";
    case BD0_ENODATA: return "the content is missing or damaged";
    default: return "it failed";
  }
}

bool find_process(const struct arguments *arguments, size_t index, struct bd0_process_info *info) {
  const char *text = arguments->word[index].text;
  uint64_t pid = BD0_SELF, job;
  if (text[0] == '%') {
    if (parse_number(text + 1, &job)) pid = job_pid(job);
    if (pid != BD0_SELF && bd0_process_info(pid, info) == 0) return true;
    complain(arguments, "no such job: %s", text);
    return false;
  }
  if (!parse_pid(text, &pid)) {
    int64_t found = bd0_process_find(text);
    if (!bd0_is_error(found)) pid = (uint64_t)found;
  }
  /* BD0_SELF, 0, would be the terminal itself. */
  if (pid != BD0_SELF && bd0_process_info(pid, info) == 0) return true;
  complain(arguments, "no such process: %s (ps lists them)", text);
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
  complain(arguments, "'%s' is not an address: write hexadecimal digits", arguments->word[index].text);
  return false;
}

/* Both go through a VMO: for memory that is not mapped the call returns an error instead of trapping. */

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
