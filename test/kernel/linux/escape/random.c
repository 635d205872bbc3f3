/*
 * Tries to read a secret that lies outside of its root or is hidden in it, by the seed in argv[1]: by random paths of symbolic and
 * hard links, `..`, /proc and descriptors, with directories that are renamed while they are open and roots that it changes. argv[2]
 * is the secret, and argv[3] the path of its directory. Prints `leak` where it finds the secret.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../random.h"

enum { STEPS = 400, OPEN_MAX_HERE = 8 };

static const char *secret, *place;
static int opened[OPEN_MAX_HERE];

static const char *part(void) {
  static char text[32];
  static const char *const PARTS[] = {"a", "b", "c", "..", "..", "..", ".", "outside", "hidden", "secret", "proc/self/root",
                                      "proc/self/cwd", "proc/1/root", "proc/self/exe", "dev/stdin", "d"};
  unsigned which = below(sizeof PARTS / sizeof *PARTS + 2);
  if (which < sizeof PARTS / sizeof *PARTS) return PARTS[which];
  snprintf(text, sizeof text, "proc/self/fd/%d", opened[below(OPEN_MAX_HERE)]);
  return text;
}

static char *path(char *text, size_t size) {
  int length = snprintf(text, size, "%s", below(3) ? "" : below(3) ? "/" : place);
  for (int count = 1 + below(6); count > 0; count--)
    length += snprintf(text + length, size - length, "%s%s", length && text[length - 1] != '/' ? "/" : "", part());
  return text;
}

static void look(int file) {
  char bytes[256];
  ssize_t length = pread(file, bytes, sizeof bytes - 1, 0);
  if (length > 0) {
    bytes[length] = 0;
    if (strstr(bytes, secret)) puts("leak");
  }
}

int main(int argc, char **argv) {
  state = strtoull(argv[1], NULL, 10) * 2654435761u + 1;
  secret = argv[2];
  place = argv[3];
  for (int i = 0; i < OPEN_MAX_HERE; i++) opened[i] = -1;
  for (int i = 0; i < STEPS; i++) {
    char one[512], other[512];
    path(one, sizeof one);
    path(other, sizeof other);
    int slot = below(OPEN_MAX_HERE);
    int at = below(2) ? AT_FDCWD : opened[below(OPEN_MAX_HERE)];
    switch (below(12)) {
      case 0: case 1: symlinkat(other, at, one); break;
      case 2: renameat(at, one, AT_FDCWD, other); break;
      case 3: linkat(at, one, AT_FDCWD, other, below(2) ? AT_SYMLINK_FOLLOW : 0); break;
      case 4: mkdirat(at, one, 0755); break;
      case 5: chdir(one); break;
      case 6: if (below(4) == 0) chroot(one); break;
      case 7: case 8: {
        int file = openat(at, one, O_RDONLY | (below(3) ? 0 : O_DIRECTORY));
        if (file < 0) break;
        if (opened[slot] >= 0) close(opened[slot]);
        opened[slot] = file;
        look(file);
        break;
      }
      case 9: fchdir(opened[slot]); break;
      case 10: {
        int file = openat(at, "secret", O_RDONLY);
        if (file >= 0) look(file), close(file);
        break;
      }
      case 11: {
        DIR *directory = opendir(one);
        for (struct dirent *entry; directory && (entry = readdir(directory));) {
          int file = openat(dirfd(directory), entry->d_name, O_RDONLY);
          if (file >= 0) look(file), close(file);
        }
        if (directory) closedir(directory);
        break;
      }
    }
  }
  return 0;
}
