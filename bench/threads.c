/* SPDX-License-Identifier: Apache-2.0 */
/* threads THREADS BUSY: THREADS threads call work(), BUSY of them without rest, the others every millisecond. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static long busy;

__attribute__((noinline)) void work(void)
{
	__asm__ volatile("" : : : "memory");
}

static void *runner(void *arg)
{
	for (;;) {
		work();
		if ((long)arg >= busy)
			usleep(1000);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	long threads = argc > 1 ? atol(argv[1]) : 1;
	pthread_t t;

	busy = argc > 2 ? atol(argv[2]) : 0;
	for (long i = 1; i < threads; i++)
		pthread_create(&t, NULL, runner, (void *)i);
	runner(NULL);
	return 0;
}
