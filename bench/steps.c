/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steps PID ADDRESS ROUNDS: instructions that the process executes from one visit of the address to the next, by single steps. An
 * rdpmc that faults is emulated, so that machines without counters count it too.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

static int step(pid_t pid, struct user_regs_struct *r)
{
	int status;

	if (ptrace(PTRACE_SINGLESTEP, pid, 0, 0) || waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_GETREGS, pid, 0, r))
		return -1;
	if (WSTOPSIG(status) != SIGSEGV)
		return 0;
	if ((ptrace(PTRACE_PEEKTEXT, pid, r->rip, 0) & 0xffff) != 0x330f)
		return -1;
	r->rip += 2;
	r->rax = r->rdx = 0;
	return (int)ptrace(PTRACE_SETREGS, pid, 0, r);
}

int main(int argc, char **argv)
{
	pid_t pid = argc > 3 ? atoi(argv[1]) : 0;
	unsigned long address = argc > 3 ? strtoul(argv[2], NULL, 16) : 0, steps = 0;
	long rounds = argc > 3 ? atol(argv[3]) : 0, round = -1;
	struct user_regs_struct r;
	int status;

	if (!pid || ptrace(PTRACE_ATTACH, pid, 0, 0) || waitpid(pid, &status, __WALL) != pid)
		return 2;
	while (round < rounds) {
		if (step(pid, &r))
			return 1;
		steps += round >= 0;
		round += r.rip == address;
	}
	ptrace(PTRACE_DETACH, pid, 0, 0);
	printf("%.1f\n", (double)steps / (double)rounds);
	return 0;
}
