/* SPDX-License-Identifier: Apache-2.0 */
/* What procfs.c and input.c share. */
#ifndef SPILE_CTL_PROCFS_H
#define SPILE_CTL_PROCFS_H

#include <termios.h>

#include "ctl/folder.h"
#include "ctl/session.h"

/* A file that scripts answer readers of, or take what is written to. */
struct ctl_procfs_file {
	const char *path; /* whole */
	uint32_t mode;
	int read; /* the probe; -1 none */
	VEC(uint32_t) writes; /* probes */
	int fd; /* of the file that the path leads to, under a lease */
	bool warned;
};

/* One that somebody has opened to write. */
struct ctl_procfs_written {
	const struct ctl_procfs_file *file;
	int fd, watch;
	uint64_t at; /* bytes taken */
	bool done; /* taken out of the list */
};

/* The tool's standard input. */
struct ctl_input {
	VEC(uint32_t) chars, lines; /* probes */
	int fd; /* -1: there is nothing more */
	bool is_terminal;
	struct termios before; /* settings of the terminal, while they are ours */
	struct buf line; /* begun */
};

struct ctl_procfs {
	struct ctl_folder folder;
	VEC(struct ctl_procfs_file) files;
	VEC(struct ctl_procfs_written) written; /* in the order they were opened */
	int notes; /* inotify: of those */
	uint32_t delayed; /* rounds in which writers were not done */
	bool closed; /* by somebody, since it was last asked who has them open */
	struct ctl_input input;
	struct abi_procfs value; /* what the tool's slot points to */
	char *text; /* of $value: room for `room` bytes */
	uint32_t room;
};

/* Runs the handlers of a write for a piece of text, which is cut to what a string holds. */
void ctl_procfs_give(struct ctl_session *s, const uint32_t *probes, uint32_t n, const char *text,
		     uint32_t length);
/* Whether handlers may run. */
bool ctl_procfs_may_run(const struct ctl_session *s);

/* ---- input.c */
void ctl_input_open(struct ctl_session *s);
/* True: there may be more. */
bool ctl_input_serve(struct ctl_session *s);
/* Gives the terminal back. */
void ctl_input_close(struct ctl_session *s);
/* The terminal's settings are as before; may be called by a signal's handler. */
void ctl_input_restore(void);

#endif
