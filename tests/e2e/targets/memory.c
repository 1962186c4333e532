/* SPDX-License-Identifier: Apache-2.0 */
/* Strings of every width and variables to be changed; says what it finds after each round. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uchar.h>
#include <unistd.h>

const char16_t *const wide16 = u"w\u00efde \u20ac \U0001f600";
const char32_t *const wide32 = U"w\u00efde \u20ac \U0001f600";
static const char16_t broken16[] = { 'a', 0xd800, 'b', 0 };
static const char32_t broken32[] = { 'a', 0x110000, 0 };
static struct { int8_t c; int16_t s; int32_t i; int64_t l; char text[32]; } numbers = { -1, -2, -3, -4, "as it was" };
static volatile sig_atomic_t signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

__attribute__((noinline, noclone)) void visit(const void *a, const void *b, const void *c, const void *d, void *e)
{
	__asm__ volatile("" ::"r"(a), "r"(b), "r"(c), "r"(d), "r"(e) : "memory");
}

__attribute__((noinline, noclone)) long take(int a, unsigned b, long c, short d, char *e, long long f, long g, int h)
{
	__asm__ volatile("" ::"r"(a), "r"(b), "r"(c), "r"(e), "r"(f), "m"(g), "m"(h), "r"(d) : "memory");
	return g + h;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 1;

	signal(SIGUSR1, count_signal);
	for (int i = 0; i < rounds; i++) {
		visit(wide16, wide32, broken16, broken32, &numbers);
		take(-1, 4000000000u, -2, -3, numbers.text, 1ll << 40, -7, -8);
		if (argc > 2)
			usleep(200000);
		printf("%d %d %d %lld %s %s\n", numbers.c, numbers.s, numbers.i, (long long)numbers.l, numbers.text,
		       signals ? "signal" : "-");
		fflush(stdout);
	}
	return 0;
}
