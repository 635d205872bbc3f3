/* process_wait: codes before and after the end, deadlines, and waits that would never end. */
#include "process.h"

/** What two children tell each other, in the memory of their parent. */
struct shared {
  uint32_t go;
  int64_t pids[2];
  int64_t results[2];
};

static int child(int argc, char **argv) {
  struct shared *shared = (struct shared *)number_of(argv);
  if (has_role(argc, argv, "sleep")) bd0_sleep(UINT64_MAX);
  if (has_role(argc, argv, "code")) return (int)number_of(argv);
  if (has_role(argc, argv, "trap")) return *(volatile int *)CONFORMANCE_NOWHERE;
  if (has_role(argc, argv, "parent")) return bd0_process_wait(conformance_header()->parent, BD0_FOREVER) == -BD0_EDEADLK;
  /* Waits for the other child, when its parent says so. */
  int index = has_role(argc, argv, "second");
  bd0_wait_word(&shared->go, 0, BD0_FOREVER);
  shared->results[index] = bd0_process_wait(shared->pids[!index], BD0_FOREVER);
  return 10 + index;
}

static int waits(void *pid) {
  return (int)bd0_process_wait((uint64_t)pid, BD0_FOREVER);
}

static void codes(void) {
  for (uint64_t code = 0; code < 256; code += 51) {
    int64_t pid = start_with("process_wait", "code", code);
    expect_equal(bd0_process_wait(pid, BD0_FOREVER), code);
    expect_error(bd0_process_wait(pid, BD0_FOREVER), ESRCH); /* it was told */
  }
  int64_t first = start_with("process_wait", "code", 7), second = start_with("process_wait", "code", 8);
  bd0_sleep(1000000);
  expect_equal(bd0_process_wait(second, BD0_NO_WAIT), 8);
  expect_equal(bd0_process_wait(first, BD0_NO_WAIT), 7);
  expect_error(bd0_process_wait(first, BD0_NO_WAIT), ESRCH);
  expect_equal(bd0_process_wait(start_with("process_wait", "trap", 0), BD0_FOREVER), 128 + 11);
  /* Several wait. */
  int64_t pid = start_with("process_wait", "sleep", 0), threads[3];
  for (int i = 0; i < 3; i++) threads[i] = spawn(waits, (void *)pid);
  bd0_sleep(1000);
  bd0_process_kill(pid, 77);
  for (int i = 0; i < 3; i++) expect_equal(bd0_thread_join(threads[i], BD0_FOREVER), 77);
  expect_error(bd0_process_wait(pid, BD0_NO_WAIT), ESRCH);
}

static void deadlines(void) {
  int64_t pid = start_with("process_wait", "sleep", 0);
  expect_error(bd0_process_wait(pid, BD0_NO_WAIT), ETIMEDOUT);
  expect_error(bd0_process_wait(pid, 1), ETIMEDOUT);
  expect_error(bd0_process_wait(pid, bd0_clock()), ETIMEDOUT);
  for (int64_t ns = 1; ns <= 1000000000; ns *= 1000) {
    int64_t deadline = bd0_clock() + ns;
    expect_error(bd0_process_wait(pid, deadline), ETIMEDOUT);
    expect(bd0_clock() >= deadline);
  }
  bd0_process_kill(pid, 5);
  expect_equal(bd0_process_wait(pid, 1), 5);
}

static void circles(void) {
  expect_error(bd0_process_wait(BD0_SELF, BD0_FOREVER), EDEADLK);
  expect_error(bd0_process_wait(conformance_header()->pid, BD0_NO_WAIT), EDEADLK);
  /* A child that waits for its parent, which waits for it. */
  expect_equal(bd0_process_wait(start_with("process_wait", "parent", 0), BD0_FOREVER), 1);
  static struct shared shared;
  shared.pids[0] = start_with("process_wait", "first", (uint64_t)&shared);
  shared.pids[1] = start_with("process_wait", "second", (uint64_t)&shared);
  bd0_sleep(1000000);
  expect_equal(bd0_wake_word(&shared.go, 2), 2);
  expect_equal(bd0_process_wait(shared.pids[0], BD0_FOREVER), 10);
  expect_equal(shared.results[0], 11);
  expect_equal(shared.results[1], -BD0_EDEADLK);
  expect_equal(bd0_process_wait(shared.pids[1], BD0_NO_WAIT), 11); /* kept, though its sister was told */
}

int main(int argc, char **argv) {
  if (argc > 1) return child(argc, argv);
  codes();
  deadlines();
  circles();
  static const uint64_t nobody[] = {NOBODY, UINT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 32};
  for (unsigned i = 0; i < sizeof nobody / sizeof *nobody; i++)
    expect_error(bd0_process_wait(nobody[i], BD0_FOREVER), ESRCH);
  return conformance_end();
}
