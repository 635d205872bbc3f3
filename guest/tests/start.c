/* start: a region of its own or a part of another's, arguments, and all that it refuses. */
#include "process.h"

/** More than all arguments together may have. */
enum { LONG = 1100000 };

/** What children do: each returns a code that shows that it found what it expected. */
static int child(int argc, char **argv) {
  if (has_role(argc, argv, "add")) {
    /* Whatever process the word is of. */
    __atomic_fetch_add((uint64_t *)number_of(argv), 1, __ATOMIC_SEQ_CST);
    return 1;
  }
  if (has_role(argc, argv, "block")) {
    uint64_t *block = bd0_heap_alloc(64, 64);
    block[0] = 99;
    *(uint64_t *)number_of(argv) = (uint64_t)block;
    return 2;
  }
  if (has_role(argc, argv, "debug")) return (int)bd0_debug_mode(0, 0);
  if (has_role(argc, argv, "parent")) return conformance_header()->parent == number_of(argv) ? 3 : 4;
  return argc == 4 && strcmp(argv[0], "any") == 0 && argv[1][0] == 0 && strcmp(argv[3], "\xff") == 0 ? 5 : 6;
}

static void alone(void) {
  struct bd0_process_info info;
  static const uint64_t limits[] = {MIB, MIB - 1, MIB + 1, UINT64_C(32) << 30};
  for (unsigned i = 0; i < sizeof limits / sizeof *limits; i++) {
    char *arguments[] = {"any", "", "x", "\xff", NULL};
    int64_t pid = expect_value(bd0_start("start", limits[i], arguments, 0, 0));
    expect_equal(bd0_process_info(pid, &info), 0);
    expect_equal(info.parent, conformance_header()->pid);
    expect_equal(info.size, (limits[i] + PAGE - 1) & -PAGE);
    expect_equal(info.start % PAGE, 0);
    expect_equal(info.start + info.size - info.stack_floor, info.size / 4 & -PAGE);
    expect_equal(info.threads, 1);
    expect_equal(strcmp(info.name, "start"), 0);
    expect_equal(bd0_process_wait(pid, BD0_FOREVER), 5);
  }
  int64_t pid = expect_value(bd0_start("start", MIB, (char *[]){NULL}, 0, 0));
  expect_equal(((struct bd0_header *)bd0_process_start(pid))->argc, 0);
  bd0_process_kill(pid, 0);
  pid = expect_value(bd0_start("start", MIB, NULL, 0, 0));
  const struct bd0_header *header = (const struct bd0_header *)bd0_process_start(pid);
  expect_equal(header->argc, 1);
  expect_equal(strcmp(*(char **)header->argv, "start"), 0);
  bd0_process_kill(pid, 0);
  uint64_t word = 0;
  expect_equal(bd0_process_wait(start_with("start", "add", (uint64_t)&word), BD0_FOREVER), 1);
  expect_equal(word, 1);
  pid = start_with("start", "parent", conformance_header()->pid);
  expect_equal(bd0_process_wait(pid, BD0_FOREVER), 3);
  char *debugged[] = {"start", "debug", "0", NULL};
  expect_equal(bd0_process_wait(bd0_start("start", MIB, debugged, BD0_START_DEBUG, 0), BD0_FOREVER), 1);
  expect_equal(bd0_process_wait(bd0_start("start", MIB, debugged, 0, 0), BD0_FOREVER), 0);
}

static void shared(void) {
  struct bd0_heap_pair before = *heap_pair(), after;
  uint64_t block = 0;
  char text[24];
  snprintf(text, sizeof text, "%llu", (unsigned long long)(uint64_t)&block);
  char *arguments[] = {"start", "block", text, NULL};
  int64_t pid = expect_value(bd0_start("start", MIB, arguments, BD0_START_SHARE, 0));
  after = *heap_pair();
  const struct bd0_header *header = (const struct bd0_header *)bd0_process_start(pid);
  expect_equal(header, (before.heap_pointer + PAGE - 1) & -PAGE);
  expect_equal(header->pid, pid);
  expect_equal(after.heap_pointer, (uint64_t)header + header->size);
  expect_equal(after.stack_floor, (before.stack_floor & -PAGE) - MIB / 4);
  expect(header->size + MIB / 4 <= MIB);
  expect_equal(bd0_heap_pointer(pid), heap_pair());
  expect_equal(bd0_process_wait(pid, BD0_FOREVER), 2);
  expect(block >= after.heap_pointer);
  expect_equal(*(uint64_t *)block, 99);
  expect_equal(heap_pair()->heap_pointer, block + 64);
  /* A host that is named, and that ends before its guest: the region stays. */
  int64_t host = start_with("start", "parent", 0);
  uint64_t word = 0;
  snprintf(text, sizeof text, "%llu", (unsigned long long)(uint64_t)&word);
  char *adds[] = {"start", "add", text, NULL};
  int64_t guest = expect_value(bd0_start("start", MIB / 2, adds, BD0_START_SHARE, host));
  expect(bd0_process_start(guest) > bd0_process_start(host));
  expect(bd0_process_start(guest) < bd0_process_start(host) + (int64_t)MIB);
  expect_equal(bd0_process_kill(host, 0), 0);
  expect_equal(bd0_process_wait(guest, BD0_FOREVER), 1);
  expect_equal(word, 1);
}

static void names(void) {
  char longest[65];
  memset(longest, 'n', sizeof longest);
  longest[64] = 0;
  expect_error(bd0_start(longest, MIB, NULL, 0, 0), EINVAL);
  expect_error(bd0_start(longest + 1, MIB, NULL, 0, 0), ENOENT);
  expect_error(bd0_start("", MIB, NULL, 0, 0), EINVAL);
  expect_error(bd0_start("\xc3(", MIB, NULL, 0, 0), EINVAL);
  expect_error(bd0_start("no such program", MIB, NULL, 0, 0), ENOENT);
  expect_error(bd0_start(CONFORMANCE_NOWHERE, MIB, NULL, 0, 0), EFAULT);
  expect_error(bd0_start(HOLE, MIB, NULL, 0, 0), EFAULT);
  char *page = lone_page();
  memset(page, 'n', PAGE);
  expect_error(bd0_start(page + PAGE - 10, MIB, NULL, 0, 0), EFAULT);
  memcpy(page + PAGE - 6, "start", 6);
  int64_t pid = expect_value(bd0_start(page + PAGE - 6, MIB, (char *[]){NULL}, 0, 0));
  bd0_process_kill(pid, 0);
  bd0_vmo_unmap(page, PAGE);
}

static void arguments(void) {
  expect_error(bd0_start("start", MIB, CONFORMANCE_NOWHERE, 0, 0), EFAULT);
  expect_error(bd0_start("start", MIB, (char *[]){"any", CONFORMANCE_NOWHERE, NULL}, 0, 0), EFAULT);
  expect_error(bd0_start("start", MIB, (char *[]){"any", (char *)-1, NULL}, 0, 0), EFAULT);
  char **last = (char **)(lone_page() + PAGE) - 1;
  expect_error(bd0_start("start", MIB, (char **)((char *)last + 1), 0, 0), EFAULT);
  *last = "any";
  expect_error(bd0_start("start", MIB, last, 0, 0), EFAULT);
  char *long_argument = malloc(LONG + 1);
  memset(long_argument, 'a', LONG);
  long_argument[LONG] = 0;
  expect_error(bd0_start("start", 64 * MIB, (char *[]){long_argument, NULL}, 0, 0), EINVAL);
  long_argument[MIB / 4] = 0;
  expect_error(bd0_start("start", MIB, (char *[]){long_argument, NULL}, 0, 0), EINVAL);
}

static void numbers(void) {
  expect_error(bd0_start("start", MIB, NULL, 4, 0), EINVAL);
  expect_error(bd0_start("start", MIB, NULL, UINT64_C(1) << 32, 0), EINVAL);
  expect_error(bd0_start("start", MIB, NULL, 0, conformance_header()->pid), EINVAL);
  expect_error(bd0_start("start", MIB, NULL, BD0_START_SHARE, NOBODY), ESRCH);
  expect_error(bd0_start("start", 0, NULL, 0, 0), EINVAL);
  expect_error(bd0_start("start", 1, NULL, 0, 0), EINVAL);
  expect_error(bd0_start("start", 3 * PAGE, NULL, 0, 0), EINVAL);
  expect_error(bd0_start("start", 4 * PAGE, NULL, 0, 0), ENOEXEC); /* no room for the image */
  expect_error(bd0_start("start", (UINT64_C(1) << 48) + 1, NULL, 0, 0), ENOSPC);
  expect_error(bd0_start("start", UINT64_C(1) << 48, NULL, 0, 0), ENOSPC);
  expect_error(bd0_start("start", UINT64_MAX, NULL, 0, 0), ENOSPC);
  expect_error(bd0_start("start", 8 * PAGE, NULL, BD0_START_SHARE, 0), ENOSPC);
  expect_error(bd0_start("start", conformance_header()->size * 4, NULL, BD0_START_SHARE, 0), ENOSPC);
  int64_t nonsense = bd0_vmo_create("no image", 8);
  expect_equal(bd0_name_publish("nonsense", nonsense, BD0_NOTHING), 0);
  expect_error(bd0_start("nonsense", MIB, NULL, 0, 0), ENOEXEC);
}

int main(int argc, char **argv) {
  if (argc > 1) return child(argc, argv);
  alone();
  shared();
  free(malloc(LONG + 1)); /* the next one takes nothing of the heap */
  struct bd0_heap_pair before = *heap_pair();
  int64_t count = process_count();
  names();
  arguments();
  numbers();
  fill_host_memory();
  expect_error(bd0_start("start", MIB, NULL, 0, 0), ENOMEM);
  expect_error(bd0_start("start", MIB, NULL, BD0_START_SHARE, 0), ENOMEM);
  empty_host_memory();
  expect_equal(process_count(), count);
  expect_equal(heap_pair()->heap_pointer, before.heap_pointer);
  expect_equal(heap_pair()->stack_floor, before.stack_floor);
  return conformance_end();
}
