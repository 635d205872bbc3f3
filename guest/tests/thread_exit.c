/* thread_exit: codes of 32 bits, and the last thread that ends its process. */
#include "process.h"

static int exits(void *code) {
  bd0_thread_exit((uint64_t)code);
}

static int returns(void *code) {
  return (int)(uint64_t)code;
}

static int exits_late(void *code) {
  bd0_sleep(1000000);
  bd0_thread_exit((uint64_t)code);
}

static int child(int argc, char **argv) {
  if (has_role(argc, argv, "first")) { /* The first thread ends before the other. */
    spawn(exits_late, (void *)number_of(argv));
    bd0_thread_exit(1);
  }
  if (has_role(argc, argv, "others")) { /* Those that were spawned end before the first. */
    for (uint64_t i = 0; i < 3; i++) spawn(exits, (void *)i);
    bd0_sleep(1000000);
  }
  bd0_thread_exit(number_of(argv));
}

int main(int argc, char **argv) {
  if (argc > 1) return child(argc, argv);
  static const uint64_t codes[] = {0, 1, 255, 256, 0x7fffffff, 0x80000000, UINT32_MAX, UINT64_C(5) << 32 | 6, UINT64_MAX};
  for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) {
    expect_equal(bd0_thread_join(spawn(exits, (void *)codes[i]), BD0_FOREVER), codes[i] & UINT32_MAX);
    expect_equal(bd0_thread_join(spawn(returns, (void *)codes[i]), BD0_FOREVER), codes[i] & UINT32_MAX);
    static const char *const roles[] = {"first", "others", "alone"};
    int64_t pid = start_with("thread_exit", roles[i % 3], codes[i]);
    expect_equal(bd0_process_wait(pid, BD0_FOREVER), codes[i] & 255);
  }
  struct bd0_process_info info;
  bd0_process_info(BD0_SELF, &info);
  expect_equal(info.threads, 1);
  return conformance_end();
}
