/*
 * Random calls on files, by the seed in argv[1], with what they answer: descriptors, names, links, directories, pipes and locks,
 * in an empty directory. What file systems may do as they please is left out: sizes and links of directories, blocks, times
 * that were not set, the order of entries.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include "../sequences.h"
#include "../random.h"

enum { STEPS = 150, FDS = 12, BYTES = 20000 };

static char output[1 << 16];
static int filled;

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

static long told(const char *what, long result) {
  if (result < 0) say("%s -> errno %d", what, errno);
  else say("%s -> %ld", what, result);
  return result;
}

static unsigned char bytes[BYTES];

static unsigned sum(long length) {
  unsigned total = 0;
  for (long i = 0; i < length; i++) total = total * 31 + bytes[i];
  return total;
}

static void fill_bytes(long length) {
  for (long i = 0; i < length; i++) bytes[i] = below(256);
}

/* A path of up to three parts, which may be there. */
static const char *path(void) {
  static char paths[4][64];
  static int next;
  char *text = paths[next++ % 4];
  static const char *const parts[] = {"a", "b", "c", "d", "e", "link", "..", ".", "fifo", "a", "b", "c"};
  int count = 1 + (below(3) == 0) + (below(8) == 0);
  *text = 0;
  for (int i = 0; i < count; i++) {
    const char *part = parts[below(12)];
    /* Never out of the directory: the way up comes after a way down only. */
    if (!strcmp(part, "..") && (i == 0 || strstr(text, "..") || strstr(text, "link") || *text == '.')) part = "a";
    if (i > 0) strcat(text, "/");
    strcat(text, part);
  }
  if (below(25) == 0) strcat(text, "/");
  if (below(120) == 0) *text = 0;
  return text;
}

static int fd_there(void) {
  for (int tries = 0; tries < 8; tries++) {
    int fd = 3 + below(FDS);
    if (fcntl(fd, F_GETFD) >= 0) return fd;
  }
  return 3 + below(FDS);
}

static int base;

/* Where a relative path begins: the directory, or a descriptor. */
static int from(void) { return below(4) ? AT_FDCWD : below(2) ? base : fd_there(); }

static void say_status(const struct stat *status) {
  say(" %o", status->st_mode);
  if (!S_ISDIR(status->st_mode)) say(" links %ld size %ld", (long)status->st_nlink, (long)status->st_size);
  if (status->st_atim.tv_sec == 777777 && S_ISREG(status->st_mode)) say(" atime %ld", status->st_atim.tv_nsec);
}

static void do_open(void) {
  static const int FLAGS[] = {O_CREAT, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY, O_NOFOLLOW, O_CLOEXEC, O_PATH};
  int flags = below(3) | O_NONBLOCK;
  for (int i = 0; i < 9; i++)
    if (below(i < 2 ? 2 : 6) == 0) flags |= FLAGS[i];
  if (below(40) == 0) flags = O_TMPFILE | O_RDWR;
  /* Both answer something, but which of them is up to the kernel's version. */
  if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY)) flags &= ~O_DIRECTORY;
  const char *name = path();
  mode_t mode = 0700 | below(512);
  if (flags & O_TMPFILE) name = ".";
  int fd = told("openat", openat(from(), name, flags, mode));
  say(" %s %x %o", name, flags, mode);
  if (fd >= 3 + FDS) close(fd), say(" closed");
}

static void do_transfer(void) {
  int fd = fd_there();
  long length = below(4) ? below(200) : below(BYTES);
  struct iovec parts[3] = {{bytes, length / 3}, {bytes + length / 3, 0}, {bytes + length / 3, length - length / 3}};
  struct pollfd can = {fd, POLLIN | POLLOUT, 0};
  if (poll(&can, 1, 0) == 0) {
    say("%d is not ready", fd);
    return;
  }
  say("%d %x ", fd, can.revents);
  long at = below(5000), result;
  switch (below(8)) {
    case 0: result = told("read", read(fd, bytes, length)); break;
    case 1: result = told("readv", readv(fd, parts, 3)); break;
    case 2: result = told("pread", pread(fd, bytes, length, at)); break;
    case 3: fill_bytes(length); told("writev", writev(fd, parts, 3)); return;
    case 4: fill_bytes(length); told("pwrite", pwrite(fd, bytes, length, at)); return;
    case 5: result = told("read at 8", read(fd, (void *)8, length)); return;
    default: fill_bytes(length); told("write", write(fd, bytes, length)); return;
  }
  struct stat status;
  if (result > 0 && fstat(fd, &status) == 0) say(" sum %u", sum(result));
}

static void do_position(void) {
  static const int WHENCE[] = {SEEK_SET, SEEK_CUR, SEEK_END, SEEK_END, SEEK_SET, 9};
  int fd = fd_there();
  struct stat status;
  if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) return;
  long offset = (long)below(6000) - 500;
  switch (below(5)) {
    case 0: told("ftruncate", ftruncate(fd, offset)); break;
    case 1: told("fallocate", fallocate(fd, below(2) ? 0 : FALLOC_FL_KEEP_SIZE, below(1000), below(3000))); break;
    default: told("lseek", lseek(fd, offset, WHENCE[below(6)]));
  }
  say(" %d %ld", fd, offset);
}

static void do_descriptor(void) {
  int fd = fd_there(), other = 3 + below(FDS), made = -1;
  switch (below(10)) {
    case 0: made = told("dup", dup(fd)); break;
    case 1: told("dup2", dup2(fd, other)); break;
    case 2: told("dup3", dup3(fd, other, below(3) ? O_CLOEXEC : below(8))); break;
    case 3: made = told("F_DUPFD", fcntl(fd, below(2) ? F_DUPFD : F_DUPFD_CLOEXEC, (int)below(FDS))); break;
    case 4: told("F_GETFL", fcntl(fd, F_GETFL)); break;
    case 5: told("F_SETFL", fcntl(fd, F_SETFL, below(2) ? O_NONBLOCK : O_NONBLOCK | O_APPEND)); break;
    case 6: told("F_GETFD", fcntl(fd, F_GETFD)); break;
    case 7: told("F_SETFD", fcntl(fd, F_SETFD, (int)below(3))); break;
    case 8: {
      struct stat status;
      if (told("fstat", fstat(fd, &status)) == 0) say_status(&status);
      break;
    }
    default: told("close", close(fd));
  }
  say(" %d %d", fd, other);
  if (made >= 3 + FDS) close(made), say(" closed");
}

static void do_names(void) {
  const char *one = path(), *two = path();
  mode_t mode = 0700 | below(512);
  switch (below(15)) {
    case 0: case 1: told("mkdir", mkdirat(from(), one, mode)); break;
    case 2: told("rmdir", rmdir(one)); break;
    case 3: case 4: told("unlinkat", unlinkat(from(), one, below(3) ? 0 : AT_REMOVEDIR)); break;
    case 5: case 6: told("rename", renameat(from(), one, from(), two)); break;
    case 7: told("renameat2", renameat2(from(), one, from(), two, below(4))); break;
    case 8: case 9: told("link", linkat(from(), one, from(), two, below(3) ? 0 : AT_SYMLINK_FOLLOW)); break;
    case 10: case 11: told("symlink", symlinkat(one, from(), two)); break;
    case 12: told("mkfifo", mkfifoat(from(), "fifo", mode)); break;
    case 13: told("chmod", chmod(one, mode)); break;
    default: told("truncate", truncate(one, (long)below(9000) - 100));
  }
  say(" %s %s", one, two);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void list(const char *name) {
  DIR *directory = opendir(name);
  char *names[64];
  int count = 0;
  if (!directory) {
    say("opendir %s -> errno %d", name, errno);
    return;
  }
  for (struct dirent *entry; (entry = readdir(directory)) && count < 64;)
    if (asprintf(&names[count++], "%s/%d", entry->d_name, entry->d_type) < 0) _exit(98);
  qsort(names, count, sizeof *names, by_name);
  say("list %s", name);
  for (int i = 0; i < count; i++) say(" %s", names[i]), free(names[i]);
  closedir(directory);
}

static void do_look(void) {
  const char *name = path();
  struct stat status;
  char target[100];
  switch (below(8)) {
    case 0: case 1:
      if (told("fstatat", fstatat(from(), name, &status, below(2) ? AT_SYMLINK_NOFOLLOW : 0)) == 0) say_status(&status);
      break;
    case 2: {
      long length = told("readlink", readlinkat(from(), name, target, 1 + below(99)));
      if (length > 0) say(" %.*s", (int)length, target);
      break;
    }
    case 3: told("access", faccessat(from(), name, below(3) ? F_OK : W_OK | R_OK, 0)); break;
    case 4: {
      struct timespec times[2] = {{777777, below(1000)}, {888888, 5}};
      if (below(4) == 0) times[below(2)].tv_nsec = below(2) ? UTIME_OMIT : 2000000000;
      told("utimensat", utimensat(from(), name, times, below(2) ? AT_SYMLINK_NOFOLLOW : 0));
      break;
    }
    case 5: list(name); return;
    case 6: {
      struct statx more;
      if (told("statx", syscall(SYS_statx, from(), name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &more)) == 0)
        say(" %o %d", more.stx_mode, S_ISDIR(more.stx_mode) ? 0 : (int)more.stx_size);
      break;
    }
    default: told("umask", umask(below(64)));
  }
  say(" %s", name);
}

static void do_between(void) {
  int one = fd_there(), two = fd_there();
  loff_t from_at = below(3000), to_at = below(3000);
  struct pollfd can[2] = {{one, POLLIN, 0}, {two, POLLOUT, 0}};
  if (poll(can, 2, 0) < 2) return;
  long length = below(2000);
  struct stat in, out;
  /* Where a file is copied to itself, what comes of it depends on how. */
  int is_same = fstat(one, &in) < 0 || fstat(two, &out) < 0 || in.st_ino == out.st_ino;
  switch (below(5)) {
    case 0: if (is_same) return; told("sendfile", sendfile(two, one, below(2) ? &from_at : NULL, length)); break;
    case 1: told("copy_file_range", copy_file_range(one, below(2) ? &from_at : NULL, two, below(2) ? &to_at : NULL, length, 0)); break;
    case 2: told("flock", flock(one, (below(2) ? LOCK_EX : below(2) ? LOCK_SH : LOCK_UN) | LOCK_NB)); break;
    case 3: {
      int sizes[2] = {0, 0};
      if (told("FIONREAD", ioctl(one, FIONREAD, sizes)) == 0) say(" %d", sizes[0]);
      break;
    }
    default: told("fsync", fsync(one));
  }
  say(" %d %d at %ld %ld", one, two, (long)from_at, (long)to_at);
}

/* A record lock of this process, and how a child finds it. */
static void do_lock(void) {
  int fd = fd_there();
  struct flock lock = {.l_type = below(3), .l_whence = below(3), .l_start = below(60), .l_len = (long)below(30) - 5};
  told("F_SETLK", fcntl(fd, F_SETLK, &lock));
  say(" %d type %d whence %d %ld+%ld", fd, lock.l_type, lock.l_whence, (long)lock.l_start, (long)lock.l_len);
  struct flock other = {.l_type = below(2) ? F_WRLCK : F_RDLCK, .l_start = below(60), .l_len = below(30)};
  show();
  pid_t child = fork();
  if (child == 0) {
    if (told("F_GETLK", fcntl(fd, F_GETLK, &other)) == 0)
      say(" type %d %ld+%ld %d", other.l_type, (long)other.l_start, (long)other.l_len, other.l_type == F_UNLCK || other.l_pid == getppid());
    show();
    _exit(0);
  }
  waitpid(child, NULL, 0);
}

static void do_place(void) {
  char here[256];
  switch (below(6)) {
    case 0: told("chdir", chdir(below(2) ? "a" : "b")); break;
    case 1: told("fchdir", fchdir(base)); break;
    case 2: {
      int ends[2];
      if (told("pipe2", pipe2(ends, O_NONBLOCK)) < 0) break;
      for (int i = 0; i < 2; i++)
        if (ends[i] >= 3 + FDS) close(ends[i]);
      break;
    }
    case 3: told("chroot to none", chroot("none")); break;
    case 4: told("close_range", close_range(10, 12, 0)); break;
    default: {
      told("chdir", fchdir(base));
      if (getcwd(here, sizeof here)) say(" %d", *here == '/');
    }
  }
}

static void step(void) {
  switch (below(12)) {
    case 0: case 1: case 2: return do_open();
    case 3: case 4: return do_transfer();
    case 5: return do_position();
    case 6: return do_descriptor();
    case 7: case 8: return do_names();
    case 9: return do_look();
    case 10: return below(2) ? do_between() : do_place();
    default: return below(3) ? do_look() : do_lock();
  }
}

static int removed(const char *name, const struct stat *status, int type, struct FTW *walk) {
  (void)status, (void)type, (void)walk;
  return remove(name);
}

static int run(uint64_t seed, int is_new) {
  char name[32];
  (void)is_new;
  state = seed * 2654435761u + 12345;
  umask(022);
  sprintf(name, "files%llu", (unsigned long long)seed);
  int start = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  fcntl(start, F_DUPFD_CLOEXEC, 100);
  close(start);
  /* One directory in another: what is above it is the same everywhere. */
  if (mkdir(name, 0777) < 0 || chdir(name) < 0 || mkdir("in", 0755) < 0 || chdir("in") < 0) return 97;
  start = open(".", O_RDONLY | O_DIRECTORY);
  base = fcntl(start, F_DUPFD_CLOEXEC, 90);
  close(start);
  /* What a pipe without readers does is not to end it. */
  signal(SIGPIPE, SIG_IGN);
  for (int i = 0; i < STEPS; i++) {
    step();
    show();
  }
  if (fchdir(base) < 0) return 96;
  list(".");
  show();
  if (fchdir(100) < 0) return 95;
  return nftw(name, removed, 16, FTW_DEPTH | FTW_PHYS) == 0 ? 0 : 94;
}

int main(int argc, char **argv) { return sequences(argc, argv, run); }
