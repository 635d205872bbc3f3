/*
 * Makes a random sequence of calls for sockets that never wait, by the seed in argv[1], and prints what they answer: pairs and
 * sockets with names, streams, datagrams and records, open files and credentials on their way, poll and epoll. The output is the
 * same on every Linux.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>
#include "../sequences.h"

#include "../random.h"
#include "../say.h"

enum { STEPS = 120, FDS_MAX = 14, NAMES = 4 };

static int fds[FDS_MAX];
static int count;
static int poller;
static int pipes_signalled;
static char data[300000], got[300000];

static void on_pipe(int number) { pipes_signalled++; }

static long told(long result) {
  if (result < 0) say(" -> errno %d", errno);
  else say(" -> %ld", result);
  return result;
}

static unsigned sum(const char *bytes, long length) {
  unsigned total = 0;
  for (long i = 0; i < length; i++) total = total * 31 + (unsigned char)bytes[i];
  return total;
}

static void keep(int fd) {
  if (fd < 0) return;
  if (count == FDS_MAX) close(fd);
  else fds[count++] = fd;
}

static int type(void) {
  static const int TYPES[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM};
  return TYPES[below(4)];
}

static socklen_t name(struct sockaddr_un *to) {
  memset(to, 0, sizeof *to);
  to->sun_family = AF_UNIX;
  unsigned number = below(NAMES), kind = below(12);
  if (kind == 0) return 2;
  if (kind == 1) {
    to->sun_family = AF_UNSPEC;
    return 16;
  }
  if (kind < 5) {
    int length = snprintf(to->sun_path + 1, 90, "bd0-%09d-%u", getpid(), number);
    return 3 + length;
  }
  if (kind == 5) strcpy(to->sun_path, "file");
  else snprintf(to->sun_path, 90, "s%u", number);
  return kind == 6 ? sizeof *to : 3 + strlen(to->sun_path);
}

static void say_name(const char *what, const struct sockaddr_un *address, socklen_t length) {
  int is_abstract = length > 2 && address->sun_path[0] == 0;
  if (length < 2) say(" %s none", what);
  else if (is_abstract && length == 8) say(" %s a name of its own", what);
  else if (is_abstract) say(" %s abstract %d %.*s", what, (int)length, 2, address->sun_path + (length > 8 ? length - 4 : 3) + 2);
  else say(" %s %d %.*s", what, (int)length, (int)length - 2, address->sun_path);
}

static int size(void) {
  static const int SIZES[] = {0, 1, 5, 64, 100, 705, 1000, 4000, 4096, 20000, 65536, 220000};
  return SIZES[below(below(3) ? 7 : 12)];
}

static void make(int kind) {
  int made[2], t = type();
  if (kind) {
    say("pair %d", t);
    if (told(socketpair(AF_UNIX, t | SOCK_NONBLOCK, 0, made)) == 0) keep(made[0]), keep(made[1]);
  } else {
    say("socket %d", t);
    int fd = socket(AF_UNIX, t | SOCK_NONBLOCK | (below(2) ? SOCK_CLOEXEC : 0), 0);
    told(fd < 0 ? -1 : 0);
    keep(fd);
  }
}

static void named(int fd) {
  struct sockaddr_un address;
  socklen_t length = name(&address);
  switch (below(3)) {
  case 0:
    say("bind");
    say_name("to", &address, length);
    /* A name that the kernel chooses is not the same everywhere. */
    if (length == 2) {
      struct sockaddr_un own;
      socklen_t room = sizeof own;
      getsockname(fd, (struct sockaddr *)&own, &room);
      if (room == 2) return;
    }
    told(bind(fd, (struct sockaddr *)&address, length));
    break;
  case 1:
    say("connect");
    say_name("to", &address, length);
    told(connect(fd, (struct sockaddr *)&address, length));
    break;
  default:
    say("sendto");
    say_name("to", &address, length);
    told(sendto(fd, data, size() % 5000, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&address, length));
  }
}

static void names(int fd) {
  struct sockaddr_un address = {0};
  socklen_t length = below(4) ? sizeof address : below(8);
  int is_peer = below(2);
  say("%s", is_peer ? "peername" : "sockname");
  socklen_t room = length;
  if (told((is_peer ? getpeername : getsockname)(fd, (struct sockaddr *)&address, &length)) == 0)
    say_name("is", &address, room < length ? room : length);
}

static void accepts(int fd) {
  struct sockaddr_un address = {0};
  socklen_t length = sizeof address;
  say("accept");
  int accepted = accept4(fd, (struct sockaddr *)&address, &length, SOCK_NONBLOCK);
  told(accepted < 0 ? -1 : 0);
  if (accepted >= 0) say_name("from", &address, length);
  keep(accepted);
}

static void sends(int fd) {
  int length = size(), flags = MSG_DONTWAIT | (below(3) ? 0 : MSG_NOSIGNAL), before = pipes_signalled;
  for (int i = 0; i < length; i += 97) data[i] = below(256);
  switch (below(3)) {
  case 0:
    say("send %d", length);
    told(send(fd, data, length, flags));
    break;
  case 1:
    say("write %d", length);
    told(write(fd, data, length));
    break;
  default: {
    int first = below(length + 1);
    struct iovec parts[2] = {{data, first}, {data + first, length - first}};
    say("writev %d", length);
    told(writev(fd, parts, 2));
  }
  }
  say(" signals %d", pipes_signalled - before);
}

static void say_got(long result, int room) {
  if (result > 0) say(" sum %u", sum(got, result < room ? result : room));
}

static void receives(int fd) {
  static const int FLAGS[] = {0, 0, MSG_PEEK, MSG_TRUNC, MSG_PEEK | MSG_TRUNC, MSG_WAITALL};
  int length = size(), flags = FLAGS[below(6)];
  struct sockaddr_un address = {0};
  socklen_t room = sizeof address;
  switch (below(4)) {
  case 0:
    say("read %d", length);
    say_got(told(read(fd, got, length)), length);
    break;
  case 1: {
    struct iovec parts[2] = {{got, length / 2}, {got + length / 2, length - length / 2}};
    say("readv %d", length);
    say_got(told(readv(fd, parts, 2)), length);
    break;
  }
  default: {
    say("recvfrom %d flags %x", length, flags);
    long result = told(recvfrom(fd, got, length, flags | MSG_DONTWAIT, (struct sockaddr *)&address, &room));
    say_got(result, length);
    if (result >= 0) say_name("from", &address, room);
  }
  }
}

/* One that is sent: never a socket that has been sent before, or circles could come about, which are found at no particular time. */
static int sendable(void) {
  int ends[2];
  switch (below(3)) {
  case 0:
    return open("file", O_RDONLY);
  case 1:
    if (pipe(ends)) return -1;
    close(ends[1]);
    return ends[0];
  default:
    if (socketpair(AF_UNIX, type() | SOCK_NONBLOCK, 0, ends)) return -1;
    keep(ends[1]);
    return ends[0];
  }
}

static void sends_message(int fd) {
  union { char bytes[256]; struct cmsghdr header; } control = {0};
  int length = size() % 5000;
  struct iovec part = {data, length};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control};
  struct cmsghdr *at = &control.header;
  size_t used = 0;
  int files = below(4), sent[3];
  say("sendmsg %d files %d", length, files);
  for (int i = 0; i < files; i++) sent[i] = below(20) ? sendable() : 900;
  if (files) {
    at->cmsg_level = SOL_SOCKET, at->cmsg_type = SCM_RIGHTS, at->cmsg_len = CMSG_LEN(4 * files);
    memcpy(CMSG_DATA(at), sent, 4 * files);
    used += CMSG_SPACE(4 * files);
  }
  if (below(3) == 0) {
    at = (struct cmsghdr *)(control.bytes + used);
    struct ucred credentials = {below(9) ? getpid() : 1 << 30, below(2), below(2)};
    at->cmsg_level = below(5) ? SOL_SOCKET : 41, at->cmsg_type = SCM_CREDENTIALS, at->cmsg_len = CMSG_LEN(sizeof credentials);
    memcpy(CMSG_DATA(at), &credentials, sizeof credentials);
    used += CMSG_SPACE(sizeof credentials);
    say(" credentials %d %d", credentials.uid, credentials.gid);
  }
  message.msg_controllen = used;
  if (!used) message.msg_control = NULL;
  told(sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
  for (int i = 0; i < files; i++)
    if (sent[i] != 900) close(sent[i]);
}

static void receives_message(int fd) {
  union { char bytes[256]; struct cmsghdr header; } control = {0};
  static const int ROOM[] = {0, 8, 20, 24, 28, 40, 256, 256, 256};
  int length = size() % 70000, flags = MSG_DONTWAIT | (below(5) ? 0 : MSG_PEEK) | (below(3) ? 0 : MSG_CMSG_CLOEXEC);
  struct iovec part = {got, length};
  struct sockaddr_un address = {0};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = ROOM[below(9)]};
  if (below(2)) message.msg_name = &address, message.msg_namelen = sizeof address;
  say("recvmsg %d room %d", length, (int)message.msg_controllen);
  long result = told(recvmsg(fd, &message, flags));
  if (result < 0) return;
  say_got(result, length);
  say(" flags %x control %d name %d", message.msg_flags, (int)message.msg_controllen, message.msg_name ? (int)message.msg_namelen : 0);
  for (struct cmsghdr *at = CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at)) {
    say(" [%d %d %d", at->cmsg_level, at->cmsg_type, (int)at->cmsg_len);
    if (at->cmsg_type == SCM_CREDENTIALS && at->cmsg_len == CMSG_LEN(sizeof(struct ucred))) {
      struct ucred *told_of = (struct ucred *)CMSG_DATA(at);
      say(" pid %d uid %d gid %d", told_of->pid == getpid(), told_of->uid, told_of->gid);
    }
    if (at->cmsg_type == SCM_RIGHTS)
      for (size_t i = 0; i < (at->cmsg_len - CMSG_LEN(0)) / 4; i++) {
        int fd = ((int *)CMSG_DATA(at))[i];
        struct stat status;
        fstat(fd, &status);
        say(" %o cloexec %d", status.st_mode & S_IFMT, fcntl(fd, F_GETFD));
        keep(fd);
      }
    say("]");
  }
}

static void options(int fd) {
  static const int OPTIONS[] = {SO_TYPE, SO_ERROR, SO_SNDBUF, SO_RCVBUF, SO_ACCEPTCONN, SO_PASSCRED, SO_DOMAIN,
                                SO_PROTOCOL, SO_LINGER, SO_PEERCRED, SO_RCVLOWAT, SO_REUSEADDR, 9999};
  int option = OPTIONS[below(13)];
  if (below(2)) {
    int values[3] = {-7, -7, -7};
    socklen_t length = below(4) ? 12 : below(5);
    say("getsockopt %d %d", option, (int)length);
    if (told(getsockopt(fd, SOL_SOCKET, option, values, &length)) == 0) {
      if (option == SO_PEERCRED) values[0] = values[0] == getpid();
      say(" %d: %d %d %d", (int)length, values[0], values[1], values[2]);
    }
    return;
  }
  static const int SET[] = {SO_SNDBUF, SO_PASSCRED, SO_RCVBUF, SO_TYPE, SO_REUSEADDR, SO_LINGER};
  int values[2] = {below(3) ? (int)below(60000) : (int)below(2), 1};
  option = SET[below(6)];
  say("setsockopt %d %d", option, values[0]);
  told(setsockopt(fd, below(9) ? SOL_SOCKET : IPPROTO_TCP, option, values, below(6) ? 8 : 2));
}

static const int EVENTS[] = {EPOLLIN, EPOLLOUT, EPOLLIN | EPOLLOUT, EPOLLIN | EPOLLRDHUP, EPOLLPRI};

static void controls(int fd) {
  struct epoll_event event = {EVENTS[below(5)] | (below(2) ? EPOLLET : 0) | (below(4) ? 0 : EPOLLONESHOT), {.u64 = fd}};
  int operation = 1 + below(3);
  say("epoll_ctl %d %x", operation, event.events);
  told(epoll_ctl(poller, operation, fd, &event));
}

static void waits(void) {
  struct epoll_event events[64];
  say("epoll_wait");
  int ready = told(epoll_wait(poller, events, 64, 0));
  /* In the order of their numbers: which of them comes first is left open. */
  for (int fd = 0; fd < 64; fd++)
    for (int i = 0; i < ready; i++)
      if (events[i].data.u64 == (uint64_t)fd) say(" %d:%x", fd, events[i].events);
}

static void polls(void) {
  struct pollfd polled[FDS_MAX];
  for (int i = 0; i < count; i++) polled[i] = (struct pollfd){fds[i], POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLWRNORM | POLLWRBAND, 0};
  say("poll");
  told(poll(polled, count, 0));
  for (int i = 0; i < count; i++) say(" %x", polled[i].revents);
}

static void asks(int fd) {
  int bytes = -1;
  unsigned long request = below(2) ? FIONREAD : TIOCOUTQ;
  say("ioctl %lx", request);
  told(ioctl(fd, request, &bytes));
  struct stat status;
  fstat(fd, &status);
  say(" %d mode %o flags %x", bytes, status.st_mode, fcntl(fd, F_GETFL));
}

static void closes(int index) {
  say("close");
  int fd = fds[index];
  fds[index] = fds[--count];
  told(close(fd));
}

static void step(void) {
  if (count < 2) return make(below(3));
  int index = below(count), fd = fds[index];
  say("%d ", fd);
  switch (below(20)) {
  case 0:
    return make(0);
  case 1:
    return make(1);
  case 2:
  case 3:
    return named(fd);
  case 4: {
    int backlog = below(3) - 1;
    say("listen %d", backlog);
    told(listen(fd, backlog));
    return;
  }
  case 5:
    return accepts(fd);
  case 6:
  case 7:
    return sends(fd);
  case 8:
  case 9:
    return receives(fd);
  case 10:
    return sends_message(fd);
  case 11:
  case 12:
    return receives_message(fd);
  case 13:
    return options(fd);
  case 14:
    return controls(fd);
  case 15:
    return waits();
  case 16:
    return below(2) ? asks(fd) : names(fd);
  case 17:
    if (below(3)) return polls();
    int how = below(4);
    say("shutdown %d", how);
    told(shutdown(fd, how));
    return;
  case 18:
    if (below(2)) return closes(index);
    say("dup");
    int copy = dup(fd);
    told(copy < 0 ? -1 : 0);
    return keep(copy);
  default: {
    char path[8] = {'s', '0' + below(NAMES)};
    say("unlink %s", path);
    told(unlink(path));
  }
  }
}

static int run(uint64_t seed, int is_new) {
  char directory[] = "/tmp/bd0-sockets-XXXXXX";
  state = seed * 2862933555777941757u + 3037000493u;
  signal(SIGPIPE, on_pipe);
  mkdir("/tmp", 0777);
  if (!mkdtemp(directory) || chdir(directory)) return 98;
  close(open("file", O_CREAT | O_RDWR, 0600));
  poller = epoll_create1(0);
  for (unsigned i = 0; i < sizeof data; i++) data[i] = i * 7 + (i >> 8);
  for (int i = 0; i < STEPS; i++) {
    step();
    say("\n");
  }
  unlink("file");
  for (int i = 0; i < NAMES; i++) unlink((char[]){'s', '0' + i, 0});
  chdir("/");
  return rmdir(directory) ? 97 : 0;
}

int main(int argc, char **argv) { return sequences(argc, argv, run); }
