/*
 * Makes a random sequence of calls for extended attributes, by the seed in argv[1], and prints what they answer: of files,
 * directories, links and pipes, by path and by descriptor. The output is the same on every Linux whose files have such attributes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "../sequences.h"

#include "../random.h"
#include "../say.h"

enum { STEPS = 60 };

static const char *FILES[] = {"a", "b", "d", "l", "p", "none", "l/", "", "d/x"};
static const char *NAMES[] = {"user.a", "user.b", "user.long-name", "user.", "other.a", "a", "", "system.none", "user.a.b"};
static char long_name[300];

static int order(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static long told(const char *what, long result) {
  if (result < 0) say("%s -> errno %d\n", what, errno);
  else say("%s -> %ld\n", what, result);
  return result;
}

static const char *name(void) {
  unsigned number = below(20);
  if (number == 19) return long_name;
  if (number == 18) return (const char *)1;
  return NAMES[number < 9 ? number : number % 3];
}

/* Names are told in the order of the alphabet: file systems differ in theirs. */
static void say_list(const char *list, long length) {
  const char *names[40];
  int count = 0;
  for (long at = 0; at < length && count < 40; at += strlen(list + at) + 1) names[count++] = list + at;
  qsort(names, count, sizeof *names, order);
  for (int i = 0; i < count; i++) if (strncmp(names[i], "security.", 9)) say("  %s\n", names[i]);
}

static void step(void) {
  static char bytes[70000], list[2000];
  const char *file = FILES[below(9)];
  int kind = below(3), fd = -1;
  if (kind == 2) fd = open(file, below(8) ? O_RDONLY | O_NONBLOCK : O_PATH | O_NOFOLLOW);
  unsigned size = below(9) == 0 ? 65537 : below(50);
  memset(bytes, 'a' + below(26), size);
  switch (below(8)) {
    case 0: case 1: case 2: {
      int flags = below(2) ? 0 : below(4) + 4 * (below(9) == 0);
      const char *key = name(), *from = below(20) ? bytes : (char *)1;
      told("set", kind == 0 ? setxattr(file, key, from, size, flags) : kind == 1 ? lsetxattr(file, key, from, size, flags) : fsetxattr(fd, key, from, size, flags));
      break;
    }
    case 3: case 4: case 5: {
      unsigned room = below(3) ? sizeof bytes : below(40);
      const char *key = name();
      long got = told("get", kind == 0 ? getxattr(file, key, bytes, room) : kind == 1 ? lgetxattr(file, key, bytes, room) : fgetxattr(fd, key, bytes, room));
      if (got > 0 && room) say("  %.*s\n", (int)got, bytes);
      break;
    }
    case 6: {
      long got = kind == 0 ? listxattr(file, list, sizeof list) : kind == 1 ? llistxattr(file, list, sizeof list) : flistxattr(fd, list, sizeof list);
      if (got < 0) told("list", got);
      else say_list(list, got);
      break;
    }
    default: {
      const char *key = name();
      told("remove", kind == 0 ? removexattr(file, key) : kind == 1 ? lremovexattr(file, key) : fremovexattr(fd, key));
    }
  }
  if (fd >= 0) close(fd);
  if (below(20) == 0) told("rename", rename("a", "b")), close(open("a", O_CREAT | O_WRONLY, 0644));
  if (below(20) == 0) unlink("b"), told("link", link("a", "b"));
}

static int run(uint64_t seed, int is_new) {
  char place[40];
  state = seed;
  memset(long_name, 'x', 260);
  memcpy(long_name, "user.", 5);
  sprintf(place, "x%llu", (unsigned long long)seed);
  if (mkdir(place, 0755) || chdir(place)) return 90;
  close(open("a", O_CREAT | O_WRONLY, 0644));
  close(open("b", O_CREAT | O_WRONLY, 0644));
  mkdir("d", 0755);
  symlink("a", "l");
  mkfifo("p", 0644);
  for (int i = 0; i < STEPS; i++) step();
  return 0;
}

int main(int argc, char **argv) { return sequences(argc, argv, run); }
