/* SPDX-License-Identifier: Apache-2.0 */
/* burn SECONDS: of processor time, in functions whose names tell which of two programs this is. */
#include <stdlib.h>
#include <time.h>

#ifdef OTHER
#define INNER other_inner
#define OUTER outer_other
#else
#define INNER burn_inner
#define OUTER outer_burn
#endif
static volatile unsigned long sink;

__attribute__((noinline)) void INNER(void)
{
	for (int i = 0; i < 100000; i++)
		sink += (unsigned long)i;
}

__attribute__((noinline)) void OUTER(void)
{
	INNER();
	sink++;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	double end = argc > 1 ? atof(argv[1]) : 1;

	while (now() < end)
		OUTER();
	return 0;
}
