/*
 * Tries to read a secret that lies outside of its root or is hidden in it, by the seed in argv[1]: by random paths of symbolic and
 * hard links, `..`, /proc and descriptors, with directories that are renamed while they are open and roots that it changes, and by
 * handles, descriptors that are passed on, mounts, scripts, and children with other roots, which it traces. argv[2]
 * is the secret, and argv[3] the path of its directory. Prints `leak` where it finds the secret.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
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

/* A place is opened, and then again as a file, in each of the ways that lead from one to the other. */
static void reopen(const char *one, int at) {
  static const char *const BELOW[] = {"", "/.", "/..", "/../..", "/secret", "/../outside/secret", "/d/hidden/secret"};
  int place = openat(at, one, O_PATH | (below(2) ? O_NOFOLLOW : 0));
  if (place < 0) return;
  char text[256];
  snprintf(text, sizeof text, "/proc/self/fd/%d%s", place, BELOW[below(7)]);
  int file = below(2) ? open(text, O_RDONLY) : openat(place, below(2) ? "secret" : "../secret", O_RDONLY);
  if (file >= 0) look(file), close(file);
  linkat(place, "", AT_FDCWD, part(), AT_EMPTY_PATH);
  close(place);
}

static void by_handle(const char *one, int at) {
  struct { struct file_handle handle; unsigned char bytes[64]; } handle = {.handle = {.handle_bytes = below(65)}};
  int mount = 0;
  if (name_to_handle_at(at, one, &handle.handle, &mount, below(2) ? AT_SYMLINK_FOLLOW : AT_EMPTY_PATH) < 0) {
    handle.handle.handle_bytes = 8;
    handle.handle.handle_type = below(3);
    for (int i = 0; i < 8; i++) handle.bytes[i] = below(3) ? 0 : below(256);
  } else if (below(2)) handle.bytes[below(8)] ^= 1 << below(8);
  int file = open_by_handle_at(below(2) ? AT_FDCWD : at, &handle.handle, O_RDONLY);
  if (file >= 0) look(file), close(file);
}

static void pass_on(int file) {
  int pair[2];
  if (file < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) return;
  char space[CMSG_SPACE(sizeof file)] = {0}, byte = 0;
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof file), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(header), &file, sizeof file);
  if (sendmsg(pair[0], &message, 0) == 1 && recvmsg(pair[1], &message, 0) == 1 && (header = CMSG_FIRSTHDR(&message))) {
    int passed;
    memcpy(&passed, CMSG_DATA(header), sizeof passed);
    int found = openat(passed, below(2) ? "../secret" : "../../outside/secret", O_RDONLY);
    if (found >= 0) look(found), close(found);
    if (below(2)) fchdir(passed);
    close(passed);
  }
  close(pair[0]);
  close(pair[1]);
}

/* What only the administrator of a Linux may do, and what would lead out if it could be done here. */
static void mount_over(const char *one, const char *other) {
  static const unsigned long FLAGS[] = {MS_BIND, MS_BIND | MS_REC, MS_MOVE, MS_REMOUNT, 0};
  switch (below(5)) {
    case 0: mount(one, other, below(2) ? "proc" : "ext4", FLAGS[below(5)], NULL); break;
    case 1: syscall(SYS_pivot_root, one, other); break;
    case 2: unshare(1 << below(31)); break;
    case 3: umount2(one, below(16)); break;
    case 4: {
      int file = syscall(428, AT_FDCWD, one, 1); /* open_tree */
      if (file >= 0) look(file), close(file);
      break;
    }
  }
}

/* A child whose root and directory are others, and which this program traces. */
static void look_through_child(const char *one, const char *other) {
  static const char *const BELOW[] = {"root", "root/..", "cwd", "cwd/..", "fd/3", "fd/4/..", "exe", "task/%d/root", "mem"};
  int ready[2];
  if (pipe(ready)) return;
  pid_t child = fork();
  if (child == 0) {
    chdir(one);
    if (below(2)) chroot(other);
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    write(ready[1], "", 1);
    pause();
  }
  char byte, text[256];
  if (child > 0 && read(ready[0], &byte, 1) == 1) {
    for (int i = 0; i < 3; i++) {
      int length = snprintf(text, sizeof text, "/proc/%d/", child);
      length += snprintf(text + length, sizeof text - length, BELOW[below(9)], child);
      snprintf(text + length, sizeof text - length, "%s%s", below(2) ? "/" : "/secret", below(2) ? "" : part());
      int file = open(text, O_RDONLY);
      if (file >= 0) look(file), close(file);
      if (below(4) == 0) chdir(text);
      if (below(6) == 0) chroot(text);
    }
    /* A child that runs a script runs what that names. */
    kill(child, SIGKILL);
  }
  if (child > 0) waitpid(child, NULL, 0);
  close(ready[0]);
  close(ready[1]);
}

/* A script whose interpreter is a secret: an error, or what it begins with, may tell of it. */
static void run_script(const char *one, int at) {
  int file = openat(AT_FDCWD, "script", O_RDWR | O_CREAT | O_TRUNC, 0755);
  if (file < 0) return;
  dprintf(file, "#!%s word\n", one);
  pid_t child = fork();
  if (child == 0) {
    char *words[] = {"script", NULL}, *none[] = {NULL};
    syscall(SYS_execveat, below(2) ? file : at, below(2) ? "" : one, words, none, AT_EMPTY_PATH);
    _exit(0);
  }
  if (child > 0) waitpid(child, NULL, 0);
  close(file);
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
    switch (below(18)) {
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
      case 12: reopen(one, at); break;
      case 13: by_handle(one, at); break;
      case 14: pass_on(opened[slot]); break;
      case 15: mount_over(one, other); break;
      case 16: if (below(6) == 0) look_through_child(one, other); break;
      case 17: if (below(6) == 0) run_script(one, at); break;
    }
  }
  return 0;
}
