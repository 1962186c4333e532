/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storm N AT-ONCE [KILL]: N children, AT-ONCE of them at a time; a third becomes another program (this one, as
 * `storm leaf`), a third calls leaf() itself, a third is made by vfork and becomes a program.  Every KILLth is killed at
 * some moment.  Prints how many there were of each, by how they ended.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *self;

__attribute__((noinline)) void leaf(int i)
{
	__asm__ volatile("" ::"r"(i) : "memory");
}

static pid_t start(int i)
{
	pid_t pid;

	if (i % 3 == 2) {
		pid = vfork();
		if (!pid) {
			execl(self, self, "leaf", (char *)NULL);
			_exit(9);
		}
		return pid;
	}
	pid = fork();
	if (pid)
		return pid;
	if (i % 3 == 1)
		execl(self, self, "leaf", (char *)NULL);
	leaf(i);
	exit(0);
}

int main(int argc, char **argv)
{
	int n = atoi(argv[1]), most = argc > 2 ? atoi(argv[2]) : 1, kill_each = argc > 3 ? atoi(argv[3]) : 0;
	int running = 0, exited = 0, killed = 0, status;

	self = argv[0];
	if (strcmp(argv[1], "leaf") == 0) {
		leaf(0);
		return 0;
	}
	for (int i = 0; i < n || running;) {
		if (i < n && running < most) {
			pid_t pid = start(i++);

			if (kill_each && i % kill_each == 0) {
				usleep((unsigned)(i * 37 % 3000));
				kill(pid, SIGKILL);
			}
			running++;
			continue;
		}
		if (wait(&status) < 0)
			break;
		running--;
		exited += WIFEXITED(status) && !WEXITSTATUS(status);
		killed += WIFSIGNALED(status);
	}
	printf("exited %d killed %d\n", exited, killed);
	return exited + killed != n;
}
