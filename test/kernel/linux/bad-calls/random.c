/* Random system calls with random arguments, from four threads. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <time.h>
#include <unistd.h>

static char pool[16][4096];
static __thread uint64_t state;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static const char *paths[] = {"/", "/file", "/b", "/directory", "/directory/file", "/proc/self/exe", "/proc/self/fd/0",
	"/dev/null", "/dev/zero", "/nosuch/x", "..", ".", "a", "/dev/tty", "/proc/self/maps", "/directory/../a",
	"/proc/1/stat", ""};

static uint64_t argument(void)
{
	switch (next() % 14) {
	case 0:
		return 0;
	case 1:
		return next() % 8;
	case 2:
		return next() % 64;
	case 3:
		return (uint64_t)-1 - next() % 200;
	case 4:
	case 5:
		return (uint64_t)pool[next() % 16] + next() % 64 * 8;
	case 6:
		return (uint64_t)paths[next() % (sizeof paths / sizeof *paths)];
	case 7:
		return 1ull << (next() % 64);
	case 8:
		return next();
	case 9:
		return (next() % 64) * 4096;
	case 10:
		return 4096;
	case 11:
		return (uint64_t)pool[15] + 4096 - next() % 16;
	case 12:
		return next() & 0xffffffff;
	default:
		return next() % 4096;
	}
}

static void *work(void *given)
{
	state = (uint64_t)given * 0x9e3779b97f4a7c15ull | 1;
	for (int i = 0; i < 8; i++)
		next();
	for (int i = 0; i < 400; i++) {
		if (next() % 4 == 0)
			for (int k = 0; k < 64; k++)
				((uint64_t *)pool[next() % 16])[k] = argument();
		long number = next() % 340;
		static const short rare[] = {424, 425, 434, 435, 436, 437, 439, 441, 1000, -1};
		if (next() % 8 == 0)
			number = rare[next() % 10];
		/* Those for sockets, timers and events, of which there are many. */
		else if (next() % 3 == 0)
			number = next() % 2 ? 41 + next() % 15 : 213 + next() % 95;
		/* These end the test, or a thread of it, too early. */
		if (number == SYS_exit || number == SYS_exit_group || number == SYS_pause || number == SYS_rt_sigsuspend)
			continue;
		if (number == SYS_rt_sigreturn && next() % 8)
			continue;
		if ((number == SYS_fork || number == SYS_vfork || number == SYS_clone) && next() % 4)
			continue;
		syscall(number, argument(), argument(), argument(), argument(), argument(), argument());
	}
	return NULL;
}

/* Descriptors of every kind, so that calls find something to work on. */
static void open_some(void)
{
	int pair[2], control = 1;
	sigset_t signals;
	struct itimerspec soon = {{0, 1000}, {0, 1000}};
	sigfillset(&signals);
	pipe(pair);
	for (int type = 1; type <= 5; type += type == 2 ? 3 : 1) {
		socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair);
		setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &control, 4);
	}
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct sockaddr_un name = {AF_UNIX, "/listener"};
	bind(listener, (struct sockaddr *)&name, sizeof name);
	listen(listener, 1);
	connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&name, sizeof name);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	listen(listener, 1);
	socket(AF_INET6, SOCK_DGRAM, 0);
	int poll = epoll_create1(0);
	struct epoll_event event = {EPOLLIN | EPOLLOUT | EPOLLET};
	for (int fd = 3; fd < poll; fd++)
		epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
	timerfd_settime(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), 0, &soon, 0);
	signalfd(-1, &signals, SFD_NONBLOCK);
	eventfd(1, EFD_NONBLOCK);
}

int main(int argc, char **argv)
{
	pthread_t threads[4];
	uint64_t seed = strtoull(argv[1], 0, 10);
	for (int k = 0; k < 16; k++)
		memset(pool[k], k, 4096);
	open_some();
	for (uint64_t k = 0; k < 4; k++)
		pthread_create(&threads[k], 0, work, (void *)(seed * 4 + k + 1));
	for (int k = 0; k < 4; k++)
		pthread_join(threads[k], 0);
	return 0;
}
