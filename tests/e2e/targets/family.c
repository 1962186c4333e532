/* SPDX-License-Identifier: Apache-2.0 */
/*
 * family parent: starts two children, then all three call beat() every 20 ms; family thread-exec PROGRAM: a
 * thread that is not the first becomes PROGRAM; family grand N: a chain of N generations by fork, the last one calls beat().
 * family spawn PROGRAM N: N times by posix_spawn; family fail: execs of files that are not there or no programs.
 */
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

__attribute__((noinline)) void beat(int i)
{
	__asm__ volatile("" ::"r"(i) : "memory");
}

static void beat_on(void)
{
	for (int i = 0;; i++) {
		beat(i);
		usleep(20000);
	}
}

static void *become(void *program)
{
	execl(program, program, (char *)NULL);
	return NULL;
}

static int generations(int n)
{
	int status = 0;
	pid_t pid;

	if (!n) {
		beat(0);
		return 0;
	}
	pid = fork();
	if (!pid)
		_exit(generations(n - 1));
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static int spawn(const char *program, int n)
{
	char *words[] = { (char *)program, NULL };
	int good = 0, status;
	pid_t pid;

	for (int i = 0; i < n; i++)
		if (!posix_spawn(&pid, program, NULL, NULL, words, environ) && waitpid(pid, &status, 0) == pid)
			good += status == 0;
	printf("spawned %d\n", good);
	return 0;
}

int main(int argc, char **argv)
{
	pthread_t t;

	setvbuf(stdout, NULL, _IONBF, 0);
	if (argc > 2 && strcmp(argv[1], "thread-exec") == 0) {
		pthread_create(&t, NULL, become, argv[2]);
		pthread_join(t, NULL);
		return 1;
	}
	if (argc > 2 && strcmp(argv[1], "grand") == 0)
		return generations(atoi(argv[2]));
	if (argc > 3 && strcmp(argv[1], "spawn") == 0)
		return spawn(argv[2], atoi(argv[3]));
	if (argc > 1 && strcmp(argv[1], "fail") == 0) {
		execl("/no/such/file", "x", (char *)NULL);
		execl("/etc/passwd", "x", (char *)NULL);
		execl(argv[0], argv[0], "grand", "0", (char *)NULL);
		return 1;
	}
	if (fork() && fork())
		printf("ready\n");
	beat_on();
}
