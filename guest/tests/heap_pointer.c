/* heap_pointer: the pair of a process, which threads move. */
#include "process.h"

int main(int argc, char **argv) {
  if (argc > 1) bd0_sleep(UINT64_MAX);
  struct bd0_header *header = conformance_header();
  expect_equal(bd0_heap_pointer(BD0_SELF), &header->heap);
  expect_equal(bd0_heap_pointer(header->pid), &header->heap);
  expect_equal((uint64_t)&header->heap % 16, 0);
  uint64_t before = header->heap.heap_pointer;
  uint8_t *block = bd0_heap_alloc(100, 1);
  expect_equal(block, before);
  expect_equal(header->heap.heap_pointer, before + 100);
  header->heap.heap_pointer += 28;
  expect_equal(bd0_heap_alloc(1, 1), before + 128);
  int64_t pid = start_with("heap_pointer", "sleep", 0);
  expect_equal(bd0_heap_pointer(pid), bd0_process_start(pid) + 0x40);
  char *arguments[] = {"heap_pointer", "sleep", NULL};
  int64_t guest = expect_value(bd0_start("heap_pointer", MIB, arguments, BD0_START_SHARE, 0));
  expect_equal(bd0_heap_pointer(guest), &header->heap);
  bd0_process_kill(pid, 0);
  bd0_process_kill(guest, 0);
  expect_error(bd0_heap_pointer(pid), ESRCH);
  expect_error(bd0_heap_pointer(guest), ESRCH);
  expect_error(bd0_heap_pointer(NOBODY), ESRCH);
  expect_error(bd0_heap_pointer(UINT64_MAX), ESRCH);
  return conformance_end();
}
