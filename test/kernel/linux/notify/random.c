/*
 * Random calls on files that are watched, with the events that they give: inotify(7). What older versions of Linux tell in another
 * order is read whole there, and told watch by watch.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "../sequences.h"
#include "../random.h"

enum { STEPS = 120, FILES = 6, WATCHERS = 2, FIRST = 10, COOKIES = 512 };

static char output[1 << 16];
static int filled, is_ordered;
static int files[FILES], watchers[WATCHERS], poller;
static uint32_t cookies[COOKIES];

static void say(const char *format, ...) {
  va_list list;
  va_start(list, format);
  filled += vsnprintf(output + filled, sizeof output - filled, format, list);
  va_end(list);
}

static void show(void) {
  say("\n");
  if (write(1, output, filled) != filled) _exit(99);
  filled = 0;
}

static long told(long result) {
  if (result < 0) say(" errno %d", errno);
  else say(" %ld", result);
  return result;
}

/* A path of one or two parts, which may be there. */
static const char *path(void) {
  static char paths[4][32];
  static int next;
  char *text = paths[next++ % 4];
  static const char *const parts[] = {"a", "b", "c", "d", "e", "a", "b", "link"};
  strcpy(text, parts[below(8)]);
  if (below(3) == 0) sprintf(text + strlen(text), "/%s", parts[below(7)]);
  return text;
}

static int cookie_number(uint32_t cookie) {
  if (cookie == 0) return 0;
  for (int i = 0; i < COOKIES; i++) {
    if (cookies[i] == 0) cookies[i] = cookie;
    if (cookies[i] == cookie) return i + 1;
  }
  return -1;
}

static void show_event(const struct inotify_event *event) {
  say(" [%d %x %d %u %s]", event->wd, event->mask, cookie_number(event->cookie), event->len, event->len ? event->name : "");
}

static void show_events(char *bytes, long length) {
  for (long at = 0; at < length;) {
    struct inotify_event *event = (struct inotify_event *)(bytes + at);
    show_event(event);
    at += sizeof *event + event->len;
  }
}

/* By their watches: what is between those is not the same in all versions. */
static void show_sorted(char *bytes, long length) {
  int least = -2;
  for (;;) {
    int next = 1 << 30;
    for (long at = 0; at < length;) {
      struct inotify_event *event = (struct inotify_event *)(bytes + at);
      if (event->wd > least && event->wd < next) next = event->wd;
      at += sizeof *event + event->len;
    }
    if (next == 1 << 30) return;
    for (long at = 0; at < length;) {
      struct inotify_event *event = (struct inotify_event *)(bytes + at);
      if (event->wd == next) show_event(event);
      at += sizeof *event + event->len;
    }
    least = next;
  }
}

static void read_events(void) {
  static char bytes[1 << 16] __attribute__((aligned(8)));
  int watcher = watchers[below(WATCHERS)], available = -1;
  struct pollfd polled = {watcher, POLLIN | POLLOUT, 0};
  if (is_ordered) ioctl(watcher, FIONREAD, &available);
  int count = poll(&polled, 1, 0);
  say("read %d bytes, poll %d %x,", available, count, polled.revents);
  struct epoll_event ready[WATCHERS];
  say(" epoll %d,", epoll_wait(poller, ready, WATCHERS, 0));
  long length = read(watcher, bytes, is_ordered && below(2) ? 1 + below(200) : sizeof bytes);
  told(is_ordered ? length : length < 0 ? length : 0);
  if (length > 0) (is_ordered ? show_events : show_sorted)(bytes, length);
}

static uint32_t mask(void) {
  uint32_t bits = below(3) ? IN_ALL_EVENTS : below(1 << 12);
  if (below(12) == 0) bits |= IN_ONESHOT;
  if (below(12) == 0) bits |= IN_ONLYDIR;
  if (below(8) == 0) bits |= IN_MASK_ADD;
  if (below(10) == 0) bits |= IN_MASK_CREATE;
  if (below(8) == 0) bits |= IN_EXCL_UNLINK;
  if (below(8) == 0) bits |= IN_DONT_FOLLOW;
  if (below(60) == 0) bits |= 0x10000;
  return bits;
}

static void watch(void) {
  uint32_t bits = mask();
  const char *name = below(4) ? path() : ".";
  int watcher = below(30) ? watchers[below(WATCHERS)] : files[below(FILES)];
  say("watch %s %x", name, bits);
  told(inotify_add_watch(watcher, name, bits));
}

static void open_file(void) {
  static const int ways[] = {O_RDONLY, O_WRONLY | O_CREAT, O_RDWR | O_CREAT, O_RDWR | O_CREAT | O_EXCL, O_WRONLY | O_CREAT | O_TRUNC};
  int at = below(FILES), flags = ways[below(is_ordered ? 5 : 4)];
  const char *name = path();
  if (files[at] >= 0) close(files[at]);
  int fd = open(name, flags, 0644);
  say("open %s %x in %d", name, flags, at);
  files[at] = fd < 0 ? fd : fcntl(fd, F_DUPFD, FIRST + at);
  told(fd < 0 ? fd : 0);
  if (fd >= 0) close(fd);
}

static void use_file(void) {
  char bytes[64] = "some bytes";
  int at = below(FILES), fd = files[at];
  struct stat status;
  /* What read(2) makes of a directory that was listed to its end, file systems tell differently. */
  int is_directory = fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
  switch (is_directory ? 5 + below(3) : below(8)) {
    case 0: say("read %d", at); told(read(fd, bytes, below(64))); break;
    case 1: say("write %d", at); told(write(fd, bytes, below(12))); break;
    case 2: say("seek %d", at); told(lseek(fd, 0, SEEK_SET)); break;
    case 3: say("truncate %d", at); told(ftruncate(fd, below(3) * 10)); break;
    case 4: say("mode %d", at); told(fchmod(fd, below(2) ? 0644 : 0600)); break;
    case 5: say("close %d", at); told(close(fd)); files[at] = -1; break;
    case 6: say("list %d", at); told(syscall(SYS_getdents64, fd, output + sizeof output / 2, 4096) < 0 ? -1 : 0); break;
    default: {
      struct timespec times[2] = {{below(100), below(2) ? UTIME_OMIT : 5}, {below(100), below(2) ? UTIME_OMIT : 7}};
      say("times %d", at);
      told(futimens(fd, times));
    }
  }
}

static void use_name(void) {
  const char *one = path(), *other = path();
  switch (below(13)) {
    case 0: case 1: say("unlink %s", one); told(unlink(one)); break;
    case 2: say("rmdir %s", one); told(rmdir(one)); break;
    case 3: case 4: say("mkdir %s", one); told(mkdir(one, 0755)); break;
    case 5: case 6: case 7: say("rename %s %s", one, other); told(rename(one, other)); break;
    case 8: say("exchange %s %s", one, other); told(renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE)); break;
    case 9: case 10: say("link %s %s", one, other); told(link(one, other)); break;
    case 11: say("symlink %s", one); told(symlink("a", one)); break;
    default: {
      int way = below(3);
      say("change %s %d", one, way);
      told(way == 0 ? chmod(one, 0755) : way == 1 ? truncate(one, 5) : chown(one, below(2) ? -1 : getuid(), -1));
    }
  }
}

static void step(void) {
  switch (below(10)) {
    case 0: case 1: return watch();
    case 2: case 3: return open_file();
    case 4: case 5: return use_file();
    case 6: case 7: return use_name();
    case 8: {
      if (below(3)) return read_events();
      int number = 1 + below(6);
      say("unwatch %d", number);
      told(inotify_rm_watch(watchers[below(WATCHERS)], number));
      return;
    }
    default: return read_events();
  }
}

static int removed(const char *name, const struct stat *status, int type, struct FTW *walk) {
  (void)status, (void)type, (void)walk;
  return remove(name);
}

static int run(uint64_t seed, int is_new) {
  char name[32];
  is_ordered = is_new;
  state = seed * 2654435761u + 777;
  sprintf(name, "notify%llu", (unsigned long long)seed);
  int start = open(".", O_RDONLY | O_DIRECTORY);
  if (mkdir(name, 0777) < 0 || chdir(name) < 0) return 97;
  poller = epoll_create1(0);
  for (int i = 0; i < WATCHERS; i++) {
    watchers[i] = inotify_init1(IN_NONBLOCK);
    struct epoll_event event = {EPOLLIN | (i ? EPOLLET : 0), {.u32 = i}};
    epoll_ctl(poller, EPOLL_CTL_ADD, watchers[i], &event);
  }
  for (int i = 0; i < FILES; i++) files[i] = -1;
  for (int i = 0; i < STEPS; i++) {
    step();
    show();
  }
  for (int i = 0; i < 8; i++) {
    read_events();
    show();
  }
  for (int i = 0; i < FILES; i++) close(files[i]);
  for (int i = 0; i < WATCHERS; i++) close(watchers[i]);
  if (fchdir(start) < 0) return 95;
  return nftw(name, removed, 16, FTW_DEPTH | FTW_PHYS) == 0 ? 0 : 94;
}

int main(int argc, char **argv) { return sequences(argc, argv, run); }
