/* What costs.c needs of BD0. */
#include <bd0.h>

static const char *child;

/* Of the content that map_content maps. A map that stays keeps its pages in frames, as a page cache would. */
static int64_t content_vmo;
static int64_t zeros_vmo;

_Noreturn static void fail(const char *why) {
  printf("costs: %s\n", why);
  exit(1);
}

static int64_t checked(int64_t result, const char *what) {
  if (bd0_is_error(result)) fail(what);
  return result;
}

static void set_up(int argc, char **argv, void (*reader)(void *)) {
  if (argc < 2) fail("no arguments");
  child = argv[1];
  if (strcmp(argv[1], "reader") != 0) return;
  reader((void *)strtoul(argv[2], NULL, 10));
  exit(0);
}

static void finish(void) {}

static void await_line(void) {
  char byte = 0;
  while (byte != '\n' && bd0_console_read(&byte, 1, BD0_FOREVER) == 1) {}
}

static int64_t least_call(void) {
  return bd0_process_start(BD0_SELF);
}

static void make_room(void) {
  bd0_yield();
}

static void wait_while(const uint32_t *word, uint32_t value) {
  bd0_wait_word(word, value, BD0_FOREVER);
}

static void wake_one(const uint32_t *word) {
  bd0_wake_word(word, 1);
}

static void (*thread_work)(void *);

static int begin_thread(void *argument) {
  thread_work(argument);
  return 0;
}

/* Runs both at once, one of them in a thread of its own. */
static void beside(void (*one)(void *), void *argument, void (*other)(void *), void *other_argument) {
  thread_work = one;
  int64_t tid = checked(bd0_thread_spawn(begin_thread, argument, 65536), "no thread");
  other(other_argument);
  bd0_thread_join((uint64_t)tid, BD0_FOREVER);
}

static void run_child(void) {
  int64_t pid = checked(bd0_start(child, 32ull << 30, NULL, 0, 0), "the child does not start");
  if (bd0_process_wait((uint64_t)pid, BD0_FOREVER) != 0) fail("the child failed");
}

static void *map_zeros(size_t bytes) {
  if (zeros_vmo == 0) zeros_vmo = checked(bd0_vmo_zeros(bytes), "no zeros");
  return (void *)checked(bd0_vmo_map(zeros_vmo, 0, NULL, bytes, 3), "no map");
}

static void *map_content(size_t bytes, int writable) {
  if (content_vmo == 0) {
    uint64_t *words = malloc(bytes);
    for (size_t i = 0; i < bytes / sizeof *words; i++) words[i] = i + 1;
    content_vmo = checked(bd0_vmo_create(words, bytes), "no content");
    volatile uint8_t *kept = (uint8_t *)checked(bd0_vmo_map(content_vmo, 0, NULL, bytes, 1), "no map");
    for (size_t at = 0; at < bytes; at += 4096) (void)kept[at];
  }
  return (void *)checked(bd0_vmo_map(content_vmo, 0, NULL, bytes, writable ? 3 : 1), "no map");
}

static void unmap(void *area, size_t bytes) {
  checked(bd0_vmo_unmap(area, bytes), "no unmapping");
}

/* All memory is shared: another process needs nothing but the address. */
static void *shared_memory(size_t bytes) {
  return calloc(1, bytes);
}

static int64_t reader_pid;

static void start_reader(void *ring) {
  char address[24];
  snprintf(address, sizeof address, "%llu", (unsigned long long)(uint64_t)ring);
  char *argv[] = {"costs", "reader", address, NULL};
  reader_pid = checked(bd0_start("costs", 1 << 20, argv, 0, 0), "no reader");
}

static void end_reader(void) {
  bd0_process_wait((uint64_t)reader_pid, BD0_FOREVER);
}
