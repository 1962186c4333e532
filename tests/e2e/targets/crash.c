/* SPDX-License-Identifier: Apache-2.0 */
/* crash segv|abort|exit|bad: three good steps, then the end that was asked for; bad: a step with a bad pointer first. */
#include <stdlib.h>
#include <string.h>

__attribute__((noinline)) int step(int n, const char *text)
{
	__asm__ volatile("" : : "r"(n), "r"(text) : "memory");
	return n;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "exit";
	volatile int *volatile null = NULL;

	for (int i = 0; i < 3; i++)
		step(i, "fine");
	if (strcmp(how, "bad") == 0)
		step(3, (const char *)16);
	if (strcmp(how, "segv") == 0)
		*null = 1;
	if (strcmp(how, "abort") == 0)
		abort();
	return 42;
}
