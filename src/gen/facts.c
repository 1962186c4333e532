/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts: what each function of a module does, itself and through what it
 * calls.  A handler's edges do only what its facts ask for: a counter needs no
 * error state, a handler that cannot print needs no end.
 */
#include "gen/private.h"

#include <string.h>

#define FAILS 1u /* may set slot->error */
#define PUBLISHES 2u /* leaves records or locks for the handler's end, or changes the session */
#define REGISTERS 4u /* may read any register of the target */
#define PLACE 8u /* looks at slot->site */
#define CHANGES 16u /* writes registers of the target */
#define ENDS 32u /* may end the session on purpose: exit(), error() */
#define ANYTHING (FAILS | PUBLISHES | REGISTERS | PLACE)

/* What runtime functions need of a handler's edges; one that is not listed may need anything. */
static const struct runtime_fact {
	const char *name;
	uint32_t bits;
} runtime_facts[] = {
	{ "rt_str_copy", 0 },
	{ "rt_str_concat", 0 },
	{ "rt_str_compare", 0 },
	{ "rt_strlen", 0 },
	{ "rt_substr", 0 },
	{ "rt_isinstr", 0 },
	{ "rt_strpos", 0 },
	{ "rt_stringat", FAILS },
	{ "rt_strtol", 0 },
	{ "rt_str_replace", 0 },
	{ "rt_isdigit", 0 },
	{ "rt_text_str", 0 },
	{ "rt_text_strn", 0 },
	{ "rt_string_quoted", 0 },
	{ "rt_json_quoted", 0 },
	{ "rt_tokenize", 0 },
	{ "rt_regex_test", 0 },
	{ "rt_regex_match", 0 },
	{ "rt_match_forget", 0 },
	{ "rt_matched", FAILS },
	{ "rt_ngroups", FAILS },
	{ "rt_print", PUBLISHES },
	{ "rt_sprint", 0 },
	{ "rt_print_hist", FAILS | PUBLISHES },
	{ "rt_sprint_hist", FAILS },
	{ "rt_log", PUBLISHES },
	{ "rt_warn", PUBLISHES },
	{ "rt_system", PUBLISHES },
	{ "rt_switch_file", PUBLISHES },
	{ "rt_error", FAILS | ENDS },
	{ "rt_raise", FAILS },
	{ "rt_called_from", 0 },
	{ "rt_catch", FAILS },
	{ "rt_exit", PUBLISHES | ENDS },
	{ "rt_abort", FAILS | PUBLISHES | ENDS },
	{ "rt_map_get", 0 },
	{ "rt_map_get_str", 0 },
	{ "rt_map_ref", FAILS },
	{ "rt_map_ref_long", FAILS },
	{ "rt_map_set_str", FAILS },
	{ "rt_map_has", 0 },
	{ "rt_map_delete", 0 },
	{ "rt_map_clear", 0 },
	{ "rt_map_stat_add", FAILS },
	{ "rt_map_stat", 0 },
	{ "rt_each_begin", FAILS },
	{ "rt_each_next", 0 },
	{ "rt_each_key", 0 },
	{ "rt_each_key_str", 0 },
	{ "rt_each_value", 0 },
	{ "rt_each_value_str", 0 },
	{ "rt_stat_add", 0 },
	{ "rt_stat_get", FAILS },
	{ "rt_stat_bucket", FAILS },
	{ "rt_stat_clear", 0 },
	{ "rt_lock", PUBLISHES },
	{ "rt_unlock", PUBLISHES },
	{ "rt_condition_holds", PUBLISHES },
	{ "rt_condition_changed", PUBLISHES },
	{ "rt_view", FAILS },
	{ "rt_collapse", PUBLISHES },
	{ "rt_read", FAILS },
	{ "rt_read_signed", FAILS },
	{ "rt_user_string", FAILS },
	{ "rt_user_bytes", FAILS },
	{ "rt_user_string_quoted", FAILS },
	{ "rt_pid", 0 },
	{ "rt_ppid", 0 },
	{ "rt_tid", 0 },
	{ "rt_uid", 0 },
	{ "rt_euid", 0 },
	{ "rt_gid", 0 },
	{ "rt_egid", 0 },
	{ "rt_pgrp", 0 },
	{ "rt_sid", 0 },
	{ "rt_execname", 0 },
	{ "rt_cpu", 0 },
	{ "rt_target", 0 },
	{ "rt_user_mode", 0 },
	{ "rt_sample_name", 0 },
	{ "rt_sample_value", 0 },
	{ "rt_counter", 0 },
	{ "rt_processor_counter", 0 },
	{ "rt_counters_open", 0 },
	{ "rt_stp_pid", 0 },
	{ "rt_pp", PLACE },
	{ "rt_ppfunc", PLACE },
	{ "rt_mark_name", PLACE },
	{ "rt_mark_provider", PLACE },
	{ "rt_addr", PLACE },
	{ "rt_clock", 0 },
	{ "rt_cycles", 0 },
	{ "rt_zone_west", 0 },
	{ "rt_zone_name", 0 },
	{ "rt_timing", 0 },
	{ "rt_randint", FAILS },
	{ "rt_text_keep", 0 },
	{ "rt_text_kept", 0 },
	{ "rt_text_drop", 0 },
	{ "rt_register", FAILS | PLACE | REGISTERS },
	{ "rt_argument", FAILS | PLACE | REGISTERS },
	{ "rt_registers_valid", PLACE },
	{ "rt_user_string_wide", FAILS },
	{ "rt_write_number", FAILS },
	{ "rt_store", FAILS },
	{ "rt_store_register", REGISTERS | CHANGES },
	{ "rt_set_argument", FAILS | PLACE | REGISTERS | CHANGES },
	{ "rt_narrow_float", 0 },
	{ "rt_ubacktrace", PLACE | REGISTERS },
	{ "rt_ucallers", PLACE | REGISTERS },
	{ "rt_ustack", FAILS | PLACE | REGISTERS },
	{ "rt_sprint_ubacktrace", PLACE | REGISTERS },
	{ "rt_print_ubacktrace", PUBLISHES | PLACE | REGISTERS },
	{ "rt_print_ubacktrace_from", PUBLISHES },
	{ "rt_print_usyms", PUBLISHES },
	{ "rt_sprint_usyms", 0 },
	{ "rt_place_text", 0 },
	{ "rt_line_text", 0 },
	{ "rt_build_id_text", 0 },
	{ "rt_write_string", FAILS },
	{ "rt_write_string_n", FAILS },
	{ "rt_delay", 0 },
	{ "rt_raise_signal", FAILS | PUBLISHES },
	{ "rt_task_exists", 0 },
	{ "rt_task_stat", FAILS },
	{ "rt_task_pages", FAILS },
	{ "rt_task_status", FAILS },
	{ "rt_task_limit", FAILS },
	{ "rt_task_time", FAILS },
	{ "rt_task_files", FAILS },
	{ "rt_load_average", 0 },
	{ "rt_task_name", 0 },
	{ "rt_task_children", 0 },
	{ "rt_task_link", 0 },
	{ "rt_task_arguments", 0 },
	{ "rt_environment", 0 },
	{ "rt_procfs_value", 0 },
	{ "rt_max_string", 0 },
	{ "rt_procfs_put", FAILS },
	{ "rt_procfs_folder", 0 },
	{ "rt_module_path", 0 },
	{ "rt_module_offset", 0 },
	{ "rt_module_base", FAILS },
	{ "rt_fp_add", 0 },
	{ "rt_fp_sub", 0 },
	{ "rt_fp_mul", 0 },
	{ "rt_fp_div", 0 },
	{ "rt_fp_rem", 0 },
	{ "rt_fp_sqrt", 0 },
	{ "rt_fp_eq", 0 },
	{ "rt_fp_le", 0 },
	{ "rt_fp_lt", 0 },
	{ "rt_fp_from_long", 0 },
	{ "rt_fp_to_long", 0 },
	{ "rt_fp_widen", 0 },
	{ "rt_fp_to_string", 0 },
	{ "rt_string_to_fp", 0 },
	{ "rt_flag_names", 0 },
	{ "rt_name_of", 0 },
	{ "rt_name_value", 0 },
};

static struct map *index_runtime(struct arena *a)
{
	struct map *m = map_create(a);

	for (uint32_t i = 0; i < base_count(runtime_facts); i++)
		map_put(m, runtime_facts[i].name, (void *)&runtime_facts[i]);
	return m;
}

static void see_call(struct gen_facts *f, const struct runtime_fact *known)
{
	uint32_t bits = known ? known->bits : ANYTHING;

	f->calls = true;
	f->fails |= (bits & FAILS) != 0;
	f->publishes |= (bits & PUBLISHES) != 0;
	f->all_registers |= (bits & REGISTERS) != 0;
	f->site |= (bits & PLACE) != 0;
	f->changes_registers |= (bits & CHANGES) != 0;
	f->ends |= (bits & ENDS) != 0;
}

static void see(struct gen_facts *f, const struct map *runtime, const struct ir_ins *ins)
{
	f->effects |= ins->op == IR_STORE || ins->op == IR_SHARDADD || ins->op == IR_CALL ||
		      ins->op == IR_CALLF || ins->op == IR_BUDGET;
	f->site |= ins->op == IR_SITE;
	if (ins->op == IR_CALL)
		see_call(f, map_find(runtime, ins->name));
	if (ins->op == IR_CALLF || ins->op == IR_BUDGET) /* may raise */
		f->calls = f->fails = true;
	f->callf |= ins->op == IR_CALLF;
	f->budget |= ins->op == IR_BUDGET;
	if (ins->op == IR_TARGET) {
		f->targets |= 1u << ins->i;
		f->site |= ins->i == ABI_RIP;
	}
}

static bool merge(struct gen_facts *into, const struct gen_facts *from)
{
	struct gen_facts before = *into;

	into->calls |= from->calls;
	into->callf |= from->callf;
	into->fails |= from->fails;
	into->publishes |= from->publishes;
	into->all_registers |= from->all_registers;
	into->changes_registers |= from->changes_registers;
	into->site |= from->site;
	into->ends |= from->ends;
	into->budget |= from->budget;
	into->targets |= from->targets;
	return memcmp(&before, into, sizeof before) != 0;
}

static bool merge_callees(struct gen *g, uint32_t function)
{
	bool more = false;

	vec_each(b, &g->m->functions.p[function]->blocks)
		vec_each(ins, &b->ins)
			if (ins->op == IR_CALLF)
				more |= merge(&g->facts[function], &g->facts[ins->i]);
	return more;
}

/* ---- depth of calls ---------------------------------------------------------------- */

struct chain {
	struct gen *g;
	uint8_t *state; /* 0 new, 1 being walked, 2 done */
	bool recursive;
};

static void walk_chain(struct chain *c, uint32_t function)
{
	const struct ir_function *f = c->g->m->functions.p[function];
	struct gen_facts *facts = &c->g->facts[function];
	uint64_t frame = 0, calls = 0;

	c->recursive |= c->state[function] == 1;
	if (c->state[function])
		return;
	c->state[function] = 1;
	vec_each(b, &f->blocks)
		vec_each(ins, &b->ins)
			if (ins->op == IR_CALLF) {
				walk_chain(c, (uint32_t)ins->i);
				frame = base_max(frame, c->g->facts[ins->i].path_frame);
				calls = base_max(calls, c->g->facts[ins->i].path_calls);
			}
	facts->path_frame = frame + f->frame_size;
	facts->path_calls = calls + 1;
	c->state[function] = 2;
}

/* With recursion, MAXNESTING bounds the chain: so many of the largest frame, and the handler. */
static void bound_recursion(struct gen *g)
{
	uint64_t largest = 0;

	for (uint32_t i = 0; i < g->m->functions.n; i++)
		largest = base_max(largest, (uint64_t)g->m->functions.p[i]->frame_size);
	for (uint32_t i = 0; i < g->m->functions.n; i++) {
		g->facts[i].path_frame = largest * ((uint64_t)g->limits->max_nesting + 1);
		g->facts[i].path_calls = (uint64_t)g->limits->max_nesting + 1;
	}
}

void gen_facts(struct gen *g)
{
	const struct map *runtime = index_runtime(g->arena);
	struct chain c = { .g = g, .state = arena_alloc(g->arena, g->m->functions.n) };
	bool more = true;

	g->facts = arena_array(g->arena, struct gen_facts, g->m->functions.n + 1);
	for (uint32_t i = 0; i < g->m->functions.n; i++)
		vec_each(b, &g->m->functions.p[i]->blocks)
			vec_each(ins, &b->ins)
				see(&g->facts[i], runtime, ins);
	while (more) {
		more = false;
		for (uint32_t i = 0; i < g->m->functions.n; i++)
			more |= merge_callees(g, i);
	}
	for (uint32_t i = 0; i < g->m->functions.n; i++)
		g->facts[i].site |= g->m->functions.p[i]->at_return &&
				    (g->facts[i].all_registers || g->facts[i].targets & 1u << ABI_RSP);
	for (uint32_t i = 0; i < g->m->functions.n; i++)
		walk_chain(&c, i);
	if (c.recursive)
		bound_recursion(g);
}
