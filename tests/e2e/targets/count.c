/* SPDX-License-Identifier: Apache-2.0 */
/*
 * count THREADS CALLS: each thread calls work(i) CALLS times; prints how often by its own count.
 * count THREADS 0: runs until SIGTERM, then prints; exit status 0 only if every result was right.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long calls;
static atomic_long total, wrong;
static volatile sig_atomic_t stop;

#ifdef __clang__
#define SEPARATE __attribute__((noinline))
#else
#define SEPARATE __attribute__((noipa))
#endif

SEPARATE long work(long i)
{
	long sum = i;

	__asm__ volatile("" : "+r"(sum) : : "memory");
	for (int k = 0; k < 4; k++)
		sum = sum * 31 + (sum >> 7) + k;
	return sum;
}

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static void *runner(void *arg)
{
	long n = 0, expected = work(42), bad = 0;

	(void)arg;
	while (calls ? n < calls : !stop) {
		bad += work(42) != expected;
		n++;
		if (!calls && n % 1000 == 0)
			nanosleep(&(struct timespec){ 0, 100000 }, NULL);
	}
	atomic_fetch_add(&total, n + 1);
	atomic_fetch_add(&wrong, bad);
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 1;
	pthread_t t[256];

	calls = argc > 2 ? atol(argv[2]) : 1000;
	signal(SIGTERM, on_term);
	for (int i = 1; i < threads; i++)
		pthread_create(&t[i], NULL, runner, NULL);
	if (!calls) { /* who waits for this finds all threads */
		printf("pid %d\n", (int)getpid());
		fflush(stdout);
	}
	runner(NULL);
	for (int i = 1; i < threads; i++)
		pthread_join(t[i], NULL);
	printf("total=%ld wrong=%ld\n", (long)total, (long)wrong);
	return wrong != 0;
}
