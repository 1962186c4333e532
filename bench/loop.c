/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop mark|function THREADS ITERATIONS: the microbenchmark. Every thread runs the loop; prints
 * milliseconds of user, system and wall time of the loops alone, then the number of hits.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sdt.h>
#include <time.h>

#ifdef BENCH_LTTNG
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "lttng_tp.h"
#define HIT(i) lttng_ust_tracepoint(bench, hit, i)
#else
#define HIT(i) STAP_PROBE1(bench, hit, i)
#endif

static long iterations;

__attribute__((noinline, noclone)) long step(long i)
{
	__asm__ volatile("" : "+r"(i) : : "memory");
	return i + 1;
}

static void *loop_mark(void *arg)
{
	for (long i = 0; i < iterations; i++)
		HIT(i);
	return arg;
}

static void *loop_function(void *arg)
{
	for (long i = 0; i < iterations; i++)
		step(i);
	return arg;
}

static double ms(struct timeval t)
{
	return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3;
}

int main(int argc, char **argv)
{
	void *(*loop)(void *) = argc > 1 && strcmp(argv[1], "function") == 0 ? loop_function : loop_mark;
	int threads = argc > 2 ? atoi(argv[2]) : 1;
	struct timespec start, end;
	struct rusage before, after;
	pthread_t t[64];

	iterations = argc > 3 ? atol(argv[3]) : 10000000;
	getrusage(RUSAGE_SELF, &before);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 1; i < threads; i++)
		pthread_create(&t[i], NULL, loop, NULL);
	loop(NULL);
	for (int i = 1; i < threads; i++)
		pthread_join(t[i], NULL);
	clock_gettime(CLOCK_MONOTONIC, &end);
	getrusage(RUSAGE_SELF, &after);
	printf("%.2f %.2f %.2f %ld\n", ms(after.ru_utime) - ms(before.ru_utime), ms(after.ru_stime) - ms(before.ru_stime),
	       (double)(end.tv_sec - start.tv_sec) * 1e3 + (double)(end.tv_nsec - start.tv_nsec) / 1e6,
	       iterations * threads);
	return 0;
}
