#include "jobs.h"

#include <bd0.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "line-editor.h"
#include "text.h"

enum { JOBS_MAX = 64 };

static struct job {
  uint64_t pid; /* 0: free */
  char name[NAME_SIZE];
} jobs[JOBS_MAX];

/** The cause of an exit code that a process does not choose itself, as it follows the code; else "". */
static const char *meaning_of(int64_t code) {
  switch (code) {
    case 130: return " (Ctrl-C)";
    case 132: return " (invalid instruction)";
    case 133: return " (breakpoint)";
    case 135: return " (alignment)";
    case 136: return " (arithmetic)";
    case 137: return " (out of memory)";
    case 139: return " (memory access)";
    case 143: return " (killed)";
    default: return "";
  }
}

void add_job(uint64_t pid, const char *name) {
  char text[TEXT_SIZE];
  for (size_t i = 0; i < JOBS_MAX; i++) {
    if (jobs[i].pid != 0) continue;
    jobs[i].pid = pid;
    snprintf(jobs[i].name, sizeof jobs[i].name, "%s", name);
    printf("[%zu] %s %s\n", i + 1, pid_text(pid, text), name);
    return;
  }
  printf("start: %s runs as process %s; there are too many jobs to report when it ends\n", name, pid_text(pid, text));
}

uint64_t job_pid(uint64_t number) {
  return number >= 1 && number <= JOBS_MAX ? jobs[number - 1].pid : 0;
}

static void forget_job(uint64_t pid) {
  for (size_t i = 0; i < JOBS_MAX; i++)
    if (jobs[i].pid == pid) jobs[i].pid = 0;
}

int64_t wait_for(uint64_t pid, const char *name) {
  fflush(stdout);
  int64_t code = bd0_process_wait(pid, BD0_FOREVER);
  if (bd0_is_error(code)) return code;
  forget_job(pid);
  if (code != 0) printf("%s: exit code %lld%s\n", name, (long long)code, meaning_of(code));
  return code;
}

void report_ended_jobs(void) {
  char text[TEXT_SIZE];
  for (size_t i = 0; i < JOBS_MAX; i++) {
    if (jobs[i].pid == 0) continue;
    int64_t code = bd0_process_wait(jobs[i].pid, BD0_NO_WAIT);
    if (code == -BD0_ETIMEDOUT) continue;
    printf("[%zu] %s %s: ", i + 1, pid_text(jobs[i].pid, text), jobs[i].name);
    if (code < 0) printf("ended\n");
    else printf("exit code %lld%s\n", (long long)code, meaning_of(code));
    jobs[i].pid = 0;
  }
}
