/*
 * Makes a random sequence of calls on memory, by the seed in argv[1], and prints what it sees: files and memory that are mapped
 * shared or private, written through memory and through descriptors, lengthened, cut, moved, protected, and inherited by children
 * that do the same. The output is the same on every Linux.
 *
 * Left out is what Linux leaves open: what a private mapping shows of a file that others change, and bytes that are written behind
 * the end of a file in its last page.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../sequences.h"

#include "../random.h"
#include "../say.h"

enum { PAGE = 4096, SLOTS = 6, FILES = 3, STEPS = 40, CHILD_STEPS = 12, DEPTH_MAX = 2, PAGES_MAX = 6, FILE_PAGES_MAX = 7 };

struct slot {
  unsigned char *start;
  size_t length;
  int file; /* -1: of no file */
  off_t offset;
  int is_shared;
  int is_writable;
};

static struct slot slots[SLOTS];
static int files[FILES];
static int depth;
static sigjmp_buf escape;
static volatile int caught;

static void fault(int signal, siginfo_t *info, void *context) {
  caught = signal * 10 + info->si_code;
  siglongjmp(escape, 1);
}

static uint32_t hash(uint32_t sum, const unsigned char *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) sum = (sum ^ bytes[i]) * 16777619u;
  return sum;
}

static off_t size_of(int file) {
  struct stat status;
  fstat(files[file], &status);
  return status.st_size;
}

/* What is in a slot, page by page; the fault where a page cannot be read. */
static void look(const struct slot *slot) {
  say(" [");
  for (size_t at = 0; at < slot->length; at += PAGE) {
    if (sigsetjmp(escape, 1) == 0) say("%s%x", at ? " " : "", hash(1, slot->start + at, PAGE));
    else say("%s!%d", at ? " " : "", caught);
  }
  say("]");
}

static void store(struct slot *slot) {
  size_t at = below(slot->length);
  size_t length = 1 + below(below(4) ? 40 : 2 * PAGE);
  if (slot->file >= 0) {
    off_t end = size_of(slot->file) - slot->offset;
    /* In pages that the file does not reach, a store is a fault; in its last one it must not go behind its end. */
    if ((off_t)at >= end && at / PAGE * PAGE < (size_t)(end > 0 ? end : 0)) at = 0;
    if (end > 0 && (off_t)at < end && (off_t)(at + length) > end) length = end - at;
  }
  if (at + length > slot->length) length = slot->length - at;
  unsigned char value = below(256);
  if (sigsetjmp(escape, 1) == 0) {
    for (size_t i = 0; i < length; i++) ((volatile unsigned char *)slot->start)[at + i] = value + i;
    say(" stored");
  } else say(" !%d", caught);
}

static struct slot *free_slot(void) {
  for (int i = 0; i < SLOTS; i++)
    if (!slots[i].start) return &slots[i];
  return NULL;
}

static struct slot *used_slot(void) {
  int first = below(SLOTS);
  for (int i = 0; i < SLOTS; i++)
    if (slots[(first + i) % SLOTS].start) return &slots[(first + i) % SLOTS];
  return NULL;
}

static void map(void) {
  struct slot *slot = free_slot();
  if (!slot) return;
  struct slot made = {0};
  made.length = (1 + below(PAGES_MAX)) * PAGE;
  made.file = below(3) ? (int)below(FILES) : -1;
  made.offset = made.file < 0 ? 0 : (off_t)below(4) * PAGE;
  made.is_shared = made.file >= 0 || below(3) > 0;
  made.is_writable = below(5) > 0;
  int flags = (made.is_shared ? MAP_SHARED : MAP_PRIVATE) | (made.file < 0 ? MAP_ANONYMOUS : 0);
  int descriptor = made.file < 0 ? -1 : files[made.file];
  made.start = mmap(NULL, made.length, PROT_READ | (made.is_writable ? PROT_WRITE : 0), flags, descriptor, made.offset);
  say(" file %d, %zu bytes from %ld, %d %d: %d", made.file, made.length, (long)made.offset, made.is_shared, made.is_writable,
      made.start == MAP_FAILED ? errno : 0);
  if (made.start != MAP_FAILED) *slot = made;
}

static void look_privately(void) {
  int file = below(FILES);
  unsigned char *start = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, files[file], below(2) * PAGE);
  struct slot slot = {start, 4 * PAGE, file, 0, 0, 1};
  look(&slot);
  if (sigsetjmp(escape, 1) == 0) start[below(PAGE)] = 7;
  look(&slot);
  munmap(start, 4 * PAGE);
}

static void unmap(struct slot *slot) {
  size_t pages = slot->length / PAGE;
  size_t count = below(2) ? pages : 1 + below(pages);
  int from_start = below(2);
  say(" %zu of %zu: %d", count, pages, munmap(from_start ? slot->start : slot->start + (pages - count) * PAGE, count * PAGE));
  if (from_start) {
    slot->start += count * PAGE;
    slot->offset += count * PAGE;
  }
  slot->length -= count * PAGE;
  if (slot->length == 0) slot->start = NULL;
}

static void move(struct slot *slot) {
  size_t length = (1 + below(PAGES_MAX)) * PAGE;
  unsigned char *to = mremap(slot->start, slot->length, length, MREMAP_MAYMOVE);
  say(" %zu to %zu: %d", slot->length, length, to == MAP_FAILED ? errno : 0);
  if (to == MAP_FAILED) return;
  slot->start = to;
  slot->length = length;
}

static void write_file(int file) {
  unsigned char bytes[3 * PAGE];
  size_t length = 1 + below(below(3) ? 100 : sizeof bytes);
  off_t at = below(4) ? (off_t)below(FILE_PAGES_MAX * PAGE) : size_of(file);
  if (at + (off_t)length > FILE_PAGES_MAX * PAGE) return;
  unsigned char value = below(256);
  for (size_t i = 0; i < length; i++) bytes[i] = value + i * 3;
  say(" %zu bytes at %ld: %zd", length, (long)at, pwrite(files[file], bytes, length, at));
}

static void read_file(int file) {
  static unsigned char bytes[FILE_PAGES_MAX * PAGE + 1];
  ssize_t length = pread(files[file], bytes, sizeof bytes, 0);
  say(" %zd bytes, %x, size %ld", length, hash(1, bytes, length), (long)size_of(file));
}

static void steps(int count);

static void child(void) {
  if (depth >= DEPTH_MAX) return;
  uint64_t seed = below(1 << 30);
  pid_t pid = fork();
  if (pid == 0) {
    depth++;
    state = seed;
    steps(CHILD_STEPS);
    _exit(below(100));
  }
  int status;
  waitpid(pid, &status, 0);
  say(" child: %d", WEXITSTATUS(status));
}

static void step(void) {
  struct slot *slot = used_slot();
  int file = below(FILES);
  switch (below(16)) {
    case 0: case 1: say("map"); map(); break;
    case 2: case 3: case 4: say("store"); if (slot) store(slot); break;
    case 5: case 6: say("look"); if (slot) look(slot); break;
    case 7: say("write"); write_file(file); break;
    case 8: say("read"); read_file(file); break;
    case 9: {
      off_t size = below(FILE_PAGES_MAX * PAGE);
      if (below(2)) size -= size % PAGE;
      say("truncate %ld: %d", (long)size, ftruncate(files[file], size));
      break;
    }
    case 10: say("unmap"); if (slot) unmap(slot); break;
    case 11: say("move"); if (slot) move(slot); break;
    case 12:
      if (!slot) break;
      slot->is_writable = below(3) > 0;
      say("protect %d: %d", slot->is_writable, mprotect(slot->start, slot->length, PROT_READ | (slot->is_writable ? PROT_WRITE : 0)));
      break;
    case 13: say("private"); look_privately(); break;
    case 14: if (slot) say("advice: %d, sync: %d", madvise(slot->start, slot->length, MADV_DONTNEED), msync(slot->start, slot->length, MS_SYNC)); break;
    case 15: say("fork\n"); child(); break;
  }
  say("\n");
}

static void steps(int count) {
  for (int i = 0; i < count; i++) {
    for (int d = 0; d < depth; d++) say("  ");
    step();
  }
}

static int run(uint64_t seed, int is_new) {
  state = seed * 2654435761u + 1;
  struct sigaction action = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO};
  sigaction(SIGBUS, &action, NULL);
  sigaction(SIGSEGV, &action, NULL);
  for (int i = 0; i < FILES; i++) {
    char name[8] = "file ";
    name[4] = '0' + i;
    /* The last one is memory. */
    files[i] = i == FILES - 1 ? memfd_create("file", 0) : open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
    write_file(i);
  }
  say("\n");
  steps(STEPS);
  for (int i = 0; i < FILES; i++) read_file(i);
  say("\n");
  for (int i = 0; i < SLOTS; i++)
    if (slots[i].start) munmap(slots[i].start, slots[i].length);
  for (int i = 0; i < FILES; i++) read_file(i);
  say("\n");
  return 0;
}

int main(int argc, char **argv) { return sequences(argc, argv, run); }
