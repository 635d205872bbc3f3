/* Runs each program that is named, and prints its exit code, or -1 where it was not started or ended by a signal. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    int started[2], status; /* a pipe that exec closes */
    if (pipe(started) != 0) return 1;
    fcntl(started[1], F_SETFD, FD_CLOEXEC);
    pid_t child = fork();
    if (child == 0) {
      execv(argv[i], (char *[]){argv[i], NULL});
      _exit(write(started[1], "", 1) == 1 ? 0 : 1);
    }
    close(started[1]);
    char failed;
    int is_started = read(started[0], &failed, 1) == 0;
    close(started[0]);
    if (child < 0 || waitpid(child, &status, 0) != child) return 1;
    printf("%d\n", is_started && WIFEXITED(status) ? WEXITSTATUS(status) : -1);
  }
  return 0;
}
