/*
 * Directories that are removed while somebody has something open that lay in them, in several ways: what those who watch them are
 * told, and when, and where `..` leads. The output is the same on every Linux.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include "../say.h"

enum way { NOTHING, FILE_OPEN, FILE_MOVED, FILE_REPLACED, DIRECTORY_OPEN, DIRECTORY_CURRENT, DIRECTORY_REPLACED, WAYS };

static int watcher;

static void events_after(const char *what) {
  char bytes[4096] __attribute__((aligned(8)));
  long length = read(watcher, bytes, sizeof bytes);
  say(" %s:", what);
  for (long at = 0; at < length;) {
    struct inotify_event *event = (struct inotify_event *)(bytes + at);
    say(" %d/%x/%s", event->wd, event->mask, event->len ? event->name : "");
    at += sizeof *event + event->len;
  }
  say("\n");
}

static void told(const char *what, long result) { say(" %s %d\n", what, result < 0 ? errno : 0); }

static void remove_around(enum way way, int top) {
  struct stat status;
  int open_one = -1;
  watcher = inotify_init1(IN_NONBLOCK);
  mkdir("a", 0755), mkdir("a/b", 0755), mkdir("a/b/c", 0755), mkdir("other", 0755);
  close(open("a/b/file", O_CREAT | O_WRONLY, 0600));
  close(open("other/file", O_CREAT | O_WRONLY, 0600));
  for (int i = 0; i < 4; i++)
    inotify_add_watch(watcher, ((const char *[]){"a", "a/b", "a/b/c", "other"})[i], IN_ALL_EVENTS & ~(IN_OPEN | IN_ACCESS));
  say("way %d\n", way);
  switch (way) {
    case FILE_OPEN: open_one = open("a/b/file", O_WRONLY); break;
    case FILE_MOVED: open_one = open("other/file", O_WRONLY); rename("other/file", "a/b/file"); break;
    case FILE_REPLACED: open_one = open("a/b/file", O_WRONLY); rename("other/file", "a/b/file"); break;
    case DIRECTORY_OPEN: open_one = open("a/b/c", O_RDONLY | O_DIRECTORY); break;
    case DIRECTORY_REPLACED: open_one = open("a/b/c", O_RDONLY | O_DIRECTORY); mkdir("d", 0755); rename("d", "a/b/c"); break;
    case DIRECTORY_CURRENT: chdir("a/b/c"); break;
    default: break;
  }
  unlinkat(top, "a/b/file", 0);
  unlinkat(top, "other/file", 0);
  events_after("unlinked");
  for (int i = 0; i < 4; i++) told("rmdir", unlinkat(top, ((const char *[]){"a/b/c", "a/b", "a", "other"})[i], AT_REMOVEDIR));
  events_after("removed");
  if (way >= DIRECTORY_OPEN) {
    if (open_one >= 0) told("fchdir", fchdir(open_one));
    told("stat", stat("..", &status));
    told("stat", stat("../..", &status));
    told("make", open("../new", O_CREAT | O_WRONLY, 0600));
    told("up", stat("../../..", &status));
    told("back", fchdir(top));
    events_after("gone back");
  }
  if (open_one >= 0) close(open_one);
  events_after("closed");
  close(watcher);
}

/* A directory in many others, all of which are removed while it is the current one. */
static void remove_many(int top) {
  enum { DEPTH = 1500 };
  mkdir("deep", 0755), chdir("deep");
  for (int i = 0; i < DEPTH; i++) mkdir("d", 0755), chdir("d");
  int fd = open(".", O_RDONLY | O_DIRECTORY), removed = 0;
  for (int i = 0; i < DEPTH; i++) {
    chdir("..");
    removed += rmdir("d") == 0;
  }
  fchdir(top);
  say("%d removed, last %d,", removed, rmdir("deep"));
  fchdir(fd);
  int steps = 0;
  struct stat status, root;
  for (stat("/", &root); steps < 2 * DEPTH && chdir("..") == 0 && stat("d", &status) < 0; steps++)
    if (stat(".", &status) == 0 && status.st_nlink > 0) break;
  say(" %d steps up\n", steps);
  fchdir(top);
  close(fd);
}

int main(void) {
  char directory[] = "/tmp/bd0-removed-XXXXXX";
  mkdir("/tmp", 0777);
  if (!mkdtemp(directory) || chdir(directory)) return 98;
  int top = open(".", O_RDONLY | O_DIRECTORY);
  for (enum way way = NOTHING; way < WAYS; way++) remove_around(way, top);
  remove_many(top);
  chdir("/");
  return rmdir(directory) ? 97 : 0;
}
