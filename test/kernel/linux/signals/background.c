/* What a process finds of a terminal that is in its background, or has no terminal at all. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

int main(void) {
  char line[16];
  int status;
  struct termios settings;
  setvbuf(stdout, NULL, _IONBF, 0);
  signal(SIGTTOU, SIG_IGN);
  pid_t child = fork();
  if (child == 0) {
    setpgid(0, 0);
    long length = read(0, line, sizeof line);
    printf("read %ld %.*s", length, (int)length, line);
    tcgetattr(0, &settings);
    printf("set %d\n", tcsetattr(0, TCSANOW, &settings));
    signal(SIGTTIN, SIG_IGN);
    tcsetpgrp(0, getppid());
    length = read(0, line, sizeof line);
    printf("ignored %ld %d\n", length, errno);
    signal(SIGTTOU, SIG_DFL);
    tcsetattr(0, TCSANOW, &settings);
    printf("set again\n");
    _exit(3);
  }
  setpgid(child, child);
  waitpid(child, &status, WUNTRACED);
  printf("stopped %d by %d\n", WIFSTOPPED(status), WSTOPSIG(status));
  printf("foreground %d\n", tcsetpgrp(0, child));
  kill(child, SIGCONT);
  waitpid(child, &status, WUNTRACED);
  printf("stopped %d by %d\n", WIFSTOPPED(status), WSTOPSIG(status));
  tcsetpgrp(0, child);
  kill(child, SIGCONT);
  waitpid(child, &status, WUNTRACED);
  printf("ended %d with %d\n", WIFEXITED(status), WEXITSTATUS(status));
  tcsetpgrp(0, getpid());
  if (fork() == 0) {
    setsid();
    int opened = open("/dev/tty", O_RDWR), why = errno;
    int group = tcgetpgrp(0), why_group = errno;
    printf("apart %d %d, %d %d\n", opened, why, group, why_group);
    _exit(0);
  }
  wait(&status);
  printf("tty %d group %d\n", open("/dev/tty", O_RDWR) >= 0, tcgetpgrp(0) == getpid());
  return 0;
}
