/* process_kill: of others, of the caller, and of no process. */
#include "process.h"

static int sleeps(void *argument) {
  bd0_sleep(UINT64_MAX);
  return 0;
}

static int child(int argc, char **argv) {
  if (has_role(argc, argv, "self")) bd0_process_kill(BD0_SELF, number_of(argv));
  if (has_role(argc, argv, "threads"))
    for (int i = 0; i < 3; i++) spawn(sleeps, NULL);
  if (has_role(argc, argv, "run"))
    for (volatile uint64_t i = 0;; i++) continue;
  return sleeps(NULL);
}

int main(int argc, char **argv) {
  if (argc > 1) return child(argc, argv);
  int64_t before = process_count();
  static const uint64_t codes[] = {0, 1, 255, 256, UINT64_MAX, UINT64_C(1) << 40 | 3};
  static const char *const roles[] = {"sleep", "threads", "run"};
  for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) {
    int64_t pid = start_with("process_kill", roles[i % 3], 0);
    if (i >= 3) bd0_sleep(10000);
    expect_equal(bd0_process_kill(pid, codes[i]), 0);
    expect_error(bd0_process_kill(pid, 0), ESRCH);
    expect_equal(bd0_process_wait(pid, BD0_NO_WAIT), codes[i] & 255);
    pid = start_with("process_kill", "self", codes[i]);
    expect_equal(bd0_process_wait(pid, BD0_FOREVER), codes[i] & 255);
  }
  expect_error(bd0_process_kill(NOBODY, 0), ESRCH);
  expect_error(bd0_process_kill(UINT64_MAX, 0), ESRCH);
  expect_error(bd0_process_kill(conformance_header()->pid + (UINT64_C(1) << 32), 0), ESRCH);
  expect_error(bd0_process_kill(conformance_header()->pid + (UINT64_C(1) << 63), 0), ESRCH);
  expect_equal(process_count(), before);
  return conformance_end();
}
