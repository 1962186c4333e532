/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pingpong ROUNDS: two threads wake each other by turns, through pipes. Each tells its number and how often it left a
 * processor, because it slept or though it could have gone on:
 *
 *	1235 677 2
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static int to_echo[2], from_echo[2];

static void tell(void)
{
	struct rusage r;

	getrusage(RUSAGE_THREAD, &r);
	printf("%d %ld %ld\n", (int)gettid(), r.ru_nvcsw, r.ru_nivcsw);
	fflush(stdout);
}

static void *echo(void *unused)
{
	char c;

	(void)unused;
	while (read(to_echo[0], &c, 1) == 1)
		if (write(from_echo[1], &c, 1) != 1)
			exit(1);
	tell();
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	char c = 1;

	if (argc < 2 || pipe(to_echo) || pipe(from_echo) || pthread_create(&thread, NULL, echo, NULL))
		return 1;
	for (int i = atoi(argv[1]); i > 0; i--)
		if (write(to_echo[1], &c, 1) != 1 || read(from_echo[0], &c, 1) != 1)
			return 1;
	close(to_echo[1]);
	pthread_join(thread, NULL);
	tell();
	return 0;
}
