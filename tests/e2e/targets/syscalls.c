/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls in every awkward way: blocked, interrupted, restarted, cancelled, made in a signal handler
 * while the same call is blocked, in threads, by syscall(), by instructions of the program's own, around
 * vfork, fork and clone. Prints what came back. `syscalls wait`: sits in blocked calls until it is told to go on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int pipes[2];
static volatile int handled;

static long raw(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return result;
}

/* The way back is also reached without the call. */
__attribute__((noinline)) static long shared_way(long number, long skip)
{
	long result = number;

	__asm__ volatile("test %1, %1\n\tjnz 1f\n\tsyscall\n1:\n\tnop\n\tnop"
			 : "+a"(result) : "r"(skip) : "rcx", "r11", "memory");
	return result;
}

static void handler(int sig)
{
	char byte;

	(void)sig;
	handled++;
	/* the same call as the one that is interrupted */
	if (read(pipes[0], &byte, 0) != 0)
		_exit(9);
}

static void *blocked(void *unused)
{
	char byte;

	(void)unused;
	read(pipes[0], &byte, 1);
	return NULL;
}

static void take(int flags)
{
	struct sigaction a = { .sa_handler = handler, .sa_flags = flags };

	sigaction(SIGUSR1, &a, NULL);
}

static void *poke(void *at)
{
	struct timespec t = { 0, 50000000 };

	nanosleep(&t, NULL);
	pthread_kill(*(pthread_t *)at, SIGUSR1);
	nanosleep(&t, NULL);
	return write(pipes[1], "x", 1) == 1 ? NULL : at;
}

static void interrupted(int flags)
{
	pthread_t self = pthread_self(), other;
	char byte = '-';
	long n;

	take(flags);
	pthread_create(&other, NULL, poke, &self);
	n = read(pipes[0], &byte, 1);
	printf("read %ld %s %c\n", n, n < 0 ? strerror(errno) : "", byte);
	pthread_join(other, NULL);
	if (n < 0)
		read(pipes[0], &byte, 1);
}

static void cancelled(void)
{
	pthread_t t;
	void *result;

	pthread_create(&t, NULL, blocked, NULL);
	usleep(50000);
	pthread_cancel(t);
	pthread_join(t, &result);
	printf("cancelled %d\n", result == PTHREAD_CANCELED);
}

static int child(void *unused)
{
	(void)unused;
	return 7;
}

static void children(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	int status;
	pid_t pid = vfork();

	if (pid == 0)
		_exit(3);
	waitpid(pid, &status, 0);
	printf("vfork %d\n", WEXITSTATUS(status));
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(5);
	waitpid(pid, &status, 0);
	printf("fork %d\n", WEXITSTATUS(status));
	pid = clone(child, stack + sizeof stack, SIGCHLD, NULL);
	waitpid(pid, &status, 0);
	printf("clone %d\n", WEXITSTATUS(status));
}

static void *waiting(void *unused)
{
	char byte;

	(void)unused;
	return (void *)(read(pipes[0], &byte, 1) == 1 ? 1l : 0l);
}

static int wait_for(int threads)
{
	pthread_t t[16];
	char line[16];
	void *result;
	long sum = 0;

	for (int i = 0; i < threads; i++)
		pthread_create(&t[i], NULL, waiting, NULL);
	printf("ready\n");
	fflush(stdout);
	take(0);
	while (!handled)
		pause();
	for (int i = 0; i < threads; i++)
		write(pipes[1], "x", 1);
	for (int i = 0; i < threads; i++) {
		pthread_join(t[i], &result);
		sum += (long)result;
	}
	snprintf(line, sizeof line, "%ld\n", sum);
	write(1, line, strlen(line));
	return 0;
}

int main(int argc, char **argv)
{
#ifdef M_ARENA_MAX
	/* A thread's arena is aligned by one or two munmap, as its address falls. */
	mallopt(M_ARENA_MAX, 1);
#endif
	if (pipe(pipes))
		return 1;
	if (argc > 1 && strcmp(argv[1], "wait") == 0)
		return wait_for(8);
	interrupted(SA_RESTART);
	interrupted(0);
	cancelled();
	children();
	printf("syscall %d\n", syscall(SYS_getpid) == getpid());
	printf("raw %d %ld\n", raw(SYS_getppid, 0, 0, 0) == getppid(), raw(1000000, 0, 0, 0));
	printf("shared %d %ld\n", shared_way(SYS_getpid, 0) == getpid(), shared_way(SYS_getpid, 1));
	printf("handled %d\n", handled);
	return 0;
}
