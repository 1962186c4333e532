/* SPDX-License-Identifier: Apache-2.0 */
/* deep DEPTH: a function with arguments on the stack that calls itself so often, so that as many are under way at once. */
#include <stdio.h>
#include <stdlib.h>

typedef long deep(long, long, long, long, long, long, long, long);
static deep *volatile next; /* so that the compiler makes no loop of it */

__attribute__((noipa)) long f_deep(long a, long b, long c, long d, long e, long f, long g, long depth)
{
	if (!depth)
		return a + b + c + d + e + f + g;
	return next(a, b, c, d, e, f, g, depth - 1) + 1;
}

int main(int argc, char **argv)
{
	long depth = argc > 1 ? atol(argv[1]) : 1, wrong = 0;

	next = f_deep;
	for (int i = 0; i < 3; i++)
		wrong += f_deep(1, 2, 3, 4, 5, 6, 7, depth) != 28 + depth;
	printf("wrong=%ld\n", wrong);
	return wrong != 0;
}
