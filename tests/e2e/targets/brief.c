/* SPDX-License-Identifier: Apache-2.0 */
/* brief N: N times a process that executes this program again, works for some milliseconds, and ends; or, brief N fork, works without exec. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile unsigned long sink;

__attribute__((noinline)) void burn_inner(int rounds)
{
	for (int i = 0; i < rounds; i++)
		sink += (unsigned long)i;
}

__attribute__((noinline)) void burn(void)
{
	burn_inner(3000000);
	sink++;
}

static void child(char **argv, int forks)
{
	if (!forks) {
		execl("/proc/self/exe", argv[0], "0", NULL);
		_exit(1);
	}
	burn();
	_exit(0);
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 0;

	if (!n)
		burn();
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();
		int status;

		if (!pid)
			child(argv, argc > 2);
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			return 1;
	}
	return 0;
}
