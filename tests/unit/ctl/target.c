/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program that the session's tests probe.
 *
 *	target call N        calls work() N times, exits with 0
 *	target exit S        one call, then exits with S
 *	target abort         one call, then dies by SIGABRT
 *	target spin T        T threads call work() until standard input ends; sums are checked
 *	target plugin P      loads P, calls its plugged() twice, unloads it; three times
 *	target fork          a child calls work() 10 times, then the parent once
 *	target forkload P    as plugin, in a child; fails if that takes a second
 *	target exec          calls itself with "call 7"
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 128

#ifdef __clang__
#define SEPARATE __attribute__((noinline, optnone))
#else
#define SEPARATE __attribute__((noipa))
#endif

static volatile int leave;
long work(long n);
static struct {
	long calls, sum, pad[14];
} done[MOST];

SEPARATE long work(long n)
{
	return n * 3 + 1;
}

static void *spin(void *at)
{
	long i = (long)at;

	while (!leave) {
		done[i].sum += work(i);
		done[i].calls++;
	}
	return NULL;
}

static int spin_all(int n)
{
	pthread_t t[MOST];
	char c;

	for (long i = 0; i < n; i++)
		if (pthread_create(&t[i], NULL, spin, (void *)i))
			return 2;
	printf("ready\n");
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	leave = 1;
	for (int i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	for (long i = 0; i < n; i++)
		if (done[i].sum != done[i].calls * (i * 3 + 1))
			return 3;
	return 0;
}

#ifdef WITH_DLOPEN
static int load(const char *path)
{
	for (int i = 0; i < 3; i++) {
		void *h = dlopen(path, RTLD_NOW);
		long (*plugged)(long) = h ? (long (*)(long))dlsym(h, "plugged") : NULL;

		if (!plugged || plugged(1) != 2 || plugged(2) != 3)
			return 4;
		dlclose(h);
	}
	return 0;
}
#else
static int load(const char *path)
{
	return path ? 5 : 6;
}
#endif

static int fork_one(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		for (int i = 0; i < 10; i++)
			work(i);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		return 7;
	work(1);
	return 0;
}

/* A forked child that loads a library does not wait for long. */
static int fork_and_load(const char *path)
{
	struct timespec begin, end;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		clock_gettime(CLOCK_MONOTONIC, &begin);
		status = load(path);
		clock_gettime(CLOCK_MONOTONIC, &end);
		_exit(status ? status : end.tv_sec > begin.tv_sec + 1 ? 9 : 0);
	}
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 8;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "call";
	long n = argc > 2 ? atol(argv[2]) : 1;

	if (strcmp(what, "spin") == 0)
		return spin_all((int)n);
	if (strcmp(what, "plugin") == 0)
		return load(argc > 2 ? argv[2] : NULL);
	if (strcmp(what, "forkload") == 0)
		return fork_and_load(argc > 2 ? argv[2] : NULL);
	if (strcmp(what, "fork") == 0)
		return fork_one();
	if (strcmp(what, "exec") == 0) {
		usleep(1000);
		return execl(argv[0], argv[0], "call", "7", NULL);
	}
	if (strcmp(what, "call") == 0) {
		for (long i = 0; i < n; i++)
			work(i);
		return 0;
	}
	work(n);
	if (strcmp(what, "abort") == 0)
		abort();
	return (int)n;
}
