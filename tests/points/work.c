/* SPDX-License-Identifier: Apache-2.0 */
/* Inlined and other functions, labels, lines of all kinds. Lines are named by the recorded listings: add at the end. */
#include <stdio.h>
#include <stdlib.h>

struct job {
	int size;
	const char *name;
};
static volatile int total;

static inline __attribute__((always_inline)) int doubled(int v)
{
	int twice = v * 2;

	return twice + total;
}

static int weigh(struct job *j, int factor)
{
	int weight = j->size + factor;

	total += weight;
	return doubled(weight);
}

__attribute__((noinline)) int sum_up(int n, char **names)
{
	struct job j = { n, names[0] };
	int sum = 0;

	for (int i = 0; i < n; i++) {
		sum += weigh(&j, i);
		if (sum > 1000)
			goto out;
	}
	sum += doubled(sum);
out:
	puts(j.name);
	return sum;
}

__attribute__((noinline)) void nothing(void) {}
__attribute__((noinline)) int one_line(int x) { return x + total; }

__attribute__((noinline)) static int by_table(int which)
{
	switch (which) {
	case 0: return one_line(3);
	case 1: nothing(); return 4;
	case 2: abort();
	default: return which * total;
	}
}

__attribute__((cold, noinline)) static void complain(int n)
{
	printf("%d is wrong\n", n);
	exit(3);
}

int checked(int n)
{
	if (n < 0)
		complain(n);
	return by_table(n) + one_line(n);
}

int main(int argc, char **argv)
{
	nothing();
	return sum_up(argc, argv) + checked(argc) == 12345;
}
