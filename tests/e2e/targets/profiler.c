/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profiler of itself: a signal handler walks up the stack, wherever the thread stands. Prints a sum, and
 * "all" if every walk came to main().
 */
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

static volatile long samples, complete;
int main(int argc, char **argv);

static void sample(int number)
{
	const char *start = (const char *)main;
	void *frames[64];
	int n = backtrace(frames, 64), found = 0;

	(void)number;
	for (int i = 0; i < n; i++)
		found |= (const char *)frames[i] >= start && (const char *)frames[i] < start + 1024;
	samples++;
	complete += found;
}

__attribute__((noinline, noclone)) long f_leaf(long i)
{
	__asm__ volatile("" : "+r"(i));
	return i * 3;
}

__attribute__((noinline, noclone)) long f_nine(long a, long b, long c, long d, long e, long f, long g, long h, long i)
{
	long r = f_leaf(i);

	__asm__ volatile("" : "+r"(i));
	return r + a + b + c + d + e + f + g + h;
}

int main(int argc, char **argv)
{
	struct sigaction a = { .sa_handler = sample, .sa_flags = SA_RESTART };
	struct itimerval t = { { 0, 500 }, { 0, 500 } };
	long sum = 0, n = argc > 1 ? atol(argv[1]) : 1000000;
	void *first[4];

	backtrace(first, 4);
	sigaction(SIGPROF, &a, NULL);
	setitimer(ITIMER_PROF, &t, NULL);
	for (long i = 0; i < n; i++)
		sum += f_leaf(i) + f_nine(1, 2, 3, 4, 5, 6, 7, 8, i);
	while (samples < 20)
		sum += f_leaf(0);
	t = (struct itimerval){ 0 };
	setitimer(ITIMER_PROF, &t, NULL);
	printf("sum %ld\n", sum);
	printf("%s\n", complete == samples ? "all" : "not all");
	return 0;
}
