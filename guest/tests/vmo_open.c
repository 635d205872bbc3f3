/* vmo_open: a VMO by its identity, from the first request for that until nothing holds it. */
#include "vmo.h"

int main(void) {
  fill(pages[0], 2 * PAGE);
  uint8_t id[32];
  int64_t vmo = expect_value(bd0_vmo_create(pages[0], 2 * PAGE));
  expect_equal(bd0_vmo_hash(vmo, id), 0);
  expect_content(bd0_vmo_open(id), pages[0], 2 * PAGE);

  /* A VMO with the same bytes is the same one; the identity of a different one was never requested. */
  expect_equal(bd0_vmo_close(vmo), 0);
  expect_error(bd0_vmo_open(id), ENOENT);
  vmo = expect_value(bd0_vmo_create(pages[0], 2 * PAGE));
  expect_error(bd0_vmo_open(id), ENOENT);
  uint8_t again[32];
  expect_equal(bd0_vmo_hash(vmo, again), 0);
  expect_bytes(again, id, 32);
  int64_t opened = expect_value(bd0_vmo_open(id));
  expect_equal(bd0_vmo_close(vmo), 0);
  expect_content(opened, pages[0], 2 * PAGE);
  expect_error(bd0_vmo_open(id), ENOENT);

  /* A name holds it, and so does a map. */
  vmo = expect_value(bd0_vmo_create(pages[0], PAGE));
  expect_equal(bd0_name_publish("kept", vmo, BD0_NOTHING), 0);
  expect_equal(bd0_vmo_hash(vmo, id), 0);
  expect_equal(bd0_vmo_close(vmo), 0);
  expect_content(bd0_vmo_open(id), pages[0], PAGE);
  vmo = expect_value(bd0_name_lookup("kept"));
  int64_t map = expect_value(bd0_vmo_map(vmo, 0, NULL, PAGE, BD0_READ));
  expect_equal(bd0_name_publish("kept", BD0_NOTHING, vmo), 0);
  expect_equal(bd0_vmo_close(vmo), 0);
  expect_content(bd0_vmo_open(id), pages[0], PAGE);
  expect_equal(bd0_vmo_unmap((void *)map, PAGE), 0);
  expect_error(bd0_vmo_open(id), ENOENT);

  /* What is committed can be opened at once. */
  vmo = expect_value(bd0_vmo_commit(pages[0], PAGE));
  expect_content(bd0_vmo_open(id), pages[0], PAGE);

  struct bd0_header *header = conformance_header();
  uint8_t *end = (uint8_t *)(header->start + header->size);
  expect_error(bd0_vmo_open(CONFORMANCE_NOWHERE), EFAULT);
  expect_error(bd0_vmo_open(end - 31), EFAULT);
  expect_error(bd0_vmo_open((uint8_t *)UINT64_MAX), EFAULT);

  take_handles(0);
  expect_error(bd0_vmo_open(id), ENOMEM);
  return conformance_end();
}
