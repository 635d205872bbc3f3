/* Twenty processes that wait for what never comes, each in another way, while their parent works for as long as it is told. */
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void wait_for_ever(int way) {
  int pipe_ends[2], sockets[2], poller = epoll_create1(0);
  char byte;
  pipe(pipe_ends);
  socketpair(AF_UNIX, SOCK_STREAM, 0, sockets);
  struct pollfd polled[2] = {{pipe_ends[0], POLLIN}, {sockets[0], POLLIN}};
  struct epoll_event event = {EPOLLIN};
  epoll_ctl(poller, EPOLL_CTL_ADD, sockets[0], &event);
  switch (way % 6) {
  case 0:
    read(pipe_ends[0], &byte, 1);
    break;
  case 1:
    recv(sockets[0], &byte, 1, 0);
    break;
  case 2:
    poll(polled, 2, -1);
    break;
  case 3:
    epoll_wait(poller, &event, 1, -1);
    break;
  case 4:
    pause();
    break;
  default:
    read(0, &byte, 1);
  }
}

int main(int argc, char **argv) {
  int count = atoi(argv[1]);
  volatile long work = atol(argv[2]);
  pid_t children[32];
  for (int i = 0; i < count; i++)
    if ((children[i] = fork()) == 0) {
      wait_for_ever(i);
      _exit(1);
    }
  for (int i = 0; i < 50 * count; i++) sched_yield();
  while (work > 0) work--;
  for (int i = 0; i < count; i++) {
    kill(children[i], SIGKILL);
    waitpid(children[i], NULL, 0);
  }
  printf("done\n");
  return 0;
}
