/* name_lookup: the VMO of a name. */
#include "vmo.h"

/** A page at whose end a name may lie, with nothing mapped after it. */
static char *edge;

/** The text at the end of that page, with its zero byte or without. */
static char *at_edge(const char *text, int with_zero) {
  size_t n = strlen(text) + (with_zero ? 1 : 0);
  memcpy(edge + PAGE - n, text, n);
  return edge + PAGE - n;
}

int main(void) {
  edge = (char *)expect_value(bd0_vmo_map(bd0_vmo_zeros(PAGE), 0, NULL, PAGE, BD0_READ | BD0_WRITE));
  static const char longest[] = "sixty-three bytes make the longest name that there may be, so it";
  char name[65];
  memcpy(name, longest, 63);
  name[63] = 0;
  int64_t vmo = expect_value(bd0_vmo_create("content", 7));
  expect_error(bd0_name_lookup(name), ENOENT);
  expect_equal(bd0_name_publish(name, vmo, BD0_NOTHING), 0);
  expect_content(bd0_name_lookup(name), "content", 7);
  expect_content(bd0_name_lookup(at_edge(name, 1)), "content", 7);
  expect_equal(bd0_name_publish("gr\xc3\xbc\xc3\x9f", vmo, BD0_NOTHING), 0);
  expect_content(bd0_name_lookup("gr\xc3\xbc\xc3\x9f"), "content", 7);
  /* Programs are files, too. */
  int64_t self = expect_value(bd0_name_lookup("name_lookup"));
  uint8_t magic[4];
  expect_equal(bd0_vmo_read(self, 0, magic, 4), 4);
  expect_bytes(magic, "\177ELF", 4);

  expect_error(bd0_name_lookup("no such name"), ENOENT);
  expect_error(bd0_name_lookup(""), ENOENT);
  name[63] = 'x';
  name[64] = 0;
  expect_error(bd0_name_lookup(name), ENOENT);
  expect_error(bd0_name_lookup("../name_lookup"), ENOENT);
  expect_error(bd0_name_lookup("./name_lookup"), ENOENT);
  expect_error(bd0_name_lookup("/name_lookup"), ENOENT);
  expect_error(bd0_name_lookup("name_lookup/"), ENOENT);
  expect_error(bd0_name_lookup("\xff"), ENOENT);
  expect_error(bd0_name_lookup("gr\xc3"), ENOENT);

  expect_error(bd0_name_lookup(CONFORMANCE_NOWHERE), EFAULT);
  expect_error(bd0_name_lookup(NULL), EFAULT);
  expect_error(bd0_name_lookup(at_edge("name_lookup", 0)), EFAULT);
  expect_error(bd0_name_lookup((char *)UINT64_MAX), EFAULT);
  /* 64 bytes without a zero are not a name, whatever follows them. */
  expect_error(bd0_name_lookup(at_edge(name, 0)), ENOENT);

  take_handles(0);
  expect_error(bd0_name_lookup("name_lookup"), ENOMEM);
  expect_error(bd0_name_lookup("no such name"), ENOENT);
  return conformance_end();
}
