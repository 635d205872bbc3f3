/* What setsockopt(2) accepts: options of all levels, by size and value, as all versions of Linux since 5.15 do. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SIZES = 6, VALUES = 6 };
static const int sizes[SIZES] = {0, 1, 4, 8, 16, 20};
static const int values[VALUES] = {0, 1, 3, -1, 500, 70000};

static void try(const char *name, int domain, int type, int level, int option) {
  char line[SIZES * VALUES * 4 + 1] = "";
  int length = 0, isSame = 1, first = -1, fd = socket(domain, type, 0);
  for (int size = 0; size < SIZES; size++)
    for (int value = 0; value < VALUES; value++) {
      int words[8] = {values[value]};
      int error = setsockopt(fd, level, option, words, sizes[size]) < 0 ? errno : 0;
      if (first >= 0 && first != error) isSame = 0;
      first = error;
      length += sprintf(line + length, " %d", error);
    }
  if (isSame) printf("%s level %d option %d: all %d\n", name, level, option, first);
  else printf("%s level %d option %d:%s\n", name, level, option, line);
  close(fd);
}

static void range(const char *name, int domain, int type, int level, int from, int to) {
  for (int option = from; option <= to; option++) {
    /* SO_ATTACH_FILTER and others that take programs, SO_PEEK_OFF, SO_MAX_PACING_RATE, SO_INCOMING_CPU, SO_CNX_ADVICE, zero-copy sending. */
    if (level == SOL_SOCKET && (option == 26 || option == 42 || option == 47 || option == 49 || option == 50 || option == 51 ||
                                option == 52 || option == 53 || option == 60 || option == 61)) continue;
    /* What the host is configured for: IPsec, and interfaces by number. */
    if (level == IPPROTO_IP && (option == 16 || option == 17)) continue;
    if (level == IPPROTO_IPV6 && (option == 17 || option == 34 || option == 35)) continue;
    try(name, domain, type, level, option);
  }
}

int main(void) {
  static const struct { const char *name; int domain, type; } kinds[] = {
    {"unix stream", AF_UNIX, SOCK_STREAM}, {"unix datagram", AF_UNIX, SOCK_DGRAM}, {"tcp", AF_INET, SOCK_STREAM},
    {"udp", AF_INET, SOCK_DGRAM}, {"tcp6", AF_INET6, SOCK_STREAM}, {"udp6", AF_INET6, SOCK_DGRAM}, {"netlink", AF_NETLINK, SOCK_RAW},
  };
  for (int i = 0; i < 7; i++) {
    const char *name = kinds[i].name;
    int domain = kinds[i].domain, type = kinds[i].type;
    range(name, domain, type, SOL_SOCKET, -1, 65);
    if (domain != AF_INET && domain != AF_INET6) {
      static const int others[] = {IPPROTO_IP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_IPV6, 255, -1};
      for (int j = 0; j < 6; j++) range(name, domain, type, others[j], 1, 2);
      range(name, domain, type, 270, -1, 13);
      continue;
    }
    range(name, domain, type, IPPROTO_IP, -1, 50);
    range(name, domain, type, IPPROTO_IPV6, -1, 79);
    if (type == SOCK_STREAM) {
      for (int option = -1; option < 32; option++)
        /* TCP_MD5SIG, and what only sockets have that are being repaired: it depends on the host. */
        if (option != 14 && option != 19 && option != 20 && option != 21 && option != 22 && option != 24 && option != 29)
          try(name, domain, type, IPPROTO_TCP, option);
      range(name, domain, type, IPPROTO_UDP, 1, 2);
    } else {
      range(name, domain, type, IPPROTO_UDP, -1, 10);
      range(name, domain, type, IPPROTO_UDP, 100, 105);
      range(name, domain, type, 136, 100, 104);
      range(name, domain, type, IPPROTO_TCP, 1, 2);
    }
    range(name, domain, type, 270, 1, 2);
  }
  return 0;
}
