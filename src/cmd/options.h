/* SPDX-License-Identifier: Apache-2.0 */
/* The command line, parsed and checked. */
#ifndef SPILE_CMD_OPTIONS_H
#define SPILE_CMD_OPTIONS_H

#include "base/base.h"

enum cmd_action { ACTION_RUN, ACTION_LIST, ACTION_HELP, ACTION_VERSION, ACTION_CLEANUP, ACTION_DUMP_FUNCTIONS, ACTION_DUMP_TYPES,
	ACTION_DUMP_ALIASES, ACTION_PLOT };

#define CMD_PASSES 5
#define CMD_SAVED_ENDING ".spile"

/* The version of SystemTap's language that is spoken. */
#define CMD_LANGUAGE_VERSION "5.6"

struct cmd_assignment {
	const char *name, *value; /* value NULL: a bare -D NAME */
};

struct cmd_options {
	enum cmd_action action;
	const char *script_text; /* -e */
	const char *script_file; /* or NULL; "-" is standard input */
	VEC(const char *) extra; /* -E */
	const char *command; /* -c */
	uint32_t pid; /* the first -x, --cleanup */
	VEC(uint32_t) pids; /* all -x */
	bool no_follow; /* --follow=no */
	bool user; /* --user */
	const char *list; /* -l, -L */
	bool list_variables;
	int last_pass;
	const char *output; /* -o */
	uint64_t rotate_size; /* -S: bytes; 0 all in one file */
	uint32_t rotate_keep; /* files; 0 all */
	const char *module; /* -m: name without ".spile", or NULL */
	int64_t timeout_ns;
	uint64_t buffer; /* bytes per thread, 0 default */
	VEC(struct cmd_assignment) defines, globals;
	VEC(const char *) includes;
	bool guru, unoptimized, no_warnings, warnings_fail, timing, suppress_errors, no_global_display,
		lossless, skip_badvars, no_time_limits;
	int verbose[CMD_PASSES]; /* per pass */
	const char *compatible; /* version of the language, or NULL: the newest */
	const char *colour; /* never, always, auto */
	const char *flame; /* --flame: file, or NULL */
	const char *plot; /* --plot: kind */
	const char *prologue; /* -P: never, always, auto; NULL auto */
	char **script_args;
	uint32_t n_script_args;
};

/* argv with the options of the user's rc file in front; *argc is raised. */
char **cmd_rc_words(struct arena *a, int *argc, char **argv);
/* False after a message on standard error. */
bool cmd_options_parse(struct arena *a, int argc, char **argv, struct cmd_options *out);
void cmd_options_help(FILE *to);
/* A word of the form VAR=VALUE after a saved bundle is -G VAR=VALUE; false after a message. */
bool cmd_options_take_globals(struct arena *a, struct cmd_options *o);
/* Value of a -D limit, or the default; false after a message if it is no number in range. */
bool cmd_limit(const struct cmd_options *o, const char *name, int64_t least, int64_t most, int64_t *value);

#endif
