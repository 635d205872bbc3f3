/* What processes of root become by random calls of setuid and its relatives, and what they may do then. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include "../random.h"
#include "../say.h"

/* CAP_CHOWN to CAP_SETPCAP, without CAP_DAC_READ_SEARCH; CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT: containers take others from root. */
#define COMPARED 0x405fb
#define STEPS 10

static void tell(const char *what, long result) {
  unsigned r, e, s, g, h, i;
  syscall(SYS_getresuid, &r, &e, &s);
  syscall(SYS_getresgid, &g, &h, &i);
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  syscall(SYS_capget, &header, data);
  say("%s %ld: %u %u %u, %u %u %u, %x %x %x, %x\n", what, result, r, e, s, g, h, i, data[0].effective & COMPARED,
      data[0].permitted & COMPARED, data[0].inheritable & COMPARED, prctl(PR_GET_SECUREBITS));
}

static long any(void) {
  static const long ids[] = {0, 1, 2, 1000, -1};
  return ids[below(5)];
}

static long given(long result) { return result < 0 ? -errno : result; }

static long mask(unsigned effective, unsigned permitted, unsigned inheritable) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{effective, permitted, inheritable}, {0, 0, 0}};
  return given(syscall(SYS_capset, &header, data));
}

static void step(pid_t other) {
  static const unsigned sets[] = {0, 0xc0, 0x40, 0xe2, 0x405fb, 0x40001, 0x18, 0x5c1};
  switch (below(18)) {
  case 0: return tell("setuid", given(syscall(SYS_setuid, any())));
  case 1: return tell("setgid", given(syscall(SYS_setgid, any())));
  case 2: return tell("setreuid", given(syscall(SYS_setreuid, any(), any())));
  case 3: return tell("setregid", given(syscall(SYS_setregid, any(), any())));
  case 4: return tell("setresuid", given(syscall(SYS_setresuid, any(), any(), any())));
  case 5: return tell("setresgid", given(syscall(SYS_setresgid, any(), any(), any())));
  case 6: return tell("keep", given(prctl(PR_SET_KEEPCAPS, below(3), 0, 0, 0)));
  case 7: return tell("capset", mask(sets[below(8)], sets[below(8)], sets[below(8)]));
  case 8: return tell("kill", given(kill(other, 0)));
  case 9: return tell("access", given(access("private", R_OK)));
  case 10: return tell("open", open("private", O_RDONLY) < 0 ? -errno : 0);
  case 11: return tell("persona", given(personality(below(2) ? 0xffffffff : ADDR_NO_RANDOMIZE)));
  case 12: {
    unsigned groups[3] = {below(4), 5, 6};
    return tell("setgroups", given(syscall(SYS_setgroups, below(4), groups)));
  }
  case 13: return tell("chown", given(chown("private", any(), any())));
  case 14: {
    struct stat status;
    long result = given(chmod("private", below(2) ? 0600 : 02610));
    stat("private", &status);
    say("%o %u %u\n", status.st_mode, status.st_uid, status.st_gid);
    return tell("chmod", result);
  }
  case 15: return tell("chroot", given(chroot(".")));
  case 16: {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(1001), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int file = socket(AF_INET, SOCK_STREAM, 0);
    long result = given(bind(file, (struct sockaddr *)&address, sizeof address));
    close(file);
    return tell("bind", result);
  }
  case 17: return tell("bits", given(prctl(PR_SET_SECUREBITS, below(2) ? 0 : SECBIT_NO_SETUID_FIXUP, 0, 0, 0)));
  }
}

/* Makes a copy of the program with another owner and mode. */
static void copy(const char *from, const char *to, int owner, int group, int mode) {
  char bytes[4096];
  int source = open(from, O_RDONLY), target = open(to, O_CREAT | O_WRONLY | O_EXCL, 0700);
  for (ssize_t length; (length = read(source, bytes, sizeof bytes)) > 0;)
    if (write(target, bytes, length) != length) say("writing fails\n");
  close(source);
  close(target);
  if (chown(to, owner, group) < 0 || chmod(to, mode) < 0) say("%s has another owner\n", to);
}

int main(int count, char **arguments) {
  if (count == 2 && !strcmp(arguments[1], "again")) {
    tell("exec", access("private", R_OK) < 0 ? -errno : 0);
    say("new privileges: %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    return 0;
  }
  copy(arguments[0], "plain", 0, 0, 0755);
  copy(arguments[0], "other", 1, 2, 06755);
  copy(arguments[0], "roots", 0, 1, 04755);
  copy("/dev/null", "private", 1000, 1000, 0600);
  int ready[2];
  char byte = 0;
  if (pipe(ready) < 0) return 1;
  pid_t other = fork();
  if (other == 0) {
    if (syscall(SYS_setresuid, 7, 1, 1000) || write(ready[1], &byte, 1) != 1) say("no other user\n");
    pause();
  }
  if (read(ready[0], &byte, 1) != 1) return 1;
  for (int child = 0; child < 60; child++) {
    pid_t pid = fork();
    if (pid == 0) {
      state = atoi(arguments[1]) * 1000 + child;
      for (int i = 0; i < STEPS; i++) step(other);
      if (below(2)) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
      static const char *const programs[] = {"./plain", "./other", "./roots"};
      execl(programs[below(3)], "again", "again", (char *)0);
      say("exec fails: %d\n", errno);
      _exit(1);
    }
    int status;
    waitpid(pid, &status, 0);
    say("child %d: %x\n", child, status);
  }
  kill(other, SIGKILL);
  return 0;
}
