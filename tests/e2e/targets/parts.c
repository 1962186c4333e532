/* SPDX-License-Identifier: Apache-2.0 */
/* Something for each place that debug information may be kept in. */
#include <stdio.h>

struct part {
	int id;
	struct part *next;
	const char *name;
};
static struct part tail = { 2, 0, "tail" };
int counter = 3;

static inline __attribute__((always_inline)) int doubled(int v)
{
	int twice = v * 2;

	return twice + counter;
}

__attribute__((noinline)) static int inner(struct part *p, int n)
{
	__asm__ volatile("" ::: "memory");
	return p->id * n;
}

__attribute__((noinline)) int outer(struct part *p, int n)
{
	int sum = inner(p, n + 1);

	__asm__ volatile("" : "+r"(sum) : : "memory");
	return sum + doubled(sum);
}

int main(void)
{
	struct part head = { 7, &tail, "head" };

	printf("%d\n", outer(&head, 3));
	return 0;
}
