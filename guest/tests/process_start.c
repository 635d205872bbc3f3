/* process_start: where header pages lie. */
#include "process.h"

int main(int argc, char **argv) {
  if (argc > 1) bd0_sleep(UINT64_MAX);
  const struct bd0_header *header = (const struct bd0_header *)bd0_process_start(BD0_SELF);
  expect_bytes(header->magic, "BD0PROC", 8);
  expect_equal(header->version, 1);
  expect_equal(header->header_size, sizeof *header);
  expect_equal(header->start, header);
  expect_equal(bd0_process_start(header->pid), header);
  expect((uint64_t)&argc > header->heap.stack_floor && (uint64_t)&argc < header->start + header->size);
  int64_t first = start_with("process_start", "sleep", 0), second = start_with("process_start", "sleep", 0);
  expect_equal(bd0_process_start(first), header->start + header->size);
  expect_equal(bd0_process_start(second), header->start + header->size + MIB);
  expect_equal(((struct bd0_header *)bd0_process_start(second))->pid, second);
  bd0_process_kill(first, 0);
  expect_error(bd0_process_start(first), ESRCH);
  int64_t again = start_with("process_start", "sleep", 0);
  expect(again != first);
  expect_error(bd0_process_start(first), ESRCH);
  expect_equal(bd0_process_start(again), header->start + header->size);
  bd0_process_kill(again, 0);
  bd0_process_kill(second, 0);
  static const uint64_t nobody[] = {NOBODY, UINT64_MAX - 1, UINT64_C(1) << 63, UINT64_C(1) << 32, UINT64_C(1) << 53};
  for (unsigned i = 0; i < sizeof nobody / sizeof *nobody; i++) {
    expect_error(bd0_process_start(nobody[i]), ESRCH);
    expect_error(bd0_process_start(nobody[i] + header->pid), ESRCH);
  }
  return conformance_end();
}
