/* Parents and children that write the same pages see their own; what is written goes through pipes in order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int shared = 5;

static void child(int k, int *heap, int out)
{
	char line[64];
	shared += k;
	heap[k * 100] = 1000 + k;
	int n = sprintf(line, "child %d: shared %d heap %d %d\n", k, shared, heap[k * 100], heap[(k + 1) * 100]);
	write(out, line, n);
	_exit(k);
}

int main(void)
{
	int p[2], status;
	int *heap = malloc(8 * 4096);
	for (int i = 0; i < 8192; i++)
		heap[i] = i;
	pipe(p);
	for (int k = 0; k < 10; k++) {
		pid_t pid = fork();
		if (pid == 0)
			child(k, heap, p[1]);
		waitpid(pid, &status, 0);
		printf("%d ended with %d; shared %d heap %d\n", k, WEXITSTATUS(status), shared, heap[k * 100]);
	}
	close(p[1]);
	char buffer[4096];
	int n, total = 0;
	while ((n = read(p[0], buffer + total, sizeof buffer - total)) > 0)
		total += n;
	fwrite(buffer, 1, total, stdout);

	/* A grandchild outlives its parent. */
	fflush(stdout);
	int done[2];
	pipe(p);
	pipe(done);
	pid_t pid = fork();
	if (pid == 0) {
		pid_t parent = getpid();
		if (fork() == 0) {
			char byte;
			close(p[1]);
			read(p[0], &byte, 1);
			printf("grandchild: parent is %s\n", getppid() == parent ? "still there" : "another");
			fflush(stdout);
			_exit(0);
		}
		_exit(42);
	}
	waitpid(pid, &status, 0);
	printf("child ended with %d\n", WEXITSTATUS(status));
	fflush(stdout);
	close(p[1]);
	close(done[1]);
	read(done[0], buffer, 1);
	return 0;
}
