/* SPDX-License-Identifier: Apache-2.0 */
/* A search for functions of one module, shared by .function, .statement and .callee. */
#ifndef SPILE_PROBE_FUNCTION_H
#define SPILE_PROBE_FUNCTION_H

#include "probe/pattern.h"

struct function_search {
	struct process_query *query;
	const struct process_module *module;
	const struct function_pattern *pattern;
	const char *component; /* "function", "statement" */
	const char *suffix; /* ".call", ".nearest", "" */
	bool call_only, inline_only, exported_only, at_return;
	bool at_entry; /* at the first instruction, not behind the prologue */
	const char *label; /* glob of .label, or NULL */
	const char *callees; /* glob of .callee, "*" for .callees; NULL: neither */
	uint32_t levels; /* of .callees(N) */
	elf_code_fn *code_list; /* gets the code instead of a site; the user is the search */
	void *user; /* of code_list */
	/* while it goes on */
	const char *shown, *tail; /* of the function at hand */
	const struct elf_code *caller;
	bool by_debug, any;
	uint64_t last; /* address of the symbol before */
	struct map *addresses; /* of functions found */
	struct elf_function before; /* that was listed, when any_before */
	bool any_before;
	VEC(const char *) not_returning; /* inlined functions, for .return */
};

/* "name@file:line" as a literal of the script language */
const char *process_place_text(struct arena *a, const char *name, const char *file, uint32_t line);
struct sema_site *process_code_site(struct function_search *s, const struct elf_code *c,
				    uint64_t address, const char *name, const char *tail);
/* pp() of a site, where it is not as it is listed. */
void process_site_shown(struct function_search *s, struct sema_site *site, const char *component,
			const char *place);
/* Every function of the pattern by debug information; false: there is none. */
bool process_functions_find(struct function_search *s);
void process_symbols_find(struct function_search *s);
void process_functions_near(struct function_search *s);
void process_warn(struct process_query *q, struct span at, const char *text);

/* callee.c */
bool process_callees_read(struct function_search *s, const struct point_component *c);
elf_code_fn process_callees_hook;

#endif
