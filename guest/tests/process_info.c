/* process_info: what the kernel knows, whatever stands in the header page. */
#include "process.h"

static int waits(void *argument) {
  bd0_wait_word(argument, 0, BD0_FOREVER);
  return 0;
}

static void of_self(const struct bd0_header *header) {
  struct bd0_process_info info;
  expect_equal(bd0_process_info(BD0_SELF, &info), 0);
  expect_equal(info.pid, header->pid);
  expect_equal(info.parent, 0);
  expect_equal(info.start, header->start);
  expect_equal(info.size, header->size);
  expect_equal(info.entry, header->entry);
  expect_equal(info.heap_pointer, header->heap.heap_pointer);
  expect_equal(info.stack_floor, header->heap.stack_floor);
  expect_equal(info.state, 0);
  expect_equal(info.threads, 1);
  expect(info.resident_frames > info.shared_frames);
  expect(info.shared_frames > 0);
  expect_bytes(info.image_id, header->image_id, 32);
  expect_bytes(info.name, header->name, 64);
}

static void of_others(void) {
  struct bd0_process_info before, after;
  static uint32_t word;
  int64_t thread = spawn(waits, &word);
  bd0_yield();
  bd0_process_info(BD0_SELF, &after);
  expect_equal(after.threads, 2);
  expect_equal(after.state, 0);
  bd0_wake_word(&word, 1);
  bd0_thread_join(thread, BD0_FOREVER);

  int64_t pid = start_with("process_info", "sleep", 0);
  expect_equal(bd0_process_info(pid, &before), 0);
  expect_equal(before.state, 0);
  expect_equal(before.parent, conformance_header()->pid);
  bd0_yield();
  expect_equal(bd0_process_info(pid, &after), 0);
  expect_equal(after.state, 1);
  expect(after.resident_frames > before.resident_frames);
  /* Only the pair is what threads made of it. */
  struct bd0_header *header = (struct bd0_header *)bd0_process_start(pid);
  memset(header, 0x55, sizeof *header);
  expect_equal(bd0_process_info(pid, &before), 0);
  expect_equal(before.heap_pointer, 0x5555555555555555);
  expect_equal(before.stack_floor, 0x5555555555555555);
  before.heap_pointer = after.heap_pointer;
  before.stack_floor = after.stack_floor;
  expect_bytes(&before, &after, sizeof after);
  bd0_process_kill(pid, 0);
  expect_error(bd0_process_info(pid, &after), ESRCH);
  expect_bytes(&before, &after, sizeof after);
}

int main(int argc, char **argv) {
  if (argc > 1) bd0_sleep(UINT64_MAX);
  of_self(conformance_header());
  of_others();
  char *page = lone_page();
  memset(page, 0x77, PAGE);
  expect_error(bd0_process_info(BD0_SELF, (void *)(page + PAGE - 183)), EFAULT);
  expect_error(bd0_process_info(BD0_SELF, CONFORMANCE_NOWHERE), EFAULT);
  expect_error(bd0_process_info(BD0_SELF, (void *)constants), EFAULT);
  expect_error(bd0_process_info(BD0_SELF, HOLE), EFAULT);
  expect_error(bd0_process_info(BD0_SELF, (void *)-100), EFAULT);
  expect_error(bd0_process_info(NOBODY, CONFORMANCE_NOWHERE), EFAULT);
  expect_error(bd0_process_info(NOBODY, (void *)page), ESRCH);
  for (int i = 0; i < PAGE; i++)
    if (page[i] != 0x77) expect_equal(i, -1);
  expect_equal(bd0_process_info(BD0_SELF, (void *)(page + PAGE - 184)), 0);
  expect_equal(page[PAGE - 185], 0x77);
  return conformance_end();
}
