/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts: what each function of a module does, itself and through what it
 * calls.  A handler's edges do only what its facts ask for: a counter needs no
 * error state, a handler that cannot print needs no end.
 */
#include "gen/private.h"

#include <string.h>

#define QUIET 1u /* neither prints nor fails nor locks: nothing to do at the handler's end */
#define BLIND 2u /* reads no register of the target */

/* Runtime functions; one that is not listed may do anything. */
static const struct runtime_fact {
	const char *name;
	uint32_t bits;
} runtime_facts[] = {
	{ "rt_str_copy", QUIET | BLIND },
	{ "rt_str_concat", QUIET | BLIND },
	{ "rt_str_compare", QUIET | BLIND },
	{ "rt_strlen", QUIET | BLIND },
	{ "rt_substr", QUIET | BLIND },
	{ "rt_isinstr", QUIET | BLIND },
	{ "rt_strpos", QUIET | BLIND },
	{ "rt_stringat", BLIND },
	{ "rt_strtol", QUIET | BLIND },
	{ "rt_str_replace", QUIET | BLIND },
	{ "rt_isdigit", QUIET | BLIND },
	{ "rt_text_str", QUIET | BLIND },
	{ "rt_text_strn", QUIET | BLIND },
	{ "rt_string_quoted", QUIET | BLIND },
	{ "rt_tokenize", QUIET | BLIND },
	{ "rt_print", BLIND },
	{ "rt_sprint", QUIET | BLIND },
	{ "rt_print_hist", BLIND },
	{ "rt_sprint_hist", BLIND },
	{ "rt_log", BLIND },
	{ "rt_warn", BLIND },
	{ "rt_system", BLIND },
	{ "rt_error", BLIND },
	{ "rt_raise", BLIND },
	{ "rt_catch", BLIND },
	{ "rt_exit", BLIND },
	{ "rt_abort", BLIND },
	{ "rt_map_get", QUIET | BLIND },
	{ "rt_map_get_str", QUIET | BLIND },
	{ "rt_map_ref", BLIND },
	{ "rt_map_ref_long", BLIND },
	{ "rt_map_set_str", BLIND },
	{ "rt_map_has", QUIET | BLIND },
	{ "rt_map_delete", QUIET | BLIND },
	{ "rt_map_clear", QUIET | BLIND },
	{ "rt_map_stat_add", BLIND },
	{ "rt_map_stat", QUIET | BLIND },
	{ "rt_each_begin", BLIND },
	{ "rt_each_next", QUIET | BLIND },
	{ "rt_each_key", QUIET | BLIND },
	{ "rt_each_key_str", QUIET | BLIND },
	{ "rt_each_value", QUIET | BLIND },
	{ "rt_each_value_str", QUIET | BLIND },
	{ "rt_stat_add", QUIET | BLIND },
	{ "rt_stat_get", BLIND },
	{ "rt_stat_bucket", BLIND },
	{ "rt_stat_clear", QUIET | BLIND },
	{ "rt_lock", BLIND },
	{ "rt_unlock", BLIND },
	{ "rt_view", BLIND },
	{ "rt_collapse", BLIND },
	{ "rt_read", BLIND },
	{ "rt_read_signed", BLIND },
	{ "rt_user_string", BLIND },
	{ "rt_user_bytes", BLIND },
	{ "rt_user_string_quoted", BLIND },
	{ "rt_pid", QUIET | BLIND },
	{ "rt_ppid", QUIET | BLIND },
	{ "rt_tid", QUIET | BLIND },
	{ "rt_uid", QUIET | BLIND },
	{ "rt_euid", QUIET | BLIND },
	{ "rt_gid", QUIET | BLIND },
	{ "rt_egid", QUIET | BLIND },
	{ "rt_pgrp", QUIET | BLIND },
	{ "rt_sid", QUIET | BLIND },
	{ "rt_execname", QUIET | BLIND },
	{ "rt_cpu", QUIET | BLIND },
	{ "rt_target", QUIET | BLIND },
	{ "rt_stp_pid", QUIET | BLIND },
	{ "rt_pp", QUIET | BLIND },
	{ "rt_ppfunc", QUIET | BLIND },
	{ "rt_mark_name", QUIET | BLIND },
	{ "rt_mark_provider", QUIET | BLIND },
	{ "rt_addr", QUIET | BLIND },
	{ "rt_clock", QUIET | BLIND },
	{ "rt_cycles", QUIET | BLIND },
	{ "rt_randint", BLIND },
	{ "rt_registers_valid", QUIET | BLIND },
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
	uint32_t bits = known ? known->bits : 0;

	f->calls = f->site = true;
	f->ends |= !(bits & QUIET);
	f->all_registers |= !(bits & BLIND);
}

static void see(struct gen_facts *f, const struct map *runtime, const struct ir_ins *ins)
{
	f->effects |= ins->op == IR_STORE || ins->op == IR_SHARDADD || ins->op == IR_CALL ||
		      ins->op == IR_CALLF || ins->op == IR_BUDGET;
	f->site |= ins->op == IR_SITE;
	if (ins->op == IR_CALL)
		see_call(f, map_find(runtime, ins->name));
	if (ins->op == IR_CALLF || ins->op == IR_BUDGET) /* may raise */
		f->ends = f->calls = f->site = true;
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
	into->ends |= from->ends;
	into->all_registers |= from->all_registers;
	into->site |= from->site;
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
		walk_chain(&c, i);
	if (c.recursive)
		bound_recursion(g);
}
