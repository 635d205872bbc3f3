/* What costs.c needs of Linux: as a program of it, or as the first process of a machine that has nothing else. */
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char *child;
static int content_file = -1;

static void finish(void) {
  if (getpid() == 1) reboot(RB_AUTOBOOT);
}

_Noreturn static void fail(const char *why) {
  printf("costs: %s\n", why);
  fflush(stdout);
  finish();
  exit(1);
}

/* Faults shall map one page each, as far as that can be asked for. */
static void map_one_page_a_fault(void) {
  if (mount("none", "/sys", "debugfs", 0, NULL) != 0) return;
  int setting = open("/sys/fault_around_bytes", O_WRONLY);
  if (setting < 0 || write(setting, "4096", 4) != 4) printf("note faults map sixteen pages\n");
  close(setting);
}

static void set_up(int argc, char **argv, void (*reader)(void *)) {
  (void)reader;
  if (argc < 2) fail("no arguments");
  child = argv[1];
  /* One CPU for all, as the emulated machines have. */
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(sched_getcpu(), &set);
  sched_setaffinity(0, sizeof set, &set);
  if (getpid() == 1) map_one_page_a_fault();
}

static void await_line(void) {
  char byte = 0;
  while (byte != '\n' && read(0, &byte, 1) == 1) {}
}

static int64_t least_call(void) {
  return syscall(SYS_getppid);
}

static void make_room(void) {
  sched_yield();
}

static void wait_while(const uint32_t *word, uint32_t value) {
  syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

static void wake_one(const uint32_t *word) {
  syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void (*thread_work)(void *);

static void *begin_thread(void *argument) {
  thread_work(argument);
  return NULL;
}

/* Runs both at once, one of them in a thread of its own. */
static void beside(void (*one)(void *), void *argument, void (*other)(void *), void *other_argument) {
  pthread_t thread;
  thread_work = one;
  if (pthread_create(&thread, NULL, begin_thread, argument) != 0) fail("no thread");
  other(other_argument);
  pthread_join(thread, NULL);
}

static void run_child(void) {
  char *argv[] = {child, NULL}, *environment[] = {NULL};
  pid_t pid;
  int status;
  if (posix_spawn(&pid, child, NULL, NULL, argv, environment) != 0) fail("the child does not start");
  if (waitpid(pid, &status, 0) != pid || status != 0) fail("the child failed");
}

static void *mapped(void *area, size_t bytes) {
  if (area == MAP_FAILED) fail("no map");
  madvise(area, bytes, MADV_NOHUGEPAGE);
  return area;
}

static void *map_zeros(size_t bytes) {
  return mapped(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), bytes);
}

static void *map_content(size_t bytes, int writable) {
  if (content_file < 0) {
    content_file = memfd_create("content", 0);
    if (content_file < 0 || ftruncate(content_file, (off_t)bytes) != 0) fail("no content");
    uint64_t *words = mapped(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, content_file, 0), bytes);
    for (size_t i = 0; i < bytes / sizeof *words; i++) words[i] = i + 1;
    munmap(words, bytes);
  }
  int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  return mapped(mmap(NULL, bytes, protection, writable ? MAP_PRIVATE : MAP_SHARED, content_file, 0), bytes);
}

static void unmap(void *area, size_t bytes) {
  munmap(area, bytes);
}

static void *shared_memory(size_t bytes) {
  return mapped(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), bytes);
}

static pid_t reader_pid;
static void read_ring(void *ring);

static void start_reader(void *ring) {
  fflush(stdout);
  reader_pid = fork();
  if (reader_pid != 0) return;
  read_ring(ring);
  _exit(0);
}

static void end_reader(void) {
  int status;
  waitpid(reader_pid, &status, 0);
}
