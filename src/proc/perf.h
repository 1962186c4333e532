/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part of proc's door: the kernel's performance events (perf_event_open(2)) of other threads.
 *
 * One ring for each processor takes the records of all events; every thread
 * watched has each event once per processor, because events that new threads
 * and processes inherit write into a processor's ring only.  Nothing of it is
 * seen in the threads: no signal, no descriptor, no memory.
 *
 *	struct proc_perf *perf;
 *	struct error *e = proc_perf_open(arena, events, n, &perf);
 *	e = proc_perf_follow(perf, pid);
 *	proc_perf_read(perf, now, visit, user);
 *	proc_perf_close(perf);
 */
#ifndef SPILE_PROC_PERF_H
#define SPILE_PROC_PERF_H

#include <sys/types.h>

#include "base/base.h"

/* What to ask of the kernel, for every thread. Numbers as in linux/perf_event.h. */
struct proc_perf_event {
	uint32_t type; /* PERF_TYPE_ */
	uint64_t config;
	uint64_t period; /* events between two samples, or with is_frequency samples in a second; 0: none */
	bool is_frequency;
	bool switches; /* records of threads that get and lose a processor */
	bool maps; /* records of what is mapped to be executed; of the first event */
	uint32_t stack; /* bytes of the user's stack to copy, a multiple of 8 */
	/*
	 * A tracepoint (proc/tracepoint.h), with what it tells. It is asked for on whole processors, as the events of a thread
	 * that sleeps do not tell who wakes it; its records are those where the thread, or `subject`, is watched.
	 */
	bool raw;
	uint32_t subject; /* raw: offset of another thread in it; 0: none */
	const char *name; /* for messages */
	/* out */
	bool user_only; /* the kernel's part is kept from us */
};

/* Registers of a record: by their numbers in the instruction set, then rip and rflags. */
#define PROC_PERF_REGISTERS 18

enum proc_perf_kind {
	PROC_PERF_SAMPLE, /* of events[event] */
	PROC_PERF_SWITCH_IN,
	PROC_PERF_SWITCH_OUT,
	PROC_PERF_FORK, /* pid and tid: the parent, child_pid and child_tid: the new one */
	PROC_PERF_EXIT,
	PROC_PERF_EXEC,
	PROC_PERF_RENAME, /* of the thread, not by an exec */
	PROC_PERF_MAP, /* the process has mapped something that can be executed */
};
/* Of a MAP; the path valid during the visit, as the process sees it. */
struct proc_perf_map {
	uint64_t start, length, offset;
	uint64_t device, inode;
	const char *path;
};
struct proc_perf_record {
	enum proc_perf_kind kind;
	uint32_t event; /* SAMPLE: index */
	uint32_t pid, tid, cpu;
	int64_t time; /* CLOCK_MONOTONIC, ns */
	uint32_t child_pid, child_tid;
	bool in_kernel; /* SAMPLE: registers are those at the entry to the kernel */
	bool preempted; /* SWITCH_OUT: it could have gone on */
	bool has_registers;
	uint64_t address; /* SAMPLE: of the instruction */
	uint64_t registers[PROC_PERF_REGISTERS];
	const uint8_t *stack; /* its bytes from rsp on; valid during the visit; NULL none */
	uint32_t stack_size;
	const uint8_t *raw; /* what a tracepoint tells; valid during the visit; NULL none */
	uint32_t raw_size;
	struct proc_perf_map map;
	char name[16]; /* EXEC, RENAME; with a NUL */
};

struct proc_perf;

/*
 * Makes rings. The first event tells of threads' births, ends and names too, so it is not raw. Errors name the setting that forbids it and what to do. The array stays the caller's and must
 * live as long.
 */
struct error *proc_perf_open(struct arena *a, struct proc_perf_event *events, uint32_t n,
			     struct proc_perf **out) BASE_MUST_CHECK;
/*
 * Watches all threads of the process, those that they make from now on, and processes
 * that they fork. The process need not be stopped. ERROR_NO_PROCESS: it has ended.
 */
struct error *proc_perf_follow(struct proc_perf *p, pid_t pid) BASE_MUST_CHECK;
/* Watches every process of the machine; needs a privilege. */
struct error *proc_perf_follow_all(struct proc_perf *p) BASE_MUST_CHECK;
bool proc_perf_watches(const struct proc_perf *p, uint32_t tid); /* since its records have been read */
/* No more records after it; those written can still be read. */
void proc_perf_stop(struct proc_perf *p);
/*
 * Visits records in order of time, those before `until` (CLOCK_MONOTONIC, ns). A record becomes readable
 * some microseconds after its time: `until` is to lie PROC_PERF_LAG back. Returns their number.
 */
#define PROC_PERF_LAG 1000000
typedef void proc_perf_visit(void *user, const struct proc_perf_record *r);
uint64_t proc_perf_read(struct proc_perf *p, int64_t until, proc_perf_visit *visit, void *user);
uint64_t proc_perf_lost(const struct proc_perf *p); /* records that found no room */
/* How full the fullest ring was at the last look, per cent. */
uint32_t proc_perf_load(const struct proc_perf *p);
void proc_perf_close(struct proc_perf *p);

/*
 * A debug register of one thread, and of those that it makes from now on, until an exec: accesses of the bytes raise SIGTRAP in it,
 * code TRAP_PERF, with `data` in si_perf_data. The kernel's own accesses, for system calls, do not. *fd is to be
 * closed. ERROR_NO_PROCESS: the thread has ended.
 */
struct proc_watchpoint {
	uint64_t address, length; /* 1, 2, 4, 8 bytes; a multiple of it */
	bool reads; /* they count too */
	bool children; /* processes that it forks have it too */
	uint64_t data;
};
struct error *proc_watchpoint_open(const struct proc_watchpoint *w, pid_t tid, int *fd) BASE_MUST_CHECK;

/*
 * A counter that threads are to read for themselves, by its page (struct perf_event_mmap_page) and rdpmc: an error if this
 * machine does not have it, or does not let programs read it.
 */
struct proc_counter {
	uint32_t type; /* PERF_TYPE_ */
	uint64_t config;
	const char *name; /* for messages */
	/* out */
	bool user_only; /* what the kernel does is not to be counted: ordinary users may not */
	const char *file; /* tests: its first page stands for the counter's, nothing is to be opened; else NULL */
};
struct error *proc_counter_check(struct proc_counter *c) BASE_MUST_CHECK;

/* /proc/sys/kernel/perf_event_paranoid; -1 .. 4; INT_MIN if it cannot be read. */
int proc_perf_paranoid(void);
/* An error for a refused event, with its likely reason and a hint. */
struct error *proc_perf_explain(const char *what, int saved_errno);

#endif
