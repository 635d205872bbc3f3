/* start, ps, kill, wait. */
#include <bd0.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "jobs.h"

enum { EXIT_KILLED = 143, DEFAULT_LIMIT = 1 << 30, DEFAULT_SHARED_LIMIT = 16 << 20 };

/** The arguments of `start`. */
struct request {
  const char *name;
  uint64_t limit; /* 0: none was given */
  uint64_t flags;
  uint64_t host_pid;
  char *argv[WORDS_MAX + 1];
};

/** Reads one option. Returns how many words it has, 0 if it is wrong. */
static size_t read_option(const struct arguments *arguments, size_t at, struct request *request) {
  const char *option = arguments->word[at].text;
  const char *value = option[2] != 0 ? option + 2 : arguments->word[at + 1].text;
  size_t words = option[2] != 0 ? 1 : 2;
  if (strcmp(option, "-d") == 0) {
    request->flags |= BD0_START_DEBUG;
    return 1;
  }
  if (option[1] == 'L') {
    if (value != NULL && parse_size(value, &request->limit) && request->limit > 0) return words;
    if (value == NULL) complain(arguments, "-L needs a size, such as 64KB or 1.5GB");
    else complain(arguments, "-L '%s' is not a size: write a number, or one with KB, MB, GB or TB, such as 1.5GB", value);
    return 0;
  }
  if (option[1] == 's') {
    struct bd0_process_info host;
    if (value == NULL) complain(arguments, "-s needs a PID: the process whose region to use");
    struct word word = {(char *)value, false};
    if (value == NULL || !find_process(&(struct arguments){arguments->command, &word, 1, false}, 0, &host)) return 0;
    request->flags |= BD0_START_SHARE;
    request->host_pid = host.pid;
    return words;
  }
  complain(arguments, "unknown option '%s' (help start lists them; -- ends them)", option);
  return 0;
}

/** Reads the options at `*at`, and moves it behind them; `--` ends all options. Returns false if one is wrong. */
static bool read_options(const struct arguments *arguments, size_t *at, bool *have_ended, struct request *request) {
  while (!*have_ended && *at < arguments->count) {
    const struct word *word = &arguments->word[*at];
    if (word->text[0] != '-' || word->text[1] == 0 || word->is_quoted) break;
    *have_ended = strcmp(word->text, "--") == 0;
    size_t words = *have_ended ? 1 : read_option(arguments, *at, request);
    if (words == 0) return false;
    *at += words;
  }
  return true;
}

static bool read_request(const struct arguments *arguments, struct request *request) {
  memset(request, 0, sizeof *request);
  size_t at = 0, argc = 0;
  bool have_ended = false;
  if (!read_options(arguments, &at, &have_ended, request)) return false;
  if (at == arguments->count) {
    complain(arguments, "the NAME of the program is missing (ls lists them)");
    return false;
  }
  request->name = arguments->word[at++].text;
  if (!read_options(arguments, &at, &have_ended, request)) return false;
  request->argv[argc++] = (char *)request->name;
  while (at < arguments->count) request->argv[argc++] = arguments->word[at++].text;
  if (request->limit == 0) request->limit = request->flags & BD0_START_SHARE ? DEFAULT_SHARED_LIMIT : DEFAULT_LIMIT;
  return true;
}

static void report_failure(const struct arguments *arguments, const struct request *request, int64_t error) {
  char size[TEXT_SIZE];
  switch (-error) {
    case BD0_ENOENT: return complain_no_name(arguments, request->name);
    case BD0_ENOEXEC: return complain(arguments, "'%s' is not a program, or does not fit into its region", request->name);
    case BD0_ENOSPC: return complain(arguments, "no room for a region of %s", size_text(request->limit, size));
    case BD0_EINVAL:
      return complain(arguments, "a region of %s is too small for '%s'", size_text(request->limit, size), request->name);
    case BD0_ESRCH: return complain(arguments, "the process whose region to use has ended");
    default: return complain(arguments, "cannot start '%s': %s", request->name, reason(error));
  }
}

void start_command(const struct arguments *arguments) {
  struct request request;
  if (!read_request(arguments, &request)) return;
  fflush(stdout);
  int64_t pid = bd0_start(request.name, request.limit, request.argv, request.flags, request.host_pid);
  if (bd0_is_error(pid)) return report_failure(arguments, &request, pid);
  if (arguments->in_background) add_job((uint64_t)pid, request.name);
  else wait_for((uint64_t)pid, request.name);
}

static void show_process(const struct bd0_process_info *info, void *context) {
  (void)context;
  char pid[TEXT_SIZE], parent[TEXT_SIZE], size[TEXT_SIZE];
  pid_text(info->pid, pid);
  pid_text(info->parent, parent);
  size_text(info->size, size);
  const char *state = info->state == 0 ? "running" : "waiting";
  printf("%-8s%-8s%-9s%7llu  %016llx  %8s  %.18s\n", pid, info->parent == 0 ? "-" : parent, state,
         (unsigned long long)info->threads, (unsigned long long)info->start, size, info->name);
}

void ps_command(const struct arguments *arguments) {
  (void)arguments;
  printf("%-8s%-8s%-9s%7s  %-16s  %8s  %s\n", "PID", "PARENT", "STATE", "THREADS", "START", "SIZE", "NAME");
  for_each_process(show_process, NULL);
}

void kill_command(const struct arguments *arguments) {
  struct bd0_process_info info;
  uint64_t code = EXIT_KILLED;
  if (!find_process(arguments, 0, &info)) return;
  if (arguments->count > 1 && (!parse_number(arguments->word[1].text, &code) || code > 255))
    return complain(arguments, "'%s' is not an exit code: 0 to 255", arguments->word[1].text);
  if (bd0_process_kill(info.pid, code) != 0) complain(arguments, "%s has already ended", info.name);
}

void wait_command(const struct arguments *arguments) {
  struct bd0_process_info info;
  if (!find_process(arguments, 0, &info)) return;
  int64_t code = wait_for(info.pid, info.name);
  if (code == -BD0_EDEADLK) complain(arguments, "%s cannot end while the terminal waits for it", info.name);
  else if (bd0_is_error(code)) complain(arguments, "%s has already ended", info.name);
}
