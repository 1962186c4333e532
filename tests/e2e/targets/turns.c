/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turns THREADS: each thread works and sleeps by turns, then tells its number, the nanoseconds it ran
 * as the scheduler counted them (schedstat, without what a hypervisor took away meanwhile) and as the task clock did (with it),
 * and those since it began:
 *
 *	1235 301220314 301250771 553120001
 */
#define _GNU_SOURCE
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile unsigned long sink;

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* The calling thread's task clock, from now on. */
static int open_clock(void)
{
	struct perf_event_attr a = { .type = PERF_TYPE_SOFTWARE, .size = sizeof a, .config = PERF_COUNT_SW_TASK_CLOCK, .exclude_kernel = 1 };

	return (int)syscall(SYS_perf_event_open, &a, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static void *work(void *unused)
{
	long long begin = now(), ran = 0, clock = 0;
	int fd = open_clock();
	FILE *f;

	(void)unused;
	for (int turn = 0; turn < 40; turn++) {
		for (int i = 0; i < 3000000; i++)
			sink += (unsigned long)i;
		nanosleep(&(struct timespec){ 0, 3000000 }, NULL);
	}
	f = fopen("/proc/thread-self/schedstat", "r");
	if (!f || fscanf(f, "%lld", &ran) != 1)
		exit(1);
	fclose(f);
	if (read(fd, &clock, sizeof clock) != sizeof clock)
		exit(1);
	close(fd);
	printf("%d %lld %lld %lld\n", (int)gettid(), ran, clock, now() - begin);
	return NULL;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1;
	pthread_t threads[64];

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; i < n && i < 64; i++)
		if (pthread_create(&threads[i], NULL, work, NULL))
			return 1;
	for (int i = 0; i < n && i < 64; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
