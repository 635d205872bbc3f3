/* More events than wait at most, and what is told of those that are lost; a reader that waits for an event of another process. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char bytes[1 << 20] __attribute__((aligned(8)));

int main(void) {
  char name[] = "/tmp/bd0-notify-XXXXXX";
  mkdir("/tmp", 0777);
  int watcher = inotify_init1(IN_NONBLOCK), many = 17000, counted = 0, lost = 0;
  if (!mkdtemp(name)) return 99;
  inotify_add_watch(watcher, name, IN_ATTRIB);
  for (int i = 0; i < 500; i++) chmod(name, 0700), inotify_add_watch(watcher, name, IN_ATTRIB), i % 2 ? utimensat(AT_FDCWD, name, NULL, 0) : 0;
  printf("alike: %ld bytes\n", (long)read(watcher, bytes, sizeof bytes));
  inotify_add_watch(watcher, name, IN_CREATE | IN_DELETE);
  char file[64];
  sprintf(file, "%s/file", name);
  for (int i = 0; i < many / 2; i++) close(open(file, O_CREAT | O_RDWR, 0600)), unlink(file);
  for (long length; (length = read(watcher, bytes, sizeof bytes)) > 0;)
    for (long at = 0; at < length;) {
      struct inotify_event *event = (struct inotify_event *)(bytes + at);
      counted++;
      if (event->mask == IN_Q_OVERFLOW && event->wd == -1) lost++;
      at += sizeof *event + event->len;
    }
  printf("%d events, lost %d\n", counted, lost);
  fcntl(watcher, F_SETFL, 0);
  if (fork() == 0) {
    for (volatile int i = 0; i < 100000; i++);
    mkdir(file, 0700);
    return 0;
  }
  long length = read(watcher, bytes, sizeof bytes);
  struct inotify_event *event = (struct inotify_event *)bytes;
  printf("%ld bytes: %x %s\n", length, event->mask, event->name);
  wait(NULL);
  rmdir(file), rmdir(name);
  return 0;
}
