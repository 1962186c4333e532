/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bare_events HZ COMMAND...: runs the command with the event that profiles are made of (cpu-clock of the program's own part, inherited, for
 * each processor), and nobody who reads it: no ring, no sample's contents. What it costs is the kernel's interrupt.
 */
#define _GNU_SOURCE
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct perf_event_attr a = { .size = sizeof a,
				     .type = PERF_TYPE_SOFTWARE,
				     .config = PERF_COUNT_SW_CPU_CLOCK,
				     .inherit = 1,
				     .exclude_kernel = 1,
				     .exclude_hv = 1,
				     .freq = 1 };
	int go[2], status = 0;
	pid_t child;

	if (argc < 3 || pipe(go))
		return 2;
	a.sample_freq = strtoul(argv[1], NULL, 10);
	child = fork();
	if (!child) {
		char c;

		close(go[1]);
		if (read(go[0], &c, 1) == 1)
			execvp(argv[2], argv + 2);
		_exit(127);
	}
	for (int cpu = 0; cpu < sysconf(_SC_NPROCESSORS_CONF); cpu++)
		if (syscall(SYS_perf_event_open, &a, child, cpu, -1, PERF_FLAG_FD_CLOEXEC) < 0)
			perror("perf_event_open");
	if (write(go[1], "x", 1) != 1)
		return 1;
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
