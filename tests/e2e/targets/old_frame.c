/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signal frame that is over, above the stack pointer of a thread that goes on: the alternate stack is
 * part of memory in main's own frame, as runtimes that take all stacks from one heap have it. The frame
 * interrupted code that was not there when the program began, in its largest mapping.
 *
 * With an argument the signal handler sleeps there until SIGUSR1.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

static volatile sig_atomic_t over, ended, sleeps;
static volatile uint64_t total;
static FILE *maps; /* open all the time: the number of descriptors stays */

static int interrupted_probe(uint64_t pc)
{
	char line[512];
	uint64_t start, end, best = 0;
	int found = 0;

	rewind(maps);
	while (fgets(line, sizeof line, maps))
		if (sscanf(line, "%lx-%lx", &start, &end) == 2 && strstr(line, "memfd:spile:code") &&
		    end - start > best) {
			best = end - start;
			found = pc >= start && pc < end;
		}
	return found;
}

static void on_alarm(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *c = context;

	(void)sig, (void)info;
	over |= interrupted_probe((uint64_t)c->uc_mcontext.gregs[REG_RIP]);
	if (!over)
		setitimer(ITIMER_REAL, &(struct itimerval){ .it_value = { 0, 1000 } }, NULL);
	while (over && sleeps)
		pause();
}

static void on_usr1(int sig)
{
	(void)sig;
	sleeps = 0;
}

static void on_term(int sig)
{
	(void)sig;
	ended = 1;
}

__attribute__((noinline)) void work(uint64_t n)
{
	total += n & 1;
}

__attribute__((noinline)) void settled(void)
{
	__asm__ volatile("" ::: "memory");
}

int main(int argc, char **argv)
{
	char stack[65536];
	uint64_t calls = 0;

	(void)argv;
	sleeps = argc > 1;
	maps = fopen("/proc/self/maps", "r");
	if (!maps)
		return 2;
	sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = sizeof stack }, NULL);
	sigaction(SIGALRM, &(struct sigaction){ .sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART },
		  NULL);
	signal(SIGTERM, on_term);
	signal(SIGUSR1, on_usr1);
	printf("pid %d\n", (int)getpid());
	fflush(stdout);
	setitimer(ITIMER_REAL, &(struct itimerval){ .it_value = { 0, 1000 } }, NULL);
	for (; !ended; calls++) {
		work(calls);
		if (over)
			settled();
	}
	printf("wrong=%d over=%d\n", total != calls / 2, (int)over);
	return 0;
}
