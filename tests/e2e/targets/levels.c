/* SPDX-License-Identifier: Apache-2.0 */
/* levels: four functions, one calling the other, busy in the last, until SIGTERM. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static volatile sig_atomic_t stop;
static volatile long sink;

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

__attribute__((noipa)) void f_four(long n)
{
	for (long i = 0; i < n; i++)
		sink += i;
}
__attribute__((noipa)) void f_three(long n)
{
	f_four(n);
	sink++;
}
__attribute__((noipa)) void f_two(long n)
{
	f_three(n);
	sink++;
}
__attribute__((noipa)) void f_one(long n)
{
	f_two(n);
	sink++;
}

int main(void)
{
	long rounds = 0;

	signal(SIGTERM, on_term);
	printf("pid %d\n", (int)getpid());
	fflush(stdout);
	while (!stop) {
		f_one(100000);
		rounds++;
	}
	printf("rounds=%d wrong=0\n", rounds > 0);
	return 0;
}
