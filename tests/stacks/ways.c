/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks of all kinds: realigned, of variable size, signals, callbacks, other stacks, recursion. */
#include <alloca.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEEP __attribute__((noinline, noclone))
static volatile long sink;

KEEP static long leaf(long x)
{
	sink += x;
	return x * 3 + sink;
}

KEEP static long many(long a, long b, long c, long d, long e, long f, long g, long h)
{
	long r = leaf(a) * b + leaf(c) * d + leaf(e) * f + leaf(g) * h;

	return r ^ leaf(a + h) ^ leaf(b + g);
}

KEEP static long realigned(long n)
{
	_Alignas(64) char room[128];

	memset(room, (int)n, sizeof room);
	sink += (long)room % 64;
	return leaf(room[n & 127]) + many(n, 1, 2, 3, 4, 5, 6, 7);
}

KEEP static long realigned_variable(long n)
{
	_Alignas(64) char room[64];
	char *more = alloca((size_t)n + 1);

	memset(more, 1, (size_t)n);
	memset(room, 2, sizeof room);
	return leaf(more[n / 2] + room[3]) + realigned(n);
}

KEEP static long variable(long n)
{
	char room[n + 8];

	memset(room, 1, (size_t)n);
	return many(room[n - 1], n, 2, 3, 4, 5, 6, 7) + leaf(n);
}

KEEP static long large(long n)
{
	volatile char room[20000];

	room[n] = 1;
	room[n * 3] = 2;
	return leaf(room[n]) + variable(n);
}

KEEP static long recursive(long n)
{
	return n ? recursive(n - 1) + leaf(n) : realigned_variable(7);
}

KEEP static int compare(const void *a, const void *b)
{
	leaf(3);
	return *(const int *)a - *(const int *)b;
}

KEEP static void handler(int sig)
{
	leaf(sig);
	variable(sig + 3);
}

KEEP static void on_signals(void)
{
	static char room[65536];
	stack_t other = { .ss_sp = room, .ss_size = sizeof room };
	struct sigaction a = { .sa_handler = handler };

	sigaction(SIGUSR1, &a, NULL);
	sigaltstack(&other, NULL);
	a.sa_flags = SA_ONSTACK;
	sigaction(SIGUSR2, &a, NULL);
	raise(SIGUSR1);
	raise(SIGUSR2);
	kill(getpid(), SIGUSR1);
}

static jmp_buf place;

KEEP static void jumps(long n)
{
	if (setjmp(place) == 0) {
		large(n);
		longjmp(place, 1);
	}
	leaf(n);
}

KEEP static long switched(long n)
{
	switch (n & 7) {
	case 0: return leaf(n);
	case 1: return many(n, 1, 2, 3, 4, 5, 6, 7);
	case 2: return variable(n + 2);
	case 3: return recursive(n);
	case 4: return realigned(n);
	default: return realigned_variable(n);
	}
}

int main(void)
{
	int numbers[64];
	char text[200];

	for (int i = 0; i < 64; i++)
		numbers[i] = i * 7919 % 64;
	qsort(numbers, 64, sizeof *numbers, compare);
	for (long i = 0; i < 16; i++)
		switched(i);
	jumps(11);
	on_signals();
	snprintf(text, sizeof text, "%s %ld %g", "text", recursive(5), 1.5);
	sink = (long)strlen(text);
	free(malloc(100));
	return 0;
}
