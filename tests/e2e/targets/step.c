/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step START END PROGRAM ARGS...: runs the program step by step and prints how often each address of its
 * code in [START, END) (hex, as in the file) was executed. The independent counter of the tests. The dynamic
 * loader is not stepped through: it binds everything before the program's entry.
 */
#include <elf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where a position-independent program is loaded; 0 for others. */
static unsigned long base_of(pid_t pid, const char *program)
{
	char name[64], line[4096];
	unsigned long start = 0;
	unsigned char head[18] = { 0 };
	FILE *f = fopen(program, "r");

	if (!f || fread(head, 1, sizeof head, f) != sizeof head)
		exit(2);
	fclose(f);
	if (head[16] == 2) /* ET_EXEC */
		return 0;
	snprintf(name, sizeof name, "/proc/%d/maps", (int)pid);
	f = fopen(name, "r");
	while (f && fgets(line, sizeof line, f))
		if (strstr(line, program) && sscanf(line, "%lx", &start) == 1)
			break;
	if (f)
		fclose(f);
	return start;
}

static unsigned long entry_of(pid_t pid)
{
	unsigned long pair[2] = { 0 };
	char name[64];
	FILE *f;

	snprintf(name, sizeof name, "/proc/%d/auxv", (int)pid);
	f = fopen(name, "r");
	while (f && fread(pair, sizeof pair, 1, f) == 1 && pair[0] != AT_ENTRY)
		;
	if (!f || pair[0] != AT_ENTRY)
		exit(2);
	fclose(f);
	return pair[1];
}

/* By a breakpoint there. */
static void run_to(pid_t pid, unsigned long address, int *status)
{
	long word = ptrace(PTRACE_PEEKTEXT, pid, address, NULL);
	struct user_regs_struct r;

	ptrace(PTRACE_POKETEXT, pid, address, (word & ~0xffL) | 0xcc);
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	if (waitpid(pid, status, 0) != pid || !WIFSTOPPED(*status) || ptrace(PTRACE_GETREGS, pid, NULL, &r))
		exit(2);
	ptrace(PTRACE_POKETEXT, pid, address, word);
	r.rip = address;
	ptrace(PTRACE_SETREGS, pid, NULL, &r);
}

int main(int argc, char **argv)
{
	unsigned long start, end, base;
	unsigned long last = 0;
	unsigned *counts;
	int status;
	pid_t pid;

	if (argc < 4)
		return 2;
	start = strtoul(argv[1], NULL, 16);
	end = strtoul(argv[2], NULL, 16);
	counts = calloc(end - start, sizeof *counts);
	pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		fclose(stdout);
		setenv("LD_BIND_NOW", "1", 1);
		execv(argv[3], argv + 3);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return 2;
	base = base_of(pid, argv[3]);
	run_to(pid, entry_of(pid), &status);
	while (WIFSTOPPED(status)) {
		struct user_regs_struct r = { 0 };
		int sig = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);

		/* A string instruction with a repeat prefix stops at each turn. */
		if (ptrace(PTRACE_GETREGS, pid, NULL, &r) == 0 && r.rip - base >= start && r.rip - base < end &&
		    r.rip != last)
			counts[r.rip - base - start]++;
		last = r.rip;
		ptrace(PTRACE_SINGLESTEP, pid, NULL, (void *)(long)sig);
		if (waitpid(pid, &status, 0) != pid)
			break;
	}
	for (unsigned long i = 0; i < end - start; i++)
		if (counts[i])
			printf("%lx %u\n", start + i, counts[i]);
	return 0;
}
