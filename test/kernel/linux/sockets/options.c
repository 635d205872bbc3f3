/* What getsockopt(2) tells of options that nobody has set: those that all versions of Linux since 5.4 have. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void show(int fd, const char *name, int level, int option) {
  unsigned char bytes[400];
  socklen_t length = sizeof bytes;
  memset(bytes, 0xaa, sizeof bytes);
  if (getsockopt(fd, level, option, bytes, &length) < 0) {
    printf("%s %d %d: errno %d\n", name, level, option, errno);
    return;
  }
  printf("%s %d %d: %d bytes", name, level, option, length);
  for (int i = 0; i < length; i++) printf(" %02x", bytes[i]);
  printf("\n");
}

static void all(int fd, const char *name, int domain, int type) {
  for (int option = -1; option < 49; option++) show(fd, name, IPPROTO_IP, option);
  if (domain == AF_INET6)
    for (int option = -1; option < 62; option++)
      /* Its result depends on what the buffer holds. */
      if (option != 48) show(fd, name, IPPROTO_IPV6, option);
  if (type == SOCK_DGRAM) {
    for (int option = -1; option < 10; option++) show(fd, name, IPPROTO_UDP, option);
    for (int option = 99; option < 105; option++) show(fd, name, IPPROTO_UDP, option);
    return;
  }
  for (int option = -1; option < 37; option++)
    /* The state and the tail of TCP_INFO, the congestion control of the host, and what goes by a clock. */
    if (option != 11 && option != 13 && option != 19 && option != 24 && option != 26) show(fd, name, IPPROTO_TCP, option);
  unsigned char info[512];
  socklen_t length = sizeof info;
  getsockopt(fd, IPPROTO_TCP, 11, info, &length);
  printf("%s: state %d, %s\n", name, info[0], length >= 192 ? "long" : "short");
}

/* Options that only sockets have that are connected. */
static void connected(int type) {
  int other = socket(AF_INET6, type, 0), fd = socket(AF_INET6, type, 0);
  struct sockaddr_in6 address = {AF_INET6, 0, 0, IN6ADDR_LOOPBACK_INIT};
  socklen_t length = sizeof address;
  bind(other, (void *)&address, length);
  if (type == SOCK_STREAM) listen(other, 1);
  getsockname(other, (void *)&address, &length);
  connect(fd, (void *)&address, length);
  static const int options[] = {1, 6, 24, 61};
  for (int i = 0; i < 4; i++) show(fd, "connected", IPPROTO_IPV6, options[i]);
  if (type == SOCK_DGRAM) show(fd, "connected", IPPROTO_UDP, 1);
  close(fd);
  close(other);
}

int main(void) {
  static const int domains[] = {AF_INET, AF_INET6}, types[] = {SOCK_STREAM, SOCK_DGRAM};
  for (int i = 0; i < 4; i++) {
    int fd = socket(domains[i / 2], types[i % 2], 0);
    all(fd, "new", domains[i / 2], types[i % 2]);
    close(fd);
  }
  int netlink = socket(AF_NETLINK, SOCK_RAW, 0);
  for (int option = -1; option < 13; option++) show(netlink, "netlink", 270, option);
  connected(SOCK_STREAM);
  connected(SOCK_DGRAM);
  int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof address;
  bind(listener, (void *)&address, length);
  listen(listener, 1);
  getsockname(listener, (void *)&address, &length);
  connect(client, (void *)&address, length);
  show(client, "connected", IPPROTO_IP, 14);
  all(listener, "listening", AF_INET, SOCK_STREAM);
  return 0;
}
