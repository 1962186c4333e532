/* SPDX-License-Identifier: Apache-2.0 */
/* handled N: comes back from N signal handlers. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static volatile sig_atomic_t handled;
static void handle(int number)
{
	(void)number;
	handled++;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 3;

	signal(SIGUSR1, handle);
	for (int i = 0; i < n; i++)
		raise(SIGUSR1);
	printf("handled %d\n", (int)handled);
	return 0;
}
