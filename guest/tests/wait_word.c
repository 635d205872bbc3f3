/* wait_word: waits for a wake-up only while the word is what it is to be. */
#include "process.h"

static uint32_t words[4];
static const uint32_t constant = 5;
static int64_t result = 1;

static int waits(void *address) {
  uint32_t *word = address;
  return (int)bd0_wait_word(word, *word, BD0_FOREVER);
}

static int late(void *deadline) {
  return bd0_wait_word(&words[3], 0, (uint64_t)deadline) == -BD0_ETIMEDOUT ? 9 : 8;
}

static void waiting(void) {
  int64_t thread = spawn(waits, &words[0]);
  bd0_yield();
  expect_error(bd0_thread_join(thread, BD0_NO_WAIT), ETIMEDOUT);
  words[0] = 77; /* no thread looks at it */
  expect_error(bd0_thread_join(thread, bd0_clock() + 1000000), ETIMEDOUT);
  expect_equal(bd0_wake_word(&words[1], 1), 0);
  expect_equal(bd0_wake_word(&words[0], 1), 1);
  expect_equal(bd0_thread_join(thread, BD0_FOREVER), 0);
  /* A thread that was woken is not woken again. */
  expect_equal(bd0_wake_word(&words[0], 1), 0);
  /* Across processes. */
  int64_t pid = start_with("wait_word", "wait", (uint64_t)&words[2]);
  while (words[2] == 0) bd0_yield();
  bd0_sleep(1000);
  expect_equal(bd0_wake_word(&words[2], 1), 1);
  expect_equal(bd0_process_wait(pid, BD0_FOREVER), 4);
  expect_equal(result, 0);
}

static void deadlines(void) {
  expect_error(bd0_wait_word(&words[1], 0, BD0_NO_WAIT), ETIMEDOUT);
  expect_error(bd0_wait_word(&words[1], 0, bd0_clock()), ETIMEDOUT);
  expect_error(bd0_wait_word(&constant, 5, 1), ETIMEDOUT);
  for (int64_t ns = 1; ns <= 1000000000; ns *= 1000) {
    int64_t deadline = bd0_clock() + ns;
    expect_error(bd0_wait_word(&words[1], 0, deadline), ETIMEDOUT);
    expect(bd0_clock() >= deadline);
  }
  expect_equal(bd0_wake_word(&words[1], 1), 0);
  /* Past the latest possible deadline, without a time limit; with a deadline, until then. */
  expect_equal(bd0_thread_join(spawn(late, (void *)(bd0_clock() + 1000)), BD0_FOREVER), 9);
  int64_t thread = spawn(late, (void *)(UINT64_C(1) << 53));
  expect_error(bd0_thread_join(thread, bd0_clock() + 1000000), ETIMEDOUT);
  bd0_wake_word(&words[3], 1);
  expect_equal(bd0_thread_join(thread, BD0_FOREVER), 8);
}

static void fails(void) {
  expect_error(bd0_wait_word(&words[1], 1, BD0_FOREVER), EAGAIN);
  expect_error(bd0_wait_word(&constant, 4, BD0_NO_WAIT), EAGAIN);
  /* Of what is expected, the low half counts. */
  expect_error(bd0_vmcall(BD0_CALL_WAIT_WORD, (uint64_t)&constant, UINT64_C(7) << 32 | 5, 0, 0, 0, 0), ETIMEDOUT);
  for (int i = 1; i < 4; i++) {
    expect_error(bd0_wait_word((uint32_t *)((char *)words + i), 0, BD0_FOREVER), EINVAL);
    expect_error(bd0_wait_word((uint32_t *)((char *)CONFORMANCE_NOWHERE + i), 0, BD0_FOREVER), EINVAL);
  }
  expect_error(bd0_wait_word(CONFORMANCE_NOWHERE, 0, BD0_FOREVER), EFAULT);
  expect_error(bd0_wait_word(NULL, 0, BD0_FOREVER), EFAULT);
  expect_error(bd0_wait_word(HOLE, 0, BD0_FOREVER), EFAULT);
  expect_error(bd0_wait_word((uint32_t *)-4, 0, BD0_FOREVER), EFAULT);
  char *page = lone_page();
  expect_error(bd0_wait_word((uint32_t *)(page + PAGE - 4), 0, BD0_NO_WAIT), ETIMEDOUT);
  expect_error(bd0_wait_word((uint32_t *)(page + PAGE), 0, BD0_NO_WAIT), EFAULT);
}

int main(int argc, char **argv) {
  if (argc > 1) {
    uint32_t *word = (uint32_t *)number_of(argv);
    *word = 3;
    struct bd0_process_info info;
    bd0_process_info(conformance_header()->parent, &info);
    int64_t answer = bd0_wait_word(word, 3, BD0_FOREVER);
    /* `result` of the parent: at the same place in its image as here. */
    int64_t *of_parent = (int64_t *)((uint64_t)&result - conformance_header()->start + info.start);
    *of_parent = answer;
    return 4;
  }
  waiting();
  deadlines();
  fails();
  return conformance_end();
}
