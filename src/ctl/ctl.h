/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl: the session: inject, arm, collect, format, time, disarm.
 *
 * Knows a bundle and processes; no script, no tree.
 *
 *	struct ctl_options o = { .bundle = b, .command = "sleep 1", ... };
 *	int status;
 *	struct error *e = ctl_run(&o, &status);
 */
#ifndef SPILE_CTL_H
#define SPILE_CTL_H

#include "base/base.h"
#include "bundle/bundle.h"

struct ctl_options {
	struct arena *arena;
	const struct bundle *bundle;
	/* the target: at most one of command and pids */
	char **command; /* NULL-ended words to execve (path search done by us), or NULL */
	const char *command_text; /* as given to -c */
	const uint32_t *pids; /* -x: target() is the first */
	uint32_t n_pids;
	FILE *out; /* script output: stdout or -o */
	const char *out_path; /* of -o, or NULL; where rotate_size is set `out` is its .0 */
	uint64_t rotate_size; /* -S: bytes of one file; 0 all */
	uint32_t rotate_keep; /* files; 0 all */
	FILE *err; /* messages */
	int verbose;
	bool quiet; /* -w: no warnings */
	bool lossless;
	bool suppress_handler_errors;
	bool timing; /* -t */
	bool colour;
	uint64_t ring_size; /* bytes per thread, power of two; 0: default */
	int64_t timeout_ns; /* -T; 0 none */
	bool guru;
	bool user; /* --user: whoever of the caller's processes maps a file that is probed */
	bool no_follow; /* --follow=no: processes that the target makes are left alone */
	/* Told of the stacks that arrays hold in the end, the outermost frame first; NULL: nobody asks. */
	void (*stack)(void *user, const char *const *frames, uint32_t n, uint64_t value);
	void *stack_user;
};
/*
 * Runs begin handlers, arms, runs the target, disarms, runs end (or error)
 * handlers, prints everything. *status: SystemTap's exit status (0, or 1 after run-time errors above
 * MAXERRORS or a child that failed). An error: could not run at all; nothing is left in the target.
 */
struct error *ctl_run(const struct ctl_options *o, int *status) BASE_MUST_CHECK;

/* --cleanup PID: takes out what a killed session left. */
struct error *ctl_cleanup(struct arena *a, uint32_t pid) BASE_MUST_CHECK;

#endif
