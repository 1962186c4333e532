/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that make system calls as fast as they can, a timer whose handler makes others in the middle, threads and
 * processes that come and go. Each result is checked; ends with SIGTERM and tells how many were wrong.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 8

static volatile int stop;
static long handled, bad;

static void check(int good)
{
	if (!good)
		__atomic_add_fetch(&bad, 1, __ATOMIC_RELAXED);
}

static void on_alarm(int sig)
{
	int saved = errno, fd = open("/etc/passwd", O_RDONLY);
	char byte;

	(void)sig;
	__atomic_add_fetch(&handled, 1, __ATOMIC_RELAXED);
	check(fd >= 0 && read(fd, &byte, 1) == 1 && close(fd) == 0 && getppid() > 0);
	errno = saved;
}

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static int status_of(pid_t pid)
{
	int status = 0;
	pid_t got;

	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	return got == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void make_child(int by_vfork)
{
	pid_t pid = by_vfork ? vfork() : fork();

	if (pid == 0)
		_exit(by_vfork ? 7 : 5);
	check(status_of(pid) == (by_vfork ? 7 : 5));
}

static void block_and_unblock(void)
{
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	check(pthread_sigmask(SIG_BLOCK, &set, &old) == 0 && !sigismember(&old, SIGUSR1));
	check(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);
}

static void talk_to_self(const int fds[2])
{
	char text[8];
	ssize_t n;

	check(write(fds[1], "hello", 5) == 5);
	do
		n = read(fds[0], text, 5);
	while (n < 0 && errno == EINTR);
	check(n == 5 && memcmp(text, "hello", 5) == 0);
}

static void *work(void *argument)
{
	long id = (long)argument, n;
	int fds[2];

	check(pipe(fds) == 0);
	for (n = 0; !stop; n++) {
		struct pollfd p = { fds[0], POLLIN, 0 };

		talk_to_self(fds);
		check(syscall(SYS_getpid) == getpid());
		if (n % 16 == 0)
			check(poll(&p, 1, 1) <= 0);
		if (n % 32 == id)
			check(open("/nowhere/x", O_RDONLY) == -1 && errno == ENOENT);
		if (n % 64 == 0 && (id == 3 || id == 4))
			make_child(id == 4);
		if (n % 8 == 0 && id == 5)
			block_and_unblock();
	}
	return (void *)n;
}

static void *nothing(void *argument)
{
	return argument;
}

int main(void)
{
	struct sigaction on = { .sa_handler = on_alarm, .sa_flags = SA_RESTART }, off = { .sa_handler = on_term };
	struct itimerval often = { { 0, 3000 }, { 0, 3000 } };
	pthread_t workers[WORKERS], other;

	sigaction(SIGALRM, &on, NULL);
	sigaction(SIGTERM, &off, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (long i = 0; i < WORKERS; i++)
		pthread_create(&workers[i], NULL, work, (void *)i);
	puts("ready");
	fflush(stdout);
	while (!stop) {
		if (pthread_create(&other, NULL, nothing, NULL) == 0)
			pthread_join(other, NULL);
		usleep(2000);
	}
	for (int i = 0; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
	printf("wrong %ld, handled %d\n", bad, handled > 0);
	return bad != 0;
}
