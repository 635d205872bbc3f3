/* What getsockopt(2) tells of options that were set, of all levels and values, as all versions of Linux since 5.15 do. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { VALUES = 12 };
static const int values[VALUES] = {0, 1, 2, 3, 4, -1, 0x104, 32, 500, 1300, 70000, 0x402};

static void show(int fd, int level, int option) {
  unsigned char bytes[64];
  socklen_t length = sizeof bytes;
  if (getsockopt(fd, level, option, bytes, &length) < 0) {
    printf(" error %d,", errno);
    return;
  }
  printf(" ");
  for (int i = 0; i < length; i++) printf("%02x", bytes[i]);
  printf(",");
}

/* Values, each of a socket of its own, and one after the other. */
static void try(const char *name, int domain, int type, int level, int option) {
  int all = socket(domain, type, 0), one = socket(domain, type, 0), isSet = 0;
  for (int i = 0; i < VALUES; i++)
    if (setsockopt(one, level, option, &values[i], 4) == 0) isSet = 1;
  close(one);
  if (isSet) {
    printf("%s level %d option %d:", name, level, option);
    for (int i = 0; i < VALUES; i++) {
      one = socket(domain, type, 0);
      if (setsockopt(one, level, option, &values[i], 4) == 0) show(one, level, option);
      close(one);
      if (setsockopt(all, level, option, &values[i], 4) == 0) show(all, level, option);
    }
    printf("\n");
  }
  close(all);
}

static void range(const char *name, int domain, int type, int level, int from, int to) {
  for (int option = from; option <= to; option++) {
    /* What the host is configured for, IPsec and interfaces by number; what only sockets have that are being repaired; clocks. */
    if (level == IPPROTO_IP && (option == 16 || option == 17)) continue;
    if (level == IPPROTO_IPV6 && (option == 17 || option == 34 || option == 35)) continue;
    if ((level == IPPROTO_UDP || level == 136) && option == 100) continue;
    if (level == IPPROTO_TCP && ((option > 18 && option < 23) || option == 11 || option == 13 || option == 24 || option == 29)) continue;
    try(name, domain, type, level, option);
  }
}

static void controls(void) {
  static const char *names[] = {"reno", "cubic", "none", "reno"};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  for (int i = 0; i < 4; i++) {
    char name[16] = "";
    socklen_t length = sizeof name;
    int error = setsockopt(fd, IPPROTO_TCP, 13, names[i], strlen(names[i])) < 0 ? errno : 0;
    getsockopt(fd, IPPROTO_TCP, 13, name, &length);
    printf("%s: %d, %s\n", names[i], error, name);
  }
}

int main(void) {
  static const struct { const char *name; int domain, type; } kinds[] = {
    {"unix", AF_UNIX, SOCK_STREAM}, {"tcp", AF_INET, SOCK_STREAM}, {"udp", AF_INET, SOCK_DGRAM},
    {"tcp6", AF_INET6, SOCK_STREAM}, {"udp6", AF_INET6, SOCK_DGRAM}, {"netlink", AF_NETLINK, SOCK_RAW},
  };
  for (int i = 0; i < 6; i++) {
    const char *name = kinds[i].name;
    int domain = kinds[i].domain, type = kinds[i].type;
    try(name, domain, type, SOL_SOCKET, 37);
    try(name, domain, type, SOL_SOCKET, 65);
    range(name, domain, type, IPPROTO_IP, 1, 50);
    range(name, domain, type, IPPROTO_IPV6, 1, 79);
    range(name, domain, type, IPPROTO_TCP, 1, 36);
    range(name, domain, type, IPPROTO_UDP, 1, 10);
    range(name, domain, type, IPPROTO_UDP, 100, 105);
    range(name, domain, type, 136, 100, 105);
    range(name, domain, type, 270, 1, 13);
    /* Options that there are at no level of a socket. */
    int fd = socket(domain, type, 0);
    static const int others[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_IPV6, 136, 255, 270};
    printf("%s:", name);
    for (int j = 0; j < 6; j++) show(fd, others[j], 126);
    printf("\n");
    close(fd);
  }
  controls();
  return 0;
}
