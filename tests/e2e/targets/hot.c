/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hot SECONDS [THREADS]: burns processor time in three functions in shares of about 60, 30 and 10
 * per cent, in threads that are made one after the other, and tells the shares as it measured them:
 *
 *	large=599 middle=301 small=100 cpu_ms=2004
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double spent[3];
static volatile unsigned long sink;

static double cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#define BURN(name)                                          \
	__attribute__((noinline)) void name(unsigned long); \
	void name(unsigned long n)                          \
	{                                                   \
		for (unsigned long i = 0; i < n; i++)       \
			sink += i ^ (sink << 1);            \
	}
BURN(burn_large)
BURN(burn_middle)
BURN(burn_small)

static void timed(void (*burn)(unsigned long), unsigned long n, double *sum)
{
	double before = cpu_time();

	burn(n);
	*sum += cpu_time() - before;
}

static void *work(void *seconds)
{
	double end = cpu_time() + *(double *)seconds, mine[3] = { 0 };

	while (cpu_time() < end) {
		timed(burn_large, 120000, &mine[0]);
		timed(burn_middle, 60000, &mine[1]);
		timed(burn_small, 20000, &mine[2]);
	}
	for (int i = 0; i < 3; i++)
		spent[i] += mine[i];
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 2 ? atoi(argv[2]) : 1;
	double seconds = (argc > 1 ? atof(argv[1]) : 1) / threads, all;
	pthread_t t;

	puts("begin");
	fflush(stdout);
	for (int i = 0; i < threads; i++) {
		if (pthread_create(&t, NULL, work, &seconds))
			return 1;
		pthread_join(t, NULL);
	}
	all = spent[0] + spent[1] + spent[2];
	fprintf(stderr, "large=%.0f middle=%.0f small=%.0f cpu_ms=%.0f\n", spent[0] / all * 1000, spent[1] / all * 1000,
		spent[2] / all * 1000, all * 1000);
	return 0;
}
