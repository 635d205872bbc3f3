/* thread_self: a number for each thread, and never the same again. */
#include "process.h"

enum { THREADS = 10 };

static int64_t seen[THREADS];

static int tells(void *place) {
  *(int64_t *)place = bd0_thread_self();
  return 0;
}

int main(int argc, char **argv) {
  if (argc > 1) return *(int64_t *)number_of(argv) = bd0_thread_self(), 0;
  int64_t self = bd0_thread_self(), last = self;
  expect_equal(self, 1);
  for (int i = 0; i < THREADS; i++) {
    int64_t tid = spawn(tells, &seen[i]);
    expect_equal(bd0_thread_self(), self);
    expect_equal(bd0_thread_join(tid, BD0_FOREVER), 0);
    expect_equal(seen[i], tid);
    expect(tid > last);
    last = tid;
  }
  int64_t of_child = 0;
  bd0_process_wait(start_with("thread_self", "tell", (uint64_t)&of_child), BD0_FOREVER);
  expect(of_child > last);
  return conformance_end();
}
