/* SPDX-License-Identifier: Apache-2.0 */
/* ticks N MS: calls work N times; every MS milliseconds (0: never) a signal's handler calls tick. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

static volatile unsigned long ticks;

__attribute__((noinline)) void tick(int signal)
{
	ticks += (unsigned long)signal;
}

__attribute__((noinline)) unsigned long work(unsigned long i)
{
	__asm__ volatile("" : "+r"(i));
	return i * 3 + 1;
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000, sum = 0;
	long ms = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
	struct itimerval every = { { 0, ms * 1000 }, { 0, ms * 1000 } };
	struct sigaction action = { .sa_handler = tick, .sa_flags = SA_RESTART };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	for (unsigned long i = 0; i < n; i++)
		sum += work(i);
	printf("sum=%lu\n", sum);
	return 0;
}
