/* exit: the low byte of the code, the end of all threads, and a region that is free again. */
#include "process.h"

static int sleeps(void *argument) {
  bd0_sleep(UINT64_MAX);
  return 0;
}

static int ends(void *argument) {
  bd0_exit((int64_t)argument);
}

static int child(int argc, char **argv) {
  if (has_role(argc, argv, "threads")) {
    for (int i = 0; i < 3; i++) spawn(sleeps, NULL);
    spawn(ends, (void *)number_of(argv));
    sleeps(NULL);
  }
  printf("never written");
  bd0_exit((int64_t)number_of(argv));
}

int main(int argc, char **argv) {
  if (argc > 1) return child(argc, argv);
  int64_t before = process_count();
  static const uint64_t codes[] = {0, 1, 127, 128, 255, 256, 259, 0xffffffffffffff03, UINT64_MAX, UINT64_C(1) << 63};
  int64_t place = 0;
  for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) {
    int64_t pid = start_with("exit", "code", codes[i]);
    if (place != 0) expect_equal(bd0_process_start(pid), place);
    place = bd0_process_start(pid);
    expect_equal(bd0_process_wait(pid, BD0_FOREVER), codes[i] & 255);
    expect_equal(bd0_process_start(pid), -BD0_ESRCH);
  }
  int64_t pid = start_with("exit", "threads", 0x1234);
  expect_equal(bd0_process_wait(pid, BD0_FOREVER), 0x34);
  expect_equal(process_count(), before);
  return conformance_end();
}
