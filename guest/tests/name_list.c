/* name_list: all names, ascending by their bytes, as many at a time as are wanted. */
#include "vmo.h"

enum { MANY = 512 };

static struct bd0_name names[MANY + 1], some[MANY + 1];

int main(void) {
  int64_t vmo = expect_value(bd0_vmo_create("x", 1));
  expect_equal(bd0_name_publish("zz", vmo, BD0_NOTHING), 0);
  expect_equal(bd0_name_publish("a", vmo, BD0_NOTHING), 0);
  expect_equal(bd0_name_publish("a/b", vmo, BD0_NOTHING), 0);
  expect_equal(bd0_name_publish("\xc3\xa4", vmo, BD0_NOTHING), 0);
  char longest[64];
  memset(longest, 'l', 63);
  longest[63] = 0;
  expect_equal(bd0_name_publish(longest, vmo, BD0_NOTHING), 0);

  memset(names, 0xff, sizeof names);
  expect_equal(bd0_name_list(names, MANY, 0), 0);
  int count = 0;
  while (names[count].name[0] != 0) count++;
  expect(count >= 6); /* those five, and this program */
  int found = 0;
  for (int i = 0; i < count; i++) {
    if (i > 0) expect(strcmp(names[i - 1].name, names[i].name) < 0);
    size_t n = strlen(names[i].name);
    for (; n < sizeof names[i].name; n++) expect_equal(names[i].name[n], 0);
    found += strcmp(names[i].name, "zz") == 0 || strcmp(names[i].name, longest) == 0;
    found += strcmp(names[i].name, "a/b") == 0 || strcmp(names[i].name, "name_list") == 0;
  }
  expect_equal(found, 4);
  expect_bytes(names[0].name, "a", 2);
  expect_bytes(names[count - 1].name, "\xc3\xa4", 3);
  for (size_t i = 0; i < sizeof names[0]; i++) expect_equal(names[count].name[i], 0);

  /* In pieces. */
  for (uint64_t piece = 1; piece <= 4; piece++) {
    uint64_t cursor = 0;
    int at = 0;
    do {
      memset(some, 0xff, sizeof some);
      cursor = (uint64_t)expect_value(bd0_name_list(some, piece, cursor));
      for (uint64_t i = 0; i < piece && some[i].name[0] != 0; i++) expect_bytes(&some[i], &names[at++], sizeof *some);
      expect_equal(some[piece].name[0], (char)0xff);
    } while (cursor != 0);
    expect_equal(at, count);
  }
  /* As many as there are, and then none. */
  memset(some, 0xff, sizeof some);
  expect_equal(bd0_name_list(some, (uint64_t)count, 0), 0);
  expect_equal(some[count].name[0], (char)0xff);
  expect_equal(bd0_name_list(some, (uint64_t)count - 1, 0), count - 1);
  expect_equal(bd0_name_list(some, 1, (uint64_t)count), 0);
  expect_equal(some[0].name[0], 0);
  expect_equal(bd0_name_list(some, 1, UINT64_MAX), 0);
  expect_equal(bd0_name_list(CONFORMANCE_NOWHERE, 0, 0), 0);
  expect_equal(bd0_name_list(CONFORMANCE_NOWHERE, 0, 3), 3);

  struct bd0_header *header = conformance_header();
  char *end = (char *)(header->start + header->size);
  expect_error(bd0_name_list(CONFORMANCE_NOWHERE, 1, 0), EFAULT);
  expect_error(bd0_name_list((struct bd0_name *)constants, 1, 0), EFAULT);
  expect_error(bd0_name_list((struct bd0_name *)(end - 64), 2, 0), EFAULT);
  expect_error(bd0_name_list(names, UINT64_C(1) << 58, 0), EFAULT);
  expect_error(bd0_name_list(names, UINT64_MAX, 0), EFAULT);
  return conformance_end();
}
