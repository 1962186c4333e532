/* SPDX-License-Identifier: Apache-2.0 */
/* profiled THREADS ROUNDS: each thread computes for so many rounds; prints "wall cpu", in seconds. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static long rounds;

__attribute__((noinline)) static unsigned long compute(unsigned long x)
{
	for (int i = 0; i < 1000; i++)
		x = x * 6364136223846793005ul + 1442695040888963407ul;
	return x;
}

static void *work(void *seed)
{
	unsigned long x = (unsigned long)seed;

	for (long i = 0; i < rounds; i++)
		x = compute(x);
	return (void *)x;
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1;
	pthread_t threads[1024];
	struct timespec begin, end;
	struct rusage r;

	rounds = argc > 2 ? atol(argv[2]) : 1;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (int i = 0; i < n && i < 1024; i++)
		pthread_create(&threads[i], NULL, work, (void *)(long)i);
	for (int i = 0; i < n && i < 1024; i++)
		pthread_join(threads[i], NULL);
	clock_gettime(CLOCK_MONOTONIC, &end);
	getrusage(RUSAGE_SELF, &r);
	printf("%.4f %.4f\n", (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9,
	       seconds(r.ru_utime) + seconds(r.ru_stime));
	return 0;
}
