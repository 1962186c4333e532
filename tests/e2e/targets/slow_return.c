/* SPDX-License-Identifier: Apache-2.0 */
/* A function that takes argv[1] tenths of a second, deep in itself, called in turn by two threads. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((noinline)) long f_slow(int depth, int tenths)
{
	long r;

	if (!depth) {
		usleep(100000 * (unsigned)tenths);
		return 2;
	}
	r = f_slow(depth - 1, tenths);
	__asm__ volatile("");
	return r + 4;
}

int main(int argc, char **argv)
{
	long r = 0;

	puts("ready");
	fflush(stdout);
	sleep(1);
	for (int i = 0; i < 5; i++)
		r = f_slow(10, argc > 1 ? atoi(argv[1]) : 1);
	printf("result %ld\n", r);
	return 0;
}
