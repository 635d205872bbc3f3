/* A thousand children, one after another, and a bomb that a limit of processes or of memory stops. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int count = atoi(argv[1]), status, sum = 0;
	for (int k = 0; k < count; k++) {
		pid_t pid = fork();
		if (pid < 0) {
			perror("fork");
			return 1;
		}
		if (pid == 0)
			_exit(k & 63);
		waitpid(pid, &status, 0);
		sum += WEXITSTATUS(status);
	}
	printf("%d children, sum %d\n", count, sum);
	if (argc > 2) {
		int p[2], children = 0;
		pipe(p);
		for (;;) {
			pid_t pid = fork();
			if (pid == 0) {
				char byte;
				close(p[1]);
				read(p[0], &byte, 1);
				_exit(0);
			}
			if (pid < 0)
				break;
			children++;
		}
		printf("stopped: %s, %s\n", errno == EAGAIN || errno == ENOMEM ? "refused" : "?", children > 50 ? "many" : "few");
		fflush(stdout);
		close(p[1]);
		while (wait(&status) > 0)
			children--;
		printf("%d left\n", children);
	}
	return 0;
}
