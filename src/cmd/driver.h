/* SPDX-License-Identifier: Apache-2.0 */
/* The passes in order, and what is said about them. */
#ifndef SPILE_CMD_DRIVER_H
#define SPILE_CMD_DRIVER_H

#include "cmd/options.h"
#include "ctl/ctl.h"
#include "lang/lang.h"
#include "sema/sema.h"

#include <sys/resource.h>

struct cmd_session {
	struct rlimit stack; /* RLIMIT_STACK as it was */
	bool stack_known;
	VEC(const char *) syscalls; /* names behind syscall., where the script asks for one that may be wrong */
	struct arena *arena;
	struct cmd_options *options;
	struct source_set *sources;
	struct diag_list diags;
	struct intern *names;
	struct lang_conditions conditions;
	struct lang_options lang;
	struct lang_macros *macros;
	VEC(struct lang_file *) library, user;
	bool *args_used, argc_used;
	bool colour;
	const char *target_path; /* executable of -c or -x; NULL unknown */
	char **command; /* words of -c */
	struct error *command_error; /* why -c cannot be started */
};

/* The whole run: an exit status. */
int cmd_run(struct cmd_session *s);
int cmd_list(struct cmd_session *s);
/* dump.c: lists, each sorted, of what the library and the tool offer; names that begin with _ with -v. */
int cmd_dump_functions(struct cmd_session *s);
int cmd_dump_types(struct cmd_session *s);
int cmd_dump_aliases(struct cmd_session *s);
/* What the passes need of the options and the machine. */
void cmd_prepare(struct cmd_session *s);

/* tapset.c: parses all .stpm, then all .stp files of the library directories. */
struct error *cmd_tapset_load(struct cmd_session *s) BASE_MUST_CHECK;
/* The library's folder; NULL: not found. */
const char *cmd_tapset_folder(struct arena *a);
/*
 * syscalls.c: adds the aliases of system calls that a point of the user's files, or of `listed`, may mean; all: every one.
 */
struct error *cmd_syscalls_load(struct cmd_session *s, const struct probe_decl *listed, bool all) BASE_MUST_CHECK;
/* command.c: splits -c, finds target_path of -c or -x. */
struct error *cmd_target_find(struct cmd_session *s) BASE_MUST_CHECK;

/* message.c */
void cmd_error(const struct cmd_session *s, const struct error *e);
struct cmd_clock {
	int64_t user, system, real; /* ns */
};
struct cmd_clock cmd_clock_now(void);
/* "Pass 2: analyzed script: ... in 10usr/0sys/12real ms." with -v */
void cmd_pass_done(const struct cmd_session *s, int pass, struct cmd_clock since, const char *fmt, ...)
	BASE_PRINTF(4, 5);
/* Prints the diagnostics; false if there are errors, with "Pass N: ... failed." said. */
bool cmd_pass_check(struct cmd_session *s, int pass);

#endif
