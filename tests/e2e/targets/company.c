/* SPDX-License-Identifier: Apache-2.0 */
/* Two threads that call outer, middle, leaf until SIGTERM, and check what these return; prints wrong=0 then. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#define KEEP __attribute__((noinline, noclone))
static volatile sig_atomic_t over;
static volatile long sink, wrong;

KEEP long leaf(long n)
{
	for (int i = 0; i < 300; i++)
		sink += n;
	return n + 1;
}

KEEP long middle(long n)
{
	return leaf(n) * 2 + leaf(n + 1);
}

/* With an argument on the stack: its return address is kept aside when it is probed. */
KEEP long outer(long a, long b, long c, long d, long e, long f, long n)
{
	return middle(n + a + b + c + d + e + f) + 1;
}

static void *work(void *unused)
{
	(void)unused;
	for (long i = 0; !over; i++)
		if (outer(1, 1, 1, 1, 1, 1, i) != (i + 7) * 2 + i + 9)
			wrong++;
	return NULL;
}

static void on_term(int sig)
{
	over = sig != 0;
}

int main(void)
{
	pthread_t t;

	signal(SIGTERM, on_term);
	puts("begin");
	fflush(stdout);
	pthread_create(&t, NULL, work, NULL);
	work(NULL);
	pthread_join(t, NULL);
	printf("wrong=%ld\n", wrong);
	return 0;
}
