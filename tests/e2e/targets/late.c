/* SPDX-License-Identifier: Apache-2.0 */
/*
 * late LIBRARY...: loads one more at each SIGUSR1, and calls late() of all of them until SIGTERM. With -DLIBRARY=N it
 * is such a library: late() gives N more than its argument.
 */
#ifdef LIBRARY
static volatile long by = LIBRARY;

/* Its first instruction is longer than a jump: the trampoline may be anywhere. */
__attribute__((noipa)) long late(long i)
{
	return by + i;
}
#else
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t wanted, stop;

static void on_signal(int sig)
{
	if (sig == SIGTERM)
		stop = 1;
	else
		wanted++;
}

int main(int argc, char **argv)
{
	long (*late[16])(long), wrong = 0;
	int n = 0;

	signal(SIGTERM, on_signal);
	signal(SIGUSR1, on_signal);
	printf("pid %d\n", (int)getpid());
	fflush(stdout);
	while (!stop) {
		while (n < wanted && n + 1 < argc) {
			void *library = dlopen(argv[n + 1], RTLD_NOW);

			late[n] = library ? (long (*)(long))dlsym(library, "late") : NULL;
			if (!late[n])
				return 2;
			n++;
			printf("loaded %d\n", n);
			fflush(stdout);
		}
		for (int i = 0; i < n; i++)
			wrong += late[i](1) != 2 + i;
		nanosleep(&(struct timespec){ 0, 200000 }, NULL);
	}
	printf("wrong=%ld\n", wrong);
	return wrong != 0;
}
#endif
