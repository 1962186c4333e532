/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watched_children N: N times a child, that adds 500 to a counter, with a child of its own, that adds 500 more, to what it was
 * given; then the program runs itself once more, with none, and adds 20 there. Each checks what it has got.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

volatile int total;

static void add(int n)
{
	for (int i = 0; i < n; i++) {
		total++;
		if (i % 100 == 0)
			usleep(1000);
	}
}

static void wait_for(pid_t child)
{
	int status = 0;

	if (waitpid(child, &status, 0) != child || status) {
		printf("status %x\n", (unsigned)status);
		exit(1);
	}
}

static void child(void)
{
	pid_t grandchild;

	add(500);
	grandchild = fork();
	if (!grandchild) {
		add(500);
		_exit(total != 1000);
	}
	wait_for(grandchild);
	_exit(total != 500);
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 0;

	if (!n) {
		add(20);
		printf("done %d\n", total);
		return 0;
	}
	printf("begin\n");
	fflush(stdout);
	for (int i = 0; i < n; i++) {
		pid_t p = fork();

		if (!p)
			child();
		wait_for(p);
	}
	execl("/proc/self/exe", argv[0], "0", NULL);
	return 1;
}
