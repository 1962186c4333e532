/* SPDX-License-Identifier: Apache-2.0 */
/* A debug exception whose reason got lost looks like this to the program: it sends such signals to itself, and executes int1. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

volatile int total;
static volatile int traps;

static void on_trap(int sig)
{
	traps += sig == SIGTRAP;
}

static void stray(int code)
{
	siginfo_t info;

	memset(&info, 0, sizeof info);
	info.si_signo = SIGTRAP;
	info.si_code = code;
	syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGTRAP, &info);
}

int main(void)
{
	signal(SIGTRAP, on_trap);
	for (int i = 0; i < 5; i++)
		total++;
	stray(TRAP_BRKPT);
	stray(TRAP_HWBKPT);
	__asm__ volatile("int1");
	printf("%d traps\n", traps);
	return 0;
}
