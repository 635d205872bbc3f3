/* name_publish: a name comes to stand for another VMO in one step, if it stands for the one that is expected. */
#include "vmo.h"

int main(void) {
  int64_t one = expect_value(bd0_vmo_create("one", 3)), two = expect_value(bd0_vmo_create("second", 6));
  expect_equal(bd0_name_publish("n", one, BD0_NOTHING), 0);
  expect_content(bd0_name_lookup("n"), "one", 3);
  expect_error(bd0_name_publish("n", two, BD0_NOTHING), EAGAIN);
  expect_error(bd0_name_publish("n", one, two), EAGAIN);
  expect_content(bd0_name_lookup("n"), "one", 3);
  expect_equal(bd0_name_publish("n", two, one), 0);
  expect_content(bd0_name_lookup("n"), "second", 6);
  /* It is the bytes that count, not the handle. */
  int64_t again = expect_value(bd0_vmo_create("second", 6));
  expect_equal(bd0_name_publish("n", one, again), 0);
  expect_equal(bd0_name_publish("n", two, BD0_ANYTHING), 0);
  expect_equal(bd0_name_publish("new", two, BD0_ANYTHING), 0);
  expect_content(bd0_name_lookup("new"), "second", 6);

  /* It holds its VMO. */
  int64_t kept = expect_value(bd0_vmo_create("kept", 4));
  expect_equal(bd0_name_publish("kept", kept, BD0_NOTHING), 0);
  expect_equal(bd0_vmo_close(kept), 0);
  expect_content(bd0_name_lookup("kept"), "kept", 4);

  expect_error(bd0_name_publish("n", BD0_NOTHING, one), EAGAIN);
  expect_equal(bd0_name_publish("n", BD0_NOTHING, two), 0);
  expect_error(bd0_name_lookup("n"), ENOENT);
  expect_error(bd0_name_publish("n", BD0_NOTHING, two), EAGAIN);
  expect_error(bd0_name_publish("n", one, two), EAGAIN);
  expect_equal(bd0_name_publish("n", BD0_NOTHING, BD0_NOTHING), 0);
  expect_equal(bd0_name_publish("n", BD0_NOTHING, BD0_ANYTHING), 0);
  expect_equal(bd0_name_publish("a/b", one, BD0_NOTHING), 0);

  expect_error(bd0_name_publish("n", NO_HANDLE, BD0_ANYTHING), EBADF);
  expect_error(bd0_name_publish("n", -2, BD0_ANYTHING), EBADF);
  expect_error(bd0_name_publish("n", one, NO_HANDLE), EBADF);
  expect_error(bd0_name_publish("n", one, -3), EBADF);
  expect_error(bd0_name_publish("n", (INT64_C(1) << 32) - 1, BD0_ANYTHING), EBADF);
  expect_error(bd0_name_lookup("n"), ENOENT);

  char name[66];
  memset(name, 'x', sizeof name);
  name[63] = 0;
  expect_equal(bd0_name_publish(name, one, BD0_NOTHING), 0);
  name[63] = 'x';
  name[64] = 0;
  expect_error(bd0_name_publish(name, one, BD0_NOTHING), EINVAL);
  expect_error(bd0_name_publish("", one, BD0_NOTHING), EINVAL);
  expect_error(bd0_name_publish("\xff", one, BD0_NOTHING), EINVAL);
  expect_error(bd0_name_publish("a\nb", one, BD0_NOTHING), EINVAL);
  expect_error(bd0_name_publish("../up", one, BD0_NOTHING), EINVAL);
  expect_error(bd0_name_publish("a/../b", one, BD0_NOTHING), EINVAL);
  expect_error(bd0_name_publish("/etc", one, BD0_NOTHING), EINVAL);
  expect_error(bd0_name_publish("a//b", one, BD0_NOTHING), EINVAL);
  expect_error(bd0_name_publish(CONFORMANCE_NOWHERE, one, BD0_NOTHING), EFAULT);
  expect_error(bd0_name_publish(CONFORMANCE_NOWHERE, NO_HANDLE, NO_HANDLE), EFAULT);

  fill_host_memory();
  expect_error(bd0_name_publish("more", one, BD0_NOTHING), ENOMEM);
  expect_error(bd0_name_lookup("more"), ENOENT);
  expect_equal(bd0_name_publish("new", BD0_NOTHING, BD0_ANYTHING), 0);
  empty_host_memory();
  expect_equal(bd0_name_publish("more", one, BD0_NOTHING), 0);
  return conformance_end();
}
