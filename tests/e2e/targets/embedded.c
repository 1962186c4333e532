/* SPDX-License-Identifier: Apache-2.0 */
/* Calls work() from several threads; says the sum of what it returned. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct item {
	int number;
	char name[16];
	struct item *next;
};

static long total;

__attribute__((noinline)) long work(const struct item *first, double weight)
{
	long sum = 0;

	for (; first; first = first->next)
		sum += first->number;
	return sum + (long)(weight * 2);
}

static void *run(void *rounds)
{
	struct item c = { 3, "three", NULL }, b = { 2, "two", &c }, a = { 1, "one", &b };
	long sum = 0;

	for (long i = 0; i < (long)rounds; i++) {
		sum += work(&a, 1.5);
		if ((long)rounds > 100000 && i % 64 == 0)
			usleep(1000);
	}
	__atomic_add_fetch(&total, sum, __ATOMIC_RELAXED);
	return NULL;
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 1;
	pthread_t threads[4];

	puts("begun");
	fflush(stdout);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, run, (void *)rounds);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	printf("%ld\n", total);
	return 0;
}
