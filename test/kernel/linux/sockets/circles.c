/* Makes circles of sockets that only messages of each other hold, again and again: they have to be found. Prints how many. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int send_file(int to, int file) {
  union { char bytes[CMSG_SPACE(4)]; struct cmsghdr header; } control = {0};
  struct iovec part = {"x", 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  control.header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(4)};
  memcpy(CMSG_DATA(&control.header), &file, 4);
  return sendmsg(to, &message, MSG_DONTWAIT) == 1;
}

int main(void) {
  int circles = 0;
  for (int i = 0; i < 3000; i++) {
    int a[2], b[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, a) || socketpair(AF_UNIX, SOCK_DGRAM, 0, b)) break;
    /* Each end holds the other pair's, and one holds itself. */
    if (!send_file(a[0], b[1]) || !send_file(b[0], a[1]) || (i % 2 && !send_file(a[0], a[1]))) break;
    close(a[0]), close(a[1]), close(b[0]), close(b[1]);
    circles++;
  }
  printf("%d\n", circles);
  return 0;
}
