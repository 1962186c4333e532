/* SPDX-License-Identifier: Apache-2.0 */
/*
 * collector N: looks N times through its stack as OCaml's collector does, which knows all return addresses. The symbol by which such a program
 * is known is here as well.
 */
#include <stdio.h>
#include <stdlib.h>

extern const char etext, __executable_start;
static int wrong;

__attribute__((noinline)) void caml_call_gc(void)
{
	void **frame = __builtin_frame_address(0);

	/* The frames of the two callers. */
	for (int i = 0; i < 2; i++, frame = *frame) {
		const char *back = frame[1];

		wrong += back < &__executable_start || back >= &etext;
	}
}

__attribute__((noinline)) long allocate(long n)
{
	caml_call_gc();
	return n + 1;
}

__attribute__((noinline)) long work(long n)
{
	long r = allocate(n) * 3;

	__asm__ volatile("" : "+r"(r));
	return r + 1;
}

int main(int argc, char **argv)
{
	long sum = 0;
	int n = argc > 1 ? atoi(argv[1]) : 10;

	for (int i = 0; i < n; i++)
		sum += work(i);
	printf("%ld wrong=%d\n", sum, wrong);
	return wrong != 0;
}
