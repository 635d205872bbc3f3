/* Calls on files with what they answer, in the directory that argv[1] names. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int line;
#define SAY(call)                                                                                                      \
  do {                                                                                                                 \
    errno = 0;                                                                                                         \
    long result = (long)(call);                                                                                        \
    printf("%d %s = %ld%s%s\n", ++line, #call, result, result < 0 ? " " : "", result < 0 ? strerrorname_np(errno) : ""); \
  } while (0)

static char buffer[100000];

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void list(const char *path) {
  DIR *directory = opendir(path);
  char *names[100];
  int count = 0;
  for (struct dirent *entry; (entry = readdir(directory));) {
    names[count] = malloc(300);
    sprintf(names[count++], "%s/%d", entry->d_name, entry->d_type);
  }
  closedir(directory);
  qsort(names, count, sizeof *names, by_name);
  for (int i = 0; i < count; i++) printf(" %s", names[i]);
  printf("\n");
}

static void show(const char *path) {
  struct stat s;
  if (lstat(path, &s) < 0) {
    printf(" %s %s\n", path, strerrorname_np(errno));
    return;
  }
  printf(" %s %o %ld %ld\n", path, s.st_mode, S_ISDIR(s.st_mode) ? 0 : (long)s.st_nlink, S_ISDIR(s.st_mode) ? 0 : (long)s.st_size);
}

static void descriptors(void) {
  int fd;
  SAY(fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0644));
  SAY(write(fd, "hello world", 11));
  SAY(lseek(fd, 0, SEEK_CUR));
  SAY(pread(fd, buffer, 5, 6));
  SAY(pwrite(fd, "W", 1, 6));
  SAY(lseek(fd, -5, SEEK_END));
  int copy;
  SAY(copy = dup(fd));
  SAY(read(copy, buffer, 2));
  SAY(lseek(fd, 0, SEEK_CUR));
  SAY(fcntl(fd, F_GETFL));
  SAY(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK));
  SAY(fcntl(copy, F_GETFL));
  SAY(write(fd, "!", 1));
  SAY(lseek(fd, 0, SEEK_CUR));
  SAY(fcntl(fd, F_DUPFD, 100));
  SAY(fcntl(100, F_GETFD));
  SAY(fcntl(100, F_DUPFD_CLOEXEC, 3));
  SAY(dup2(fd, 50));
  SAY(dup2(fd, fd));
  SAY(dup2(77, fd));
  SAY(dup3(fd, fd, 0));
  SAY(dup2(fd, 2000000000));
  SAY(close_range(50, 100, 0));
  SAY(close(100));
  SAY(ftruncate(fd, 3));
  SAY(lseek(fd, 0, SEEK_END));
  SAY(ftruncate(fd, -1));
  SAY(fallocate(fd, 0, 0, 5000));
  SAY(lseek(fd, 4, SEEK_SET));
  SAY(ioctl(fd, FIONREAD, buffer));
  printf(" %d\n", *(int *)buffer);
  SAY(read(fd, (void *)8, 10));
  SAY(write(fd, (void *)8, 10));
  SAY(read(fd, buffer, 0));
  SAY(lseek(fd, -1, SEEK_SET));
  SAY(lseek(fd, 0, 99));
  SAY(read(99, buffer, 1));
  SAY(fsync(fd));
  struct iovec parts[3] = {{buffer, 3}, {buffer + 50, 0}, {buffer + 60, 10}};
  SAY(readv(fd, parts, 3));
  SAY(writev(fd, parts, -1));
  SAY(writev(fd, parts, 3));
  int readonly;
  SAY(readonly = open("file", O_RDONLY));
  SAY(write(readonly, "x", 1));
  SAY(ftruncate(readonly, 1));
  SAY(sendfile(fd, readonly, 0, 10));
  SAY(fcntl(fd, F_SETFL, 0));
  SAY(sendfile(fd, readonly, 0, 10));
  off_t offset = 2;
  SAY(copy_file_range(readonly, &offset, fd, 0, 5, 0));
  printf(" %ld\n", (long)offset);
  void *map;
  map = mmap(0, 4096, PROT_READ, MAP_PRIVATE, readonly, 0);
  printf(" mapped %d %.3s\n", map != MAP_FAILED, (char *)map);
  SAY(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, readonly, 0) == MAP_FAILED ? -1 : 0);
  SAY(flock(fd, LOCK_EX | LOCK_NB));
  SAY(flock(readonly, LOCK_SH | LOCK_NB));
  SAY(flock(fd, LOCK_UN));
  SAY(flock(readonly, LOCK_SH | LOCK_NB));
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5};
  SAY(fcntl(fd, F_SETLK, &lock));
  SAY(fcntl(readonly, F_SETLK, &lock));
  if (fork() == 0) {
    struct flock other = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0};
    SAY(fcntl(fd, F_SETLK, &other));
    SAY(fcntl(fd, F_GETLK, &other));
    printf(" %d %ld %ld %d\n", other.l_type, (long)other.l_start, (long)other.l_len, other.l_pid == getppid());
    fflush(stdout);
    _exit(0);
  }
  wait(0);
  close(fd), close(copy), close(readonly);
  SAY(close(fd));
}

static void paths(void) {
  SAY(mkdir("d", 0777));
  SAY(mkdir("d", 0777));
  SAY(mkdir("d/e/f", 0777));
  SAY(symlink("d", "link"));
  SAY(mkdir("link/sub", 0700));
  SAY(rmdir("d"));
  SAY(rmdir("link"));
  SAY(unlink("d"));
  SAY(link("file", "d/hard"));
  SAY(link("d", "d2"));
  show("file");
  SAY(rename("d", "d/sub/x"));
  SAY(rename("file", "d"));
  SAY(rename("d", "file"));
  SAY(rename("file", "d/hard"));
  show("file");
  SAY(rename("d/hard", "d/other"));
  SAY(renameat2(AT_FDCWD, "d/other", AT_FDCWD, "file", RENAME_NOREPLACE));
  SAY(renameat2(AT_FDCWD, "d", AT_FDCWD, "file", RENAME_EXCHANGE));
  show("file");
  SAY(renameat2(AT_FDCWD, "d", AT_FDCWD, "file", RENAME_EXCHANGE));
  SAY(readlink("link", buffer, 100));
  SAY(readlink("file", buffer, 100));
  SAY(readlink("link", buffer, 0));
  SAY(symlink("loop", "loop"));
  SAY(open("loop", O_RDONLY));
  SAY(open("link", O_RDONLY | O_NOFOLLOW));
  SAY(open("d", O_WRONLY));
  SAY(open("file/", O_RDONLY));
  SAY(open("new/", O_CREAT | O_RDWR, 0600));
  SAY(open("file", O_CREAT | O_EXCL, 0600));
  SAY(open("file", O_DIRECTORY));
  SAY(open("", O_RDONLY));
  SAY(open((char *)8, O_RDONLY));
  SAY(open("none/x", O_CREAT, 0600));
  SAY(access("file", R_OK | W_OK));
  SAY(access("none", F_OK));
  SAY(access("file", 64));
  SAY(chmod("file", 04711));
  show("file");
  SAY(truncate("file", 10));
  SAY(truncate("d", 10));
  SAY(truncate("none", 10));
  SAY(chdir("d"));
  SAY(chdir("../file"));
  SAY(getcwd(buffer, 2) ? 0 : -1);
  SAY(chdir(".."));
  int directory;
  SAY(directory = open("d", O_RDONLY | O_DIRECTORY));
  SAY(openat(directory, "inside", O_CREAT | O_WRONLY, 0666));
  SAY(fchdir(directory));
  show("inside");
  SAY(chdir(".."));
  SAY(read(directory, buffer, 10));
  SAY(mkdirat(directory, "made", 0755));
  SAY(unlinkat(directory, "made", 0));
  SAY(unlinkat(directory, "made", AT_REMOVEDIR));
  SAY(faccessat(directory, "inside", W_OK, 0));
  list("d");
  list(".");
  struct timespec times[2] = {{12345, 678}, {23456, 789}};
  struct stat status;
  SAY(utimensat(AT_FDCWD, "file", times, 0));
  SAY(stat("file", &status));
  printf(" %ld.%ld %ld.%ld\n", status.st_atim.tv_sec, status.st_atim.tv_nsec, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  SAY(mkfifo("fifo", 0600));
  show("fifo");
  SAY(open("fifo", O_WRONLY | O_NONBLOCK));
  int both;
  SAY(both = open("fifo", O_RDWR));
  if (fork() == 0) {
    int end = open("fifo", O_WRONLY);
    write(end, "child", 5);
    _exit(0);
  }
  wait(0);
  SAY(read(both, buffer, 100));
  SAY(mkfifo("other", 0600));
  if (fork() == 0) {
    int end = open("other", O_WRONLY);
    write(end, "met", 3);
    _exit(0);
  }
  int reader;
  SAY(reader = open("other", O_RDONLY));
  SAY(read(reader, buffer, 100));
  wait(0);
  SAY(read(reader, buffer, 100));
  SAY(write(both, "abc", 3));
  SAY(read(both, buffer, 100));
  int unlinked;
  SAY(unlinked = open("gone", O_CREAT | O_RDWR, 0600));
  SAY(unlink("gone"));
  SAY(write(unlinked, "still", 5));
  SAY(pread(unlinked, buffer, 10, 0));
  SAY(fstat(unlinked, &status));
  printf(" %ld %ld\n", (long)status.st_nlink, (long)status.st_size);
  umask(077);
  SAY(close(open("private", O_CREAT | O_WRONLY, 0666)));
  show("private");
}

static void pipes(void) {
  int ends[2];
  SAY(pipe2(ends, O_NONBLOCK));
  SAY(read(ends[0], buffer, 10));
  SAY(write(ends[1], "abcdef", 6));
  SAY(ioctl(ends[0], FIONREAD, buffer));
  printf(" %d\n", *(int *)buffer);
  struct pollfd fds[3] = {{ends[0], POLLIN}, {ends[1], POLLOUT}, {-1, POLLIN}};
  SAY(poll(fds, 3, 0));
  printf(" %x %x %x\n", fds[0].revents, fds[1].revents, fds[2].revents);
  SAY(read(ends[0], buffer, 4));
  SAY(lseek(ends[0], 0, SEEK_SET));
  SAY(pread(ends[0], buffer, 1, 0));
  SAY(write(ends[1], buffer, sizeof buffer));
  SAY(write(ends[1], buffer, 1));
  SAY(poll(fds, 2, 0));
  printf(" %x %x\n", fds[0].revents, fds[1].revents);
  SAY(read(ends[0], buffer, sizeof buffer));
  SAY(close(ends[1]));
  SAY(read(ends[0], buffer, 10));
  SAY(poll(fds, 2, 0));
  printf(" %x %x\n", fds[0].revents, fds[1].revents);
  fd_set set;
  FD_ZERO(&set);
  FD_SET(ends[0], &set);
  struct timeval time = {0, 1000};
  SAY(select(ends[0] + 1, &set, 0, 0, &time));
  SAY(pipe(ends));
  sprintf(buffer, "/proc/self/fd/%d", ends[0]);
  close(ends[1]);
  int again;
  SAY(again = open(buffer, O_RDONLY));
  SAY(read(again, buffer, 10));
  SAY(pipe(ends));
  if (fork() == 0) {
    close(ends[0]);
    for (int i = 0; i < 30; i++) {
      memset(buffer, 'a' + i, 7000);
      write(ends[1], buffer, 7000);
    }
    _exit(0);
  }
  close(ends[1]);
  long total = 0, sum = 0;
  for (long count; (count = read(ends[0], buffer, 5000)) > 0; total += count)
    for (long i = 0; i < count; i++) sum = (sum * 31 + buffer[i]) % 1000003;
  printf(" %ld bytes, sum %ld\n", total, sum);
  wait(0);
}

static void events(void) {
  int counter, poll, ends[2];
  unsigned long long count = 3;
  struct epoll_event event = {EPOLLIN, {.u64 = 77}}, found[4];
  SAY(counter = eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE));
  SAY(write(counter, &count, 8));
  SAY(read(counter, &count, 8));
  printf(" %llu\n", count);
  SAY(read(counter, &count, 4));
  SAY(poll = epoll_create1(0));
  SAY(epoll_ctl(poll, EPOLL_CTL_ADD, counter, &event));
  SAY(epoll_ctl(poll, EPOLL_CTL_ADD, counter, &event));
  SAY(epoll_ctl(poll, EPOLL_CTL_ADD, poll, &event));
  SAY(epoll_wait(poll, found, 4, -1));
  printf(" %x %llu\n", found[0].events, (unsigned long long)found[0].data.u64);
  for (int i = 0; i < 5; i++) SAY(read(counter, &count, 8));
  SAY(epoll_wait(poll, found, 4, 1));
  SAY(pipe(ends));
  event.events = EPOLLIN | EPOLLONESHOT, event.data.u64 = 5;
  SAY(epoll_ctl(poll, EPOLL_CTL_ADD, ends[0], &event));
  SAY(epoll_ctl(poll, EPOLL_CTL_MOD, ends[1], &event));
  if (fork() == 0) {
    usleep(1000);
    write(ends[1], "x", 1);
    _exit(0);
  }
  SAY(epoll_wait(poll, found, 4, -1));
  printf(" %x %llu\n", found[0].events, (unsigned long long)found[0].data.u64);
  SAY(epoll_wait(poll, found, 4, 0));
  SAY(epoll_ctl(poll, EPOLL_CTL_MOD, ends[0], &event));
  SAY(epoll_wait(poll, found, 4, 0));
  SAY(epoll_ctl(poll, EPOLL_CTL_DEL, ends[0], 0));
  SAY(epoll_ctl(poll, EPOLL_CTL_DEL, ends[0], 0));
  SAY(epoll_wait(poll, found, 0, 0));
  wait(0);
}

int main(int argc, char **argv) {
  if (argc > 1 && chdir(argv[1]) < 0) return 1;
  setvbuf(stdout, 0, _IOLBF, 0);
  descriptors();
  paths();
  pipes();
  events();
  return 0;
}
