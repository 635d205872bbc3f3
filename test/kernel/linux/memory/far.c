/*
 * Random sequences of mappings far from one another, all over the lower half of the address space, and of more memory than 512 GiB
 * at once, with children that change their own copies. The output is the same on every Linux.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "../random.h"
#include "../sequences.h"

enum { PAGE = 4096, FIXED = 7, BIG = 2, COUNT = FIXED + BIG, PIECES = 16, STEPS = 30, CHILD_STEPS = 8, DEPTH_MAX = 2 };

#define FAR (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

/* Nothing lies there natively, wherever Linux puts programs, libraries and stacks. */
static const uint64_t places[FIXED] = {
    0x1002001000, 0x7000000000, 0x100000000000, 0x1800000ff000, 0x2000fffff000, 0x2a0000000000, 0x4000001ff000,
};
static const uint64_t fixed_bytes[FIXED] = {1 << 22, 1 << 16, 0xc0000, 1ul << 38, 1 << 30, 1ul << 39, 1ul << 42};
static const uint64_t big_bytes[BIG] = {1ul << 40, 1ul << 43};

static char *starts[COUNT];
static uint64_t bytes[COUNT];
static int depth;

/* What lies in a mapping: a sum over pages of all its pieces. */
static unsigned look(int which) {
  unsigned total = 0;
  for (int piece = 0; piece < PIECES; piece++) {
    const char *page = starts[which] + bytes[which] / PIECES / PAGE * PAGE * piece;
    for (int i = 0; i < PAGE; i += 512) total = total * 31 + (unsigned char)page[i];
  }
  return total;
}

static void map(int which) {
  uint64_t size = which < FIXED ? fixed_bytes[which] : big_bytes[which - FIXED];
  void *wanted = which < FIXED ? (void *)places[which] : NULL;
  int flags = FAR | (which < FIXED ? below(2) ? MAP_FIXED : MAP_FIXED_NOREPLACE : 0);
  char *start = mmap(wanted, size, PROT_READ | PROT_WRITE, flags, -1, 0);
  int error = start == MAP_FAILED ? errno : 0;
  printf("map %d: %d%s\n", which, error, wanted && !error && start != wanted ? ", elsewhere" : "");
  if (error) return;
  starts[which] = start;
  bytes[which] = size;
}

static void unmap(int which) {
  printf("unmap %d: %d\n", which, munmap(starts[which], bytes[which]));
  starts[which] = NULL;
}

/* Linux writes, and the program. */
static void change(int which) {
  char *page = starts[which] + bytes[which] / PIECES / PAGE * PAGE * below(PIECES);
  page[below(8) * 512] = below(256);
  int pipes[2];
  pipe(pipes);
  char text[16];
  int length = sprintf(text, "%d", below(10000));
  write(pipes[1], text, length);
  printf("read into %d: %ld\n", which, read(pipes[0], page + 512 * below(7), sizeof text));
  close(pipes[0]);
  close(pipes[1]);
}

static void protect(int which) {
  int is_readable = below(3) > 0;
  char *start = starts[which];
  int result = mprotect(start, bytes[which], is_readable ? PROT_READ : PROT_NONE);
  int pipes[2];
  pipe(pipes);
  long written = write(pipes[1], start, 8);
  printf("protect %d: %d, write %ld %d\n", which, result, written, written < 0 ? errno : 0);
  close(pipes[0]);
  close(pipes[1]);
  mprotect(start, bytes[which], PROT_READ | PROT_WRITE);
}

/* Of what /proc/self/maps lists: that it ascends, and each mapping is in it. */
static void list(void) {
  FILE *file = fopen("/proc/self/maps", "r");
  uint64_t last = 0, start, end;
  int found = 0, is_sorted = 1;
  char line[512];
  while (fgets(line, sizeof line, file)) {
    sscanf(line, "%lx-%lx", &start, &end);
    if (start < last) is_sorted = 0;
    last = end;
    for (int which = 0; which < COUNT; which++)
      if (starts[which] && start <= (uint64_t)starts[which] && end >= (uint64_t)starts[which] + bytes[which]) found++;
  }
  fclose(file);
  printf("maps: sorted %d, found %d\n", is_sorted, found);
}

static void steps(int count);

static void fork_one(void) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    depth++;
    steps(CHILD_STEPS);
    fflush(stdout);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  printf("child: %x\n", status);
}

static void steps(int count) {
  for (; count > 0; count--) {
    int which = below(COUNT), what = below(12);
    if (what == 0) list();
    else if (what == 1 && depth < DEPTH_MAX) fork_one();
    else if (!starts[which]) map(which);
    else if (what == 2) unmap(which);
    else if (what == 3 && which < FIXED) map(which);
    else if (what == 4) protect(which);
    else if (what < 9) change(which);
    else printf("look at %d: %08x\n", which, look(which));
  }
  for (int which = 0; which < COUNT; which++)
    if (starts[which]) printf("%d: %08x\n", which, look(which));
}

static int run(uint64_t seed, int is_new) {
  state = seed;
  below(2);
  steps(STEPS);
  fflush(stdout);
  return 0;
}

int main(int argc, char **argv) {
  return sequences(argc, argv, run);
}
