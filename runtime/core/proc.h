/* SPDX-License-Identifier: Apache-2.0 */
/* Reading files of /proc: bounded, on the stack, without a descriptor left behind. */
#ifndef SPILE_RUNTIME_PROC_H
#define SPILE_RUNTIME_PROC_H

#include <stdbool.h>
#include <stdint.h>

struct rt_proc_file {
	long fd;
	uint32_t at, n, taken;
	char buffer[1024];
};

/* /proc/PID/NAME, 0 the process itself; /proc/NAME for a negative pid. False: it cannot be opened. */
bool rt_proc_open(struct rt_proc_file *f, int64_t pid, const char *name);
void rt_proc_close(struct rt_proc_file *f);
/* The next byte, or -1 at the end, which comes after 1 MiB at the latest. */
int rt_proc_byte(struct rt_proc_file *f);

#define RT_PROC_SMALL 4096u
/* The beginning of a small file, with a NUL behind it; returns its length, -1: it cannot be read. */
int64_t rt_proc_small(int64_t pid, const char *name, char text[RT_PROC_SMALL]);

/* A number from /proc/PID/status: column 0.. of the line of the key; 0 if it is not there. */
int64_t rt_proc_status(int64_t pid, const char *key, int64_t column);

struct rt_proc_path {
	char text[96];
	uint32_t n;
};
void rt_proc_path(struct rt_proc_path *p, int64_t pid, const char *name);

#endif
