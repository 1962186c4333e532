/* SPDX-License-Identifier: Apache-2.0 */
/* processes fork|exec N: N children, one after another, that end at once or become /bin/true; microseconds for each. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

int main(int argc, char **argv)
{
	char *words[] = { (char *)"/bin/true", NULL };
	int n = argc > 2 ? atoi(argv[2]) : 0, status;
	double begin = now();
	pid_t pid;

	for (int i = 0; i < n; i++) {
		if (strcmp(argv[1], "exec") == 0) {
			if (posix_spawn(&pid, words[0], NULL, NULL, words, environ))
				return 1;
		} else {
			pid = fork();
			if (!pid)
				_exit(0);
		}
		waitpid(pid, &status, 0);
	}
	printf("%.1f\n", (now() - begin) / n);
	return 0;
}
