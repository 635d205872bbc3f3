/* Programs that can lie anywhere map memory below 4 GiB: by hints, at fixed addresses and with MAP_32BIT; also after fork. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "../say.h"

static void *map(uintptr_t hint, size_t size, int flags) {
  return mmap((void *)hint, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

/* Whether /proc/self/maps has a line with an address and a name. */
static int listed(const void *address, const char *name) {
  FILE *maps = fopen("/proc/self/maps", "r");
  char line[4400];
  int found = 0;
  while (fgets(line, sizeof line, maps)) {
    uintptr_t start, end;
    if (sscanf(line, "%lx-%lx", &start, &end) != 2) say("a line without addresses\n");
    if ((uintptr_t)address >= start && (uintptr_t)address < end) found += strstr(line, name) != 0;
  }
  fclose(maps);
  return found;
}

static void look(const char *who, const char *file) {
  pthread_attr_t attributes;
  void *bottom;
  size_t size;
  int local = 0;
  say("%s: attributes %d\n", who, pthread_getattr_np(pthread_self(), &attributes));
  pthread_attr_getstack(&attributes, &bottom, &size);
  say("stack: %d\n", (char *)&local >= (char *)bottom && (char *)&local < (char *)bottom + size);
  void *heap = malloc(100);
  say("listed: %d %d %d %d\n", listed(&local, "[stack]"), listed(heap, "[heap]"), listed((void *)look, file),
      listed((void *)0x50000000, "rw-p"));
}

int main(int count, char **arguments) {
  const char *file = strrchr(arguments[0], '/');
  look(count > 1 ? "again" : "at first", file);
  if (count > 1) return 0;
  char *hinted = map(0x50000000, 0x100000, 0);
  say("hint: %p\n", hinted);
  hinted[5] = 'h';
  say("taken: %d\n", map(0x50000000, 0x1000, 0) == (void *)0x50000000);
  char *fixed = map(0x60000000, 0x2000, MAP_FIXED);
  say("fixed: %p\n", fixed);
  fixed[5] = 'f';
  say("no replacing: %d %d\n", map(0x60000000, 0x1000, MAP_FIXED_NOREPLACE) == MAP_FAILED, errno);
  char *low = map(0, 0x10000, MAP_32BIT);
  say("low: %d\n", (uintptr_t)low < 0x80000000u);
  low[5] = 'l';
  look("before fork", file);
  pid_t pid = fork();
  if (pid == 0) {
    look("child", file);
    say("inherited: %c%c%c\n", hinted[5], fixed[5], low[5]);
    hinted[5] = 'c';
    _exit(munmap(fixed, 0x2000) == 0 ? 7 : 8);
  }
  int status;
  waitpid(pid, &status, 0);
  say("parent: %x %c%c%c\n", status, hinted[5], fixed[5], low[5]);
  say("moved: %d\n", mremap(hinted, 0x100000, 0x200000, 0) == hinted);
  execl("/proc/self/exe", file, "again", (char *)0);
  return 1;
}
