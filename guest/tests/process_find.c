/* process_find: the lowest live pid of a name. */
#include "process.h"

int main(int argc, char **argv) {
  if (argc > 1) bd0_sleep(UINT64_MAX);
  int64_t self = (int64_t)conformance_header()->pid;
  expect_equal(bd0_process_find("process_find"), self);
  expect_error(bd0_process_find("exit"), ENOENT);
  char *arguments[] = {"exit", "x", NULL};
  int64_t first = expect_value(bd0_start("exit", MIB, arguments, 0, 0));
  int64_t second = expect_value(bd0_start("exit", MIB, arguments, 0, 0));
  int64_t third = start_with("process_find", "sleep", 0);
  expect_equal(bd0_process_find("exit"), first);
  expect_equal(bd0_process_find("process_find"), self);
  memcpy(((struct bd0_header *)bd0_process_start(second))->name, "changed", 8);
  expect_error(bd0_process_find("changed"), ENOENT);
  bd0_process_kill(first, 0);
  expect_equal(bd0_process_find("exit"), second);
  bd0_process_kill(second, 0);
  expect_error(bd0_process_find("exit"), ENOENT);
  bd0_process_kill(third, 0);

  expect_error(bd0_process_find(""), ENOENT);
  expect_error(bd0_process_find("process_fin"), ENOENT);
  expect_error(bd0_process_find("process_find "), ENOENT);
  expect_error(bd0_process_find("\xff"), ENOENT);
  char longest[65];
  memset(longest, 'n', sizeof longest);
  expect_error(bd0_process_find(longest), ENOENT);
  longest[63] = 0;
  expect_error(bd0_process_find(longest), ENOENT);
  expect_error(bd0_process_find(NULL), EFAULT);
  expect_error(bd0_process_find(CONFORMANCE_NOWHERE), EFAULT);
  expect_error(bd0_process_find(HOLE), EFAULT);
  char *page = lone_page();
  memset(page, 'n', PAGE);
  expect_error(bd0_process_find(page + PAGE - 63), EFAULT);
  memcpy(page + PAGE - 13, "process_find", 13);
  expect_equal(bd0_process_find(page + PAGE - 13), self);
  return conformance_end();
}
