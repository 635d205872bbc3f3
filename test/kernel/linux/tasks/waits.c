/* What waits answer, and in which order. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t ended(int code)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(code);
	return pid;
}

static int last_status;

/* Prints what a wait answers: whether it is the child that is meant, else the error. */
static void tell(const char *what, pid_t answer, pid_t meant)
{
	if (answer < 0)
		printf("%s: %s\n", what, strerror(errno));
	else
		printf("%s: %s, status %x\n", what, answer == 0 ? "none yet" : answer == meant ? "it" : "another", answer > 0 ? last_status : 0);
}

int main(void)
{
	int status = -1, p[2];
	tell("none", wait(&last_status), 0);
	pid_t a = ended(1), b = ended(2), c = ended(3);
	tell("b", waitpid(b, &last_status, 0), b);
	siginfo_t info;
	memset(&info, 0, sizeof info);
	printf("c stays: %d", waitid(P_PID, c, &info, WEXITED | WNOWAIT));
	printf(" %d %d %d\n", info.si_pid == c, info.si_status, info.si_code);
	pid_t first = wait(&last_status);
	printf("a or c: %d\n", first == a || first == c);
	printf("the other: %d\n", wait(&last_status) > 0);
	tell("none", waitpid(-1, &last_status, WNOHANG), 0);
	pipe(p);
	pid_t d = fork();
	if (d == 0) {
		char byte;
		close(p[1]);
		read(p[0], &byte, 1);
		_exit(7);
	}
	tell("d", waitpid(d, &last_status, WNOHANG), d);
	close(p[1]);
	tell("d", waitpid(d, &last_status, 0), d);
	tell("stranger", waitpid(getpid(), &last_status, 0), 0);
	tell("flags", waitpid(-1, &last_status, 0x40), 0);
	d = fork();
	if (d == 0)
		*(volatile int *)8 = 1;
	pid_t killed = waitpid(d, &last_status, 0);
	printf("killed: %d by %d\n", killed == d && WIFSIGNALED(last_status), WTERMSIG(last_status));
	fflush(stdout);

	/* Twenty in a row, each hands on what it reads, one more. */
	int in = -1;
	for (int k = 0; k < 20; k++) {
		int next[2];
		pipe(next);
		if (fork() == 0) {
			int value = 0;
			if (in >= 0)
				read(in, &value, sizeof value);
			value += k;
			write(next[1], &value, sizeof value);
			_exit(0);
		}
		close(next[1]);
		if (in >= 0)
			close(in);
		in = next[0];
	}
	int value;
	read(in, &value, sizeof value);
	int count = 0;
	while (wait(&status) > 0)
		count += WIFEXITED(status) && WEXITSTATUS(status) == 0;
	printf("pipeline: %d, %d ended\n", value, count);
	return 0;
}
