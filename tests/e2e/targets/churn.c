/* SPDX-License-Identifier: Apache-2.0 */
/*
 * churn THREADS: one after another, in groups, each on a stack at an address that none had before; each
 * calls work() once. Prints how often it was called.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define GROUP 16
#define STACK 65536

static long calls;

__attribute__((noipa)) long work(long i)
{
	return __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) + i;
}

static void *runner(void *arg)
{
	work(1);
	return arg;
}

int main(int argc, char **argv)
{
	int wanted = argc > 1 ? atoi(argv[1]) : 10000;
	char *at = mmap(NULL, (size_t)wanted * 2 * STACK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			-1, 0);

	for (int i = 0; i < wanted; i += GROUP) {
		pthread_t t[GROUP];
		pthread_attr_t a;

		pthread_attr_init(&a);
		for (int k = 0; k < GROUP; k++) {
			char *stack = at + (size_t)(i + k) * 2 * STACK;

			mprotect(stack, STACK, PROT_READ | PROT_WRITE);
			pthread_attr_setstack(&a, stack, STACK);
			if (pthread_create(&t[k], &a, runner, NULL))
				return 2;
		}
		for (int k = 0; k < GROUP; k++)
			pthread_join(t[k], NULL);
		if (i % 512 == 0)
			usleep(20000);
	}
	printf("calls=%ld\n", calls);
	return 0;
}
