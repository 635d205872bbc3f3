/*
 * Which edges epoll reports of datagram sockets whose peers receive, are full, or are closed, and of those that leave their peers:
 * of a pair, and of sockets that send to one with a name. The output is the same on every Linux.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../say.h"

static int poller;

static void watch(int fd, uint32_t events) {
  struct epoll_event event = {events | EPOLLET, {.u32 = events}};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event)) say("epoll_ctl: %d\n", errno);
}

static void wait_after(const char *what) {
  struct epoll_event events[8];
  int ready = epoll_wait(poller, events, 8, 0);
  say("%s: %d", what, ready);
  for (int i = 0; i < ready; i++) say(" %x of %x", events[i].events, events[i].data.u32);
  say("\n");
}

/* Sends until there is no room; the answer is how many messages there was room for. */
static int fill(int fd) {
  int sent = 0;
  while (send(fd, "x", 1, MSG_DONTWAIT) == 1) sent++;
  say("%d sent, then %d\n", sent, errno);
  return sent;
}

static void of_a_pair(int type, int is_full) {
  int ends[2];
  char byte;
  socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, ends);
  watch(ends[0], EPOLLIN);
  wait_after("nothing yet");
  send(ends[1], "ab", 2, 0);
  wait_after("a message");
  if (is_full) fill(ends[0]);
  else send(ends[0], "", 0, 0);
  wait_after("messages the other way");
  recv(ends[1], &byte, 1, 0);
  wait_after("received there");
  close(ends[1]);
  wait_after("closed there");
  close(ends[0]);
}

static void of_a_name(int is_full, int receives) {
  struct sockaddr_un address = {AF_UNIX, "\0edges"};
  socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + snprintf(address.sun_path + 1, 90, "bd0-edges-%d", getpid());
  int server = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), client = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  char byte;
  bind(server, (struct sockaddr *)&address, length);
  connect(client, (struct sockaddr *)&address, length);
  if (is_full) fill(client);
  else send(client, "y", 1, 0);
  watch(client, EPOLLIN | EPOLLOUT);
  wait_after("watched");
  wait_after("again");
  if (receives) recv(server, &byte, 1, 0);
  wait_after("received there");
  close(server);
  wait_after("closed there");
  close(client);
}

/* Leaves the peer, whose room it waits for or not, in each way; afterwards, what lies there is received. */
static void leaves(int way, int is_full) {
  struct sockaddr_un names[2] = {{AF_UNIX, "\0edges"}, {AF_UNIX, "\0edges"}}, nobody = {AF_UNSPEC};
  int servers[2], client = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  socklen_t length;
  char byte;
  for (int i = 0; i < 2; i++) {
    length = offsetof(struct sockaddr_un, sun_path) + 1 + snprintf(names[i].sun_path + 1, 90, "bd0-leaves-%d-%d", i, getpid());
    servers[i] = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    bind(servers[i], (struct sockaddr *)&names[i], length);
  }
  connect(client, (struct sockaddr *)&names[0], length);
  if (is_full) fill(client);
  watch(client, EPOLLIN | EPOLLOUT);
  wait_after("watched");
  wait_after("again");
  int result = 0;
  switch (way) {
    case 0: result = connect(client, (struct sockaddr *)&nobody, sizeof nobody); break;
    case 1: case 2: result = connect(client, (struct sockaddr *)&names[way - 1], length); break;
    default:
      close(servers[0]);
      wait_after("closed there");
      result = send(client, "z", 1, 0);
  }
  say("way %d: %d\n", way, result < 0 ? errno : 0);
  wait_after("left");
  wait_after("again");
  if (way < 3) recv(servers[0], &byte, 1, 0);
  wait_after("received there");
  if (way < 3) close(servers[0]);
  close(servers[1]);
  close(client);
}

int main(void) {
  poller = epoll_create1(0);
  for (int is_full = 0; is_full < 2; is_full++) {
    of_a_pair(SOCK_DGRAM, is_full);
    of_a_pair(SOCK_SEQPACKET, is_full);
    for (int receives = 0; receives < 2; receives++) of_a_name(is_full, receives);
    for (int way = 0; way < 4; way++) leaves(way, is_full);
  }
  return 0;
}
