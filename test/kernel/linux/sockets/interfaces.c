/* The interface lo, as getifaddrs of the C library and requests of NETLINK_ROUTE tell of it. Other interfaces are passed over. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "../say.h"

static int compare(const void *a, const void *b) { return strcmp(a, b); }

static void list(void) {
  struct ifaddrs *all, *each;
  char lines[16][256];
  int count = 0;
  if (getifaddrs(&all) < 0) say("getifaddrs: %d\n", errno);
  for (each = all; each; each = each->ifa_next) {
    if (strcmp(each->ifa_name, "lo") || !each->ifa_addr) continue;
    char address[64] = "", mask[64] = "";
    int family = each->ifa_addr->sa_family;
    if (family == AF_INET) {
      inet_ntop(family, &((struct sockaddr_in *)each->ifa_addr)->sin_addr, address, sizeof address);
      inet_ntop(family, &((struct sockaddr_in *)each->ifa_netmask)->sin_addr, mask, sizeof mask);
    } else if (family == AF_INET6) {
      inet_ntop(family, &((struct sockaddr_in6 *)each->ifa_addr)->sin6_addr, address, sizeof address);
      inet_ntop(family, &((struct sockaddr_in6 *)each->ifa_netmask)->sin6_addr, mask, sizeof mask);
    } else if (family == AF_PACKET) {
      struct sockaddr_ll *link = (void *)each->ifa_addr;
      sprintf(address, "%d %d %d", link->sll_ifindex, link->sll_hatype, link->sll_halen);
    }
    sprintf(lines[count++], "%d %x %s %s", family, each->ifa_flags, address, mask);
  }
  qsort(lines, count, sizeof *lines, compare);
  for (int i = 0; i < count; i++) say("%s\n", lines[i]);
  freeifaddrs(all);
}

struct request {
  struct nlmsghdr header;
  union {
    struct ifinfomsg link;
    struct ifaddrmsg address;
  };
};

/* Requests of ioctl about lo, and about what is not there. */
static void requests(void) {
  static const int numbers[] = {SIOCGIFFLAGS, SIOCGIFADDR,  SIOCGIFDSTADDR, SIOCGIFBRDADDR, SIOCGIFNETMASK, SIOCGIFMETRIC,
                                SIOCGIFMTU,   SIOCGIFHWADDR, SIOCGIFINDEX,  SIOCGIFTXQLEN,  SIOCGIFMAP};
  for (int domain = AF_UNIX; domain <= AF_INET; domain++) {
    int fd = socket(domain, SOCK_DGRAM, 0);
    for (int i = 0; i < sizeof numbers / sizeof *numbers; i++)
      for (int known = 0; known < 2; known++) {
        struct ifreq request = {0};
        strcpy(request.ifr_name, known ? "lo" : "none");
        int result = ioctl(fd, numbers[i], &request);
        say("%x: %d %d", numbers[i], result, result < 0 ? errno : 0);
        for (int at = 0; at < 16; at++) say(" %x", ((unsigned char *)&request)[16 + at]);
        say(" %s\n", request.ifr_name);
      }
    char name[IF_NAMESIZE] = "";
    unsigned index = if_nametoindex("lo");
    say("index %u, name %s, none %d", index, if_indextoname(1, name), if_nametoindex("none"));
    say(" %d\n", if_indextoname(9999, name) == 0);
    struct ifreq all[64];
    struct ifconf list = {sizeof all, {(void *)all}};
    say("list: %d, %d, %s\n", ioctl(fd, SIOCGIFCONF, &list), list.ifc_len >= (int)sizeof *all, all[0].ifr_name);
    close(fd);
  }
}

static int ask(int fd, int type, int flags, int family, int index) {
  struct request request = {{sizeof request, type, NLM_F_REQUEST | flags, 7, 0}, {.link = {family, 0, 0, index, 0, 0}}};
  return send(fd, &request, sizeof request, 0) < 0 ? -errno : 0;
}

/* The types and errors of what answers. */
static void answers(const char *what, int fd, unsigned port) {
  char bytes[65536];
  for (int end = 0; !end;) {
    ssize_t length = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (length < 0) {
      say("%s: nothing, %d\n", what, errno);
      return;
    }
    for (struct nlmsghdr *each = (void *)bytes; NLMSG_OK(each, length); each = NLMSG_NEXT(each, length)) {
      int error = each->nlmsg_type == NLMSG_ERROR ? *(int *)NLMSG_DATA(each) : 0;
      struct ifinfomsg *link = NLMSG_DATA(each);
      if (each->nlmsg_type == RTM_NEWLINK && link->ifi_index != 1) continue;
      if (each->nlmsg_type == RTM_NEWADDR && ((struct ifaddrmsg *)link)->ifa_index != 1) continue;
      if (each->nlmsg_type == RTM_NEWROUTE || each->nlmsg_type == RTM_NEWNEIGH) continue;
      say("%s: type %d, multi %d, seq %d, own %d, error %d\n", what, each->nlmsg_type, !!(each->nlmsg_flags & NLM_F_MULTI),
          each->nlmsg_seq, each->nlmsg_pid == port, error);
      end = !(each->nlmsg_flags & NLM_F_MULTI) || each->nlmsg_type == NLMSG_DONE;
    }
  }
}

int main(void) {
  list();
  requests();
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  struct sockaddr_nl name = {AF_NETLINK}, kernel = {AF_NETLINK};
  socklen_t length = sizeof name;
  say("bind: %d\n", bind(fd, (struct sockaddr *)&name, sizeof name));
  say("name: %d\n", getsockname(fd, (struct sockaddr *)&name, &length));
  say("family %d, %d bytes, a port %d\n", name.nl_family, length, name.nl_pid != 0);
  struct pollfd ready = {fd, POLLIN | POLLOUT, 0};
  say("poll: %d %x\n", poll(&ready, 1, 0), ready.revents);
  say("ask: %d\n", ask(fd, RTM_GETLINK, NLM_F_DUMP, AF_UNSPEC, 0));
  say("poll: %d %x\n", poll(&ready, 1, 0), ready.revents);
  answers("links", fd, name.nl_pid);
  for (int family = 0; family < 11; family += family == AF_INET ? 8 : 2) {
    ask(fd, RTM_GETADDR, NLM_F_DUMP, family, 0);
    answers("addresses", fd, name.nl_pid);
  }
  ask(fd, RTM_GETLINK, 0, AF_UNSPEC, 1);
  answers("one", fd, name.nl_pid);
  ask(fd, RTM_GETLINK, NLM_F_ACK, AF_UNSPEC, 9999);
  answers("no such link", fd, name.nl_pid);
  ask(fd, RTM_GETLINK, NLM_F_ACK, AF_UNSPEC, 1);
  answers("acknowledged", fd, name.nl_pid);
  answers("acknowledged", fd, name.nl_pid);
  ask(fd, 999, 0, 0, 0);
  answers("unknown", fd, name.nl_pid);
  answers("empty", fd, name.nl_pid);
  say("connect: %d\n", connect(fd, (struct sockaddr *)&kernel, sizeof kernel));
  say("errors: %d %d", socket(AF_NETLINK, SOCK_STREAM, 0), errno);
  say(" %d %d\n", bind(fd, (struct sockaddr *)&kernel, 4), errno);
  return 0;
}
