/*
 * Makes a random sequence of splice, tee, vmsplice and sendfile on pipes and files, by the seed in argv[1], and prints what they
 * answer and what has moved: none of them waits, and pipes never come near their capacity: what counts there are the pages that a
 * transfer touches.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include "../sequences.h"

#include "../random.h"
#include "../say.h"

enum { STEPS = 80, FDS = 15 };

static char gifts[400 * STEPS];
static int gifts_made;
static int fds[FDS];
static int signalled, new_linux;

static void on_pipe(int number) { signalled++; }

static void told(const char *what, long result) {
  if (result < 0) say("%s -> errno %d\n", what, errno);
  else say("%s -> %ld\n", what, result);
}

static unsigned sum(const char *bytes, long length) {
  unsigned total = 0;
  for (long i = 0; i < length; i++) total = total * 31 + (unsigned char)bytes[i];
  return total;
}

static int some(void) {
  static const int KINDS[] = {0, 1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 14};
  return below(40) ? fds[KINDS[below(13)]] : (int)below(3) * 50 - 1;
}

/* Mostly a file that can be read, and one that can be written. */
static int source(void) {
  static const int SOURCES[] = {0, 2, 4, 0, 2, 6, 6, 9, 10, 13};
  return below(6) ? fds[SOURCES[below(10)]] : some();
}

static int sink(void) {
  static const int SINKS[] = {1, 3, 5, 1, 3, 8, 7, 9, 10, 13};
  return below(6) ? fds[SINKS[below(10)]] : some();
}

static loff_t *offset(loff_t *at) {
  *at = below(12) ? (int)below(300) : -1;
  unsigned kind = below(8);
  return kind < 6 ? NULL : kind < 7 || below(4) ? at : (loff_t *)1;
}

static void step(void) {
  static char bytes[500];
  loff_t from, to;
  unsigned flags = 2 | (below(2) ? 0 : below(16)) | (below(30) ? 0 : 16);
  unsigned length = below(400);
  switch (below(11)) {
    case 10: {
      static const int SOURCES[] = {0, 2, 4, 6, 9, 10, 9, 10, 11, 12, 13}, SINKS[] = {1, 3, 5};
      loff_t *at = offset(&from);
      int in = fds[SOURCES[below(11)]], out = fds[SINKS[below(3)]];
      told("sendfile", sendfile(out, in, at, length));
      if (at == &from) say("  from %lld\n", (long long)from);
      break;
    }
    case 0: case 1: case 2: case 3: {
      loff_t *at = offset(&from), *to_at = offset(&to);
      int in = source(), out = sink();
      long moved = splice(in, at, out, to_at, length, flags);
      told("splice", moved);
      if (at == &from) say("  from %lld\n", (long long)from);
      if (to_at == &to) say("  to %lld\n", (long long)to);
      break;
    }
    case 4:
      told("tee", tee(source(), sink(), length, flags));
      break;
    case 5: {
      /* A pipe shows what memory is given to it as that is when it is read. */
      char *given = gifts + 400 * gifts_made++;
      int fd = below(2) ? source() : sink();
      /* What is read to memory that is only partly there depends on how the bytes were written. */
      int is_read = fd == fds[0] || fd == fds[2] || fd == fds[4];
      struct iovec parts[2] = {{given, below(200)}, {is_read || below(20) ? given + 200 : (char *)1, below(200)}};
      memset(given, 'a' + below(26), 400);
      long moved = vmsplice(fd, parts, below(3), flags);
      told("vmsplice", moved);
      if (moved > 0) say("  %u\n", sum(given, 400));
      break;
    }
    case 6: case 7: case 8: {
      memset(bytes, 'A' + below(26), sizeof bytes);
      int out = sink();
      /* Before 6.8, eventfds take more than 8 bytes. */
      told("write", write(out, bytes, out == fds[11] && !new_linux ? 8 : below(200)));
      break;
    }
    default: {
      long got = read(source(), bytes, length);
      told("read", got);
      if (got > 0) say("  %u\n", sum(bytes, got));
    }
  }
  if (below(60) == 0) close(fds[4]);
  if (below(60) == 0) close(fds[7]);
}

/* 0 to 5: ends of three pipes; 6 to 8: files, one of which is appended to; a pair of sockets; what cannot be spliced. */
static int run(uint64_t seed, int is_new) {
  char place[40], text[300];
  state = seed;
  new_linux = is_new;
  signalled = gifts_made = 0;
  sprintf(place, "s%llu", (unsigned long long)seed);
  if (mkdir(place, 0755) || chdir(place)) return 90;
  signal(SIGPIPE, on_pipe);
  for (int i = 0; i < 3; i++) if (pipe2(fds + 2 * i, O_NONBLOCK) || fcntl(fds[2 * i], F_SETPIPE_SZ, 1 << 20) < 0) return 91;
  for (int i = 0; i < 3; i++) {
    char name[] = {'a' + i, 0};
    fds[6 + i] = open(name, O_CREAT | O_RDWR | (i == 2 ? O_APPEND : 0), 0644);
    for (unsigned j = 0; j < sizeof text; j++) text[j] = 'a' + below(26);
    if (write(fds[6 + i], text, sizeof text) < 0) return 92;
    lseek(fds[6 + i], 0, SEEK_SET);
    /* What is written to a file that was spliced would change what the pipe shows. */
    if (i == 0) close(fds[6]), fds[6] = open(name, O_RDONLY);
  }
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds + 9)) return 93;
  fds[11] = eventfd(3, EFD_NONBLOCK);
  fds[12] = open(".", O_RDONLY);
  fds[13] = open("/dev/null", O_RDWR);
  fds[14] = open("a", O_PATH);
  for (int i = 0; i < STEPS; i++) step();
  for (int i = 0; i < 9; i++) {
    long got = i < 6 ? read(fds[i], text, sizeof text) : pread(fds[i], text, sizeof text, 0);
    say("%d: %ld %u\n", i, got, got > 0 ? sum(text, got) : 0);
  }
  say("signals %d\n", signalled);
  return 0;
}

int main(int argc, char **argv) { return sequences(argc, argv, run); }
