/*
 * Connects sockets of AF_INET and AF_INET6 in random order to addresses of both families and to none, and tells which addresses
 * they have then: what getaddrinfo(3) finds out in this way. The output is the same on every Linux that has ::1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../random.h"
#include "../say.h"

static int family;

/* Ports that are taken by themselves differ. */
static void tell(const char *what, int result, int fd) {
  struct sockaddr_in6 own;
  socklen_t length = sizeof own;
  char text[INET6_ADDRSTRLEN] = "";
  say("%s -> %d, errno %d", what, result, result < 0 ? errno : 0);
  if (getsockname(fd, (struct sockaddr *)&own, &length)) return say(", no name\n");
  inet_ntop(own.sin6_family, own.sin6_family == AF_INET6 ? (void *)&own.sin6_addr : (void *)&((struct sockaddr_in *)&own)->sin_addr, text, sizeof text);
  say(", family %d, %s, port %d\n", own.sin6_family, text, own.sin6_port != 0);
}

static socklen_t some(struct sockaddr_in6 *to, const char **name) {
  static const char *NAMES[] = {"127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1", "::ffff:127.0.0.3"};
  memset(to, 0, sizeof *to);
  *name = NAMES[below(family == AF_INET ? 3 : 5)];
  int is_ipv6 = strchr(*name, ':') != NULL;
  to->sin6_family = is_ipv6 ? AF_INET6 : AF_INET;
  to->sin6_port = htons(80);
  inet_pton(to->sin6_family, *name, is_ipv6 ? (void *)&to->sin6_addr : (void *)&((struct sockaddr_in *)to)->sin_addr);
  return is_ipv6 || below(3) == 0 ? sizeof *to : sizeof(struct sockaddr_in);
}

int main(void) {
  state = 1;
  for (int round = 0; round < 60; round++) {
    family = below(3) ? AF_INET6 : AF_INET;
    int type = below(5) ? SOCK_DGRAM : SOCK_STREAM, one = 1;
    int fd = socket(family, type, 0);
    say("round %d: family %d type %d\n", round, family, type);
    if (family == AF_INET6 && below(4) == 0) tell("only IPv6", setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one), fd);
    for (int step = 0; step < (type == SOCK_DGRAM ? 8 : 1); step++) {
      struct sockaddr_in6 to;
      const char *name;
      socklen_t length = some(&to, &name);
      if (type == SOCK_DGRAM && below(3) == 0) to.sin6_family = AF_UNSPEC, name = "none";
      tell(name, connect(fd, (struct sockaddr *)&to, length), fd);
    }
    close(fd);
  }
  return 0;
}
