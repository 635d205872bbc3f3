/* process_list: pids, ascending, as many as there is room for. */
#include "process.h"

enum { CHILDREN = 5 };

int main(int argc, char **argv) {
  if (argc > 1) bd0_sleep(UINT64_MAX);
  uint64_t pids[CHILDREN + 3], self = conformance_header()->pid;
  int64_t children[CHILDREN];
  expect_equal(bd0_process_list(pids, CHILDREN + 3), 1);
  expect_equal(pids[0], self);
  for (int i = 0; i < CHILDREN; i++) children[i] = start_with("process_list", "sleep", 0);
  bd0_process_kill(children[1], 0);
  children[1] = start_with("process_list", "sleep", 0); /* its slot was used before */
  for (uint64_t n = 0; n <= CHILDREN + 3; n++) {
    memset(pids, 0x77, sizeof pids);
    expect_equal(bd0_process_list(pids, n), CHILDREN + 1);
    uint64_t told = n < CHILDREN + 1 ? n : CHILDREN + 1;
    for (uint64_t i = 0; i < CHILDREN + 3; i++) {
      if (i >= told) expect_equal(pids[i], 0x7777777777777777);
      else if (i > 0) expect(pids[i] > pids[i - 1]);
    }
    if (told == CHILDREN + 1) expect_equal(pids[CHILDREN], children[1]);
  }

  expect_equal(bd0_process_list(CONFORMANCE_NOWHERE, 0), CHILDREN + 1);
  uint64_t *page = (uint64_t *)lone_page();
  memset(page, 0x77, PAGE);
  expect_error(bd0_process_list(page, PAGE / 8 + 1), EFAULT);
  expect_error(bd0_process_list(page + PAGE / 8 - 1, 2), EFAULT);
  expect_error(bd0_process_list(CONFORMANCE_NOWHERE, 1), EFAULT);
  expect_error(bd0_process_list((void *)constants, 1), EFAULT);
  expect_error(bd0_process_list(HOLE, 1), EFAULT);
  expect_error(bd0_process_list((void *)-8, 2), EFAULT);
  expect_error(bd0_process_list(page, UINT64_C(1) << 61), EFAULT); /* times 8 it is 0 */
  expect_error(bd0_process_list(page, UINT64_MAX), EFAULT);
  for (int i = 0; i < PAGE / 8; i++)
    if (page[i] != 0x7777777777777777) expect_equal(i, -1);
  expect_equal(bd0_process_list(page + PAGE / 8 - 1, 1), CHILDREN + 1);
  expect_equal(page[PAGE / 8 - 1], self);
  for (int i = 0; i < CHILDREN; i++) bd0_process_kill(children[i], 0);
  expect_equal(bd0_process_list(page, PAGE / 8), 1);
  return conformance_end();
}
