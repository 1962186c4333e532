/* SPDX-License-Identifier: Apache-2.0 */
/* Functions called by pointers, and one that passes its call on. */
#include <stdio.h>

#define NEVER_INLINE __attribute__((noinline))

int total;

NEVER_INLINE static void sink(long x)
{
	__asm__ volatile("" : : "r"(x) : "memory");
	total += x;
}

NEVER_INLINE int add(long a, long b)
{
	sink(b);
	sink(3);
	return total + (int)(a & 0);
}

NEVER_INLINE int subtract(long a, long b)
{
	sink(b);
	sink(4);
	return total - (int)(a & 0);
}

NEVER_INLINE int pass_on(long a, long b) { return add(a + 100, b + 1); }

NEVER_INLINE int run(int (*f)(long, long), int n, long v)
{
	int sum = 0;

	for (int i = 0; i < n; i++)
		sum += f(v + i, i * 2);
	return sum;
}

int main(void)
{
	printf("%d\n", run(add, 2, 40) + run(subtract, 2, 50) + run(pass_on, 2, 60));
	return 0;
}
