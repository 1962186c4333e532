/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the family `process` share. */
#ifndef SPILE_PROBE_PROCESS_H
#define SPILE_PROBE_PROCESS_H

#include "probe/probe.h"

/* One object file that a probe point selects. */
struct process_module {
	struct elf_file *file;
	const char *listed; /* process("/usr/bin/x").library("/lib/y") */
	const char *point; /* process("/lib/y"): pp() names the object alone */
};

/* What was looked for: "execute_comand", "function", "functions"; text NULL: not by name. */
struct process_wanted {
	const char *text, *one, *many;
};

/* One probe point on its way to sites. */
struct process_query {
	struct sema_resolver *resolver;
	const struct probe_point *point;
	uint32_t tail; /* index of the first component behind root and library */
	const struct process_tail *row;
	VEC(struct process_module) modules;
	VEC(struct sema_site *) sites;
	/* names that were there but did not match, for the message */
	VEC(const char *) near;
	struct process_wanted wanted;
	bool at_return; /* probe_type(): uretprobe */
	const char *type; /* probe_type() of others than functions and statements, or NULL */
};

/* Adds the sites of one module to q->sites. False after a diagnostic. */
typedef bool process_resolve_fn(struct process_query *q, const struct process_module *m);
process_resolve_fn process_statement_resolve, process_plt_resolve;
process_resolve_fn process_data_resolve, process_mark_resolve, process_function_resolve, process_address_resolve,
	process_absolute_resolve, process_syscall_resolve;

struct process_tail {
	const char *text;
	bool libraries;
	process_resolve_fn *resolve; /* NULL: not in this version */
	enum probe_life life;
};

/* life.c: adds the points of a tail with `life`. */
bool process_life_resolve(struct process_query *q);

/* module.c: fills q->modules from root and library. False after a diagnostic. */
bool process_modules_find(struct process_query *q);

/* A diagnostic at a component, unless the point is optional. */
void process_error(struct process_query *q, enum diag_tag tag, struct span at, const char *fmt, ...)
	BASE_PRINTF(4, 5);
/* "no match (similar functions: a, b)"; without a wanted text or near names: "no match". */
void process_no_match(struct process_query *q, struct span at);
/* The names nearest to `want`, at most five, joined by ", "; NULL if none. Reorders names. */
const char *process_similar(struct arena *a, const char *want, const char **names, uint32_t n);
/* A new site in q->sites; tail is what listing and pp() show behind the module. */
struct sema_site *process_site_add(struct process_query *q, const struct process_module *m,
				   uint64_t address, const char *tail);
/* -l, which shows no addresses, so that they need not be right, and nothing else of a site than its line. */
bool process_is_short_listing(const struct process_query *q);
/* One of which only the line of a listing is known. */
struct sema_site *process_site_listed(struct process_query *q, const struct process_module *m, const char *line);
/* String argument of component i; it is known to be one. */
const char *process_text(const struct process_query *q, uint32_t i);

/* A variable, wherever it stands; see sema_provider.variable. */
typedef struct expr *process_variable_fn(struct sema_resolver *r, const struct sema_site *site,
					 struct expr *target, bool probing);
process_variable_fn process_mark_variable, process_data_variable, process_syscall_variable;
/* Where a watchpoint's frame has its values: ABI_WATCH_ of abi.h. */
#define PROCESS_WATCH_BEFORE 16
#define PROCESS_WATCH_AFTER 8
/* "" as an expression */
struct expr *process_empty_text(struct sema_resolver *r, struct expr *target);

#endif
