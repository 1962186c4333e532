/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faults N [M]: touches N fresh pages of a mapping, in touch(), then sleeps N times in rest(), then goes to another of the first
 * two processors M times, in hop().
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

__attribute__((noinline)) void touch(volatile char *page)
{
	*page = 1;
}

__attribute__((noinline)) void rest(void)
{
	nanosleep(&(struct timespec){ 0, 100000 }, NULL);
}

__attribute__((noinline)) void hop(int to)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(to, &set);
	if (sched_setaffinity(0, sizeof set, &set))
		perror("sched_setaffinity");
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1;
	char *pages = mmap(NULL, (size_t)n * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || madvise(pages, (size_t)n * 4096, MADV_NOHUGEPAGE))
		return 1;
	for (int i = 0; i < n; i++)
		touch(pages + (size_t)i * 4096);
	for (int i = 0; i < n; i++)
		rest();
	for (int i = 0; argc > 2 && i < atoi(argv[2]); i++)
		hop(i & 1);
	puts("done");
	return 0;
}
