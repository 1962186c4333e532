/* SPDX-License-Identifier: Apache-2.0 */
/* What a session knows of the system calls in files: each is looked through once, for all processes that run it. */
#ifndef SPILE_CTL_FILE_CALLS_H
#define SPILE_CTL_FILE_CALLS_H

#include "ctl/session.h"

/*
 * One executable mapping of a file, whoever has it. What was found is the session's, of types that belong to those who look,
 * and its addresses do not depend on where the file is mapped; NULL: nobody has looked yet, or only
 * into a process that has ended.
 */
struct ctl_file_calls {
	uint64_t device, inode, offset, size; /* offset in the file; size of the mapping */
	int64_t changed; /* the file, ns: one may be written over in its place; 0: it cannot be opened */
	const struct hook_sites *signals; /* about signals (hook_plan.c) */
	const struct life_places *life; /* that make and end processes (life.c) */
	const struct known_calls *all; /* syscalls.c */
};
/* That of the mapping, made if it is new; file: what its path opens, NULL if it cannot be. Stays where it is. */
struct ctl_file_calls *ctl_file_calls_of(struct ctl_session *s, const struct proc_map *m, const struct elf_file *file);

#endif
